"""Write the manifest of a folder of articles, from what the loader finds in them.

    python -m recipes.corpus corpus --licence CC0-1.0
"""

import argparse
import json
from pathlib import Path

from rag.load import MANIFEST, Skipped, file_sha256, load


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--licence", required=True)
    options = arguments.parse_args()
    manifest = options.folder / MANIFEST
    manifest.unlink(missing_ok=True)
    rows = []
    for item in load([options.folder], 2**30):
        if isinstance(item, Skipped):
            raise item.error
        row = {"id": item.id, "title": item.title, "published": item.published, "publisher": item.publisher}
        rows.append(row | {"licence": options.licence, "sha256": file_sha256(options.folder / item.id)})
    manifest.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    print(f"{manifest}: {len(rows)}")


if __name__ == "__main__":
    main()
