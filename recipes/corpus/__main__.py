"""Write the manifest of a folder of articles, from what the loader finds in them.

python -m recipes.corpus corpus --licence CC0-1.0
"""

import argparse
import json
from pathlib import Path

from rag.load import MANIFEST, Skipped, file_sha256, load
from rag.load.folder import file_name, walk

MAX_BYTES = 2**30


def rows(folder: Path, licence: str) -> list[dict[str, str]]:
    """One row a file, in the order of their names; of a file with several documents, the first one's facts.

    Raises:
        SourceError: A file cannot be read.
    """
    made = []
    for path in walk(folder):
        name = file_name(str(path.relative_to(folder)))
        if name in {MANIFEST, "README.md"}:
            continue
        for item in load([path], MAX_BYTES):
            if isinstance(item, Skipped):
                raise item.error
            row = {"id": name, "title": item.title, "published": item.published, "publisher": item.publisher}
            made.append(row | {"licence": licence, "sha256": file_sha256(path)})
            break
    return made


def write_manifest(folder: Path, licence: str) -> int:
    """Replace the folder's manifest in one step; returns how many files it lists."""
    made = rows(folder, licence)
    new = folder / f".{MANIFEST}.new"
    new.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made), "utf-8")
    new.replace(folder / MANIFEST)
    return len(made)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--licence", required=True)
    options = arguments.parse_args()
    print(f"{options.folder / MANIFEST}: {write_manifest(options.folder, options.licence)}")


if __name__ == "__main__":
    main()
