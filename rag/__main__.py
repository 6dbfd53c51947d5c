"""``python -m rag`` and ``rag``: the command line."""

import os


def main() -> None:
    """Run the command line, with numpy's matrix products on one thread.

    Ours are small: a second thread saves nothing on an idle machine, and where another program holds one
    of two cores, its waiting makes a question ten times slower. A variable that is set already is left.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is imported
    from rag.cli import main as run

    run()


if __name__ == "__main__":
    main()
