"""The import graph is part of the design: this file is where it is written down."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS: list[set[str]] = [  # lowest first; a module imports only from strictly lower rows
    {"rag.errors"},
    {"rag.address", "rag.array", "rag.types", "rag.text"},
    {"rag.protocols", "rag.config", "rag.manifest", "rag.korean", "rag.pieces", "rag.quantity"},
    {"rag.crossencoder", "rag.encoder", "rag.growing", "rag.vector"},
    {"rag.lexicon"},
    {
        *("rag.load", "rag.chunk", "rag.embed", "rag.dense", "rag.lexical", "rag.store"),
        *("rag.evidence", "rag.extract", "rag.llm", "rag.prompt", "rag.ground", "rag.render"),
        "rag.dialogue",
    },
    {"rag.index"},
    {"rag.retrieve"},
    {"rag.assistant"},
    {"rag.assemble"},
    {"rag.doctor", "rag.library"},
    {"rag", "rag.command", "rag.report"},
    {"rag.chat", "rag.serve"},
    {"rag.cli"},
    {"rag.__main__"},
]
LEVEL = {name: level for level, row in enumerate(LAYERS) for name in row}
#: Members of a family folder stand in their family's row and may import each other.
FAMILIES = {
    *("rag.chat", "rag.cli", "rag.dense", "rag.dialogue", "rag.embed", "rag.evidence", "rag.extract"),
    *("rag.index", "rag.lexical", "rag.library", "rag.llm", "rag.load", "rag.serve"),
}
#: Same-row imports that a family needs, each with its reason.
SIDEWAYS = {
    ("rag.llm", "rag.prompt"),  # the reader fills the prompt it owns
    ("rag.extract", "rag.evidence"),  # spans are sought in the selected sentences
}
DOORS_MAY = {
    *("rag", "rag.command", "rag.errors", "rag.types", "rag.text", "rag.config", "rag.render"),
    "rag.quantity",
}
OWNERS = {
    "bm25s": "rag.lexical",
    "faiss": "rag.dense",
    "datasketch": "rag.library",
    "filelock": "rag.index",
    "httpx": "rag.load",
    "gradio": "rag.chat",
    "kiwipiepy": "rag.korean",
    "langchain_text_splitters": "rag.chunk",
    "lightgbm": "rag.extract",
    "loky": "rag.index",
    "llama_cpp": "rag.llm",
    "mcp": "rag.serve",
    "sentence_transformers": "rag.embed",
    "tokenizers": "rag.pieces",
    "torch": "rag.embed",
    "protego": "rag.load",
    "trafilatura": "rag.load",
    "watchfiles": "rag.library",
    **dict.fromkeys(("docx", "lxml", "olefile", "openpyxl", "pptx", "pypdfium2"), "rag.load"),
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def row_name(module: str) -> str:
    """The name that stands in LAYERS: the family for members of a family folder."""
    return next((family for family in FAMILIES if module.startswith(f"{family}.")), module)


def imports(path: Path) -> set[str]:
    """Absolute names imported anywhere in the file, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            for alias in node.names:
                deep = f"{node.module}.{alias.name}"
                found.add(deep if row_name(deep) in LEVEL else node.module or "")
    return found


SOURCES = sorted(
    path
    for path in [*ROOT.glob("rag/**/*.py"), *ROOT.glob("eval/**/*.py"), ROOT / "app.py"]
    if path.is_file()
)


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_point_downwards(path: Path) -> None:
    me, used = row_name(module_name(path)), {row_name(name) for name in imports(path)}
    assert not {"recipes", "tests"} & {name.split(".")[0] for name in used}
    if not me.startswith("rag"):
        may = DOORS_MAY | ({"rag.__main__"} if me == "app" else set())  # `rag chat` under its old name
        assert used & LEVEL.keys() <= may, f"{me} reaches past the public face"
        return
    assert me in LEVEL, f"{me} has no layer: give it one in LAYERS"
    for target in used - {me}:
        assert target.split(".")[0] not in {"app", "eval"}, f"{me} imports the door {target}"
        if target in LEVEL and (me, target) not in SIDEWAYS:
            assert LEVEL[target] < LEVEL[me], f"{me} imports {target}, which is not below it"


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_each_vendor_has_one_owner(path: Path) -> None:
    for vendor in {name.split(".")[0] for name in imports(path)} & OWNERS.keys():
        assert row_name(module_name(path)) == OWNERS[vendor], f"only {OWNERS[vendor]} imports {vendor}"


@pytest.mark.parametrize("module", ["rag", "rag.cli"])
def test_import_is_light(module: str) -> None:
    code = f"import {module}, sys; print(*({set(OWNERS)!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_a_question_waits_for_no_loader() -> None:
    """The command line's start is part of every answer: formats are read when something is indexed."""
    code = "import rag.cli, sys; print(*({'rag.load', 'rag.library'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_no_print_in_the_library() -> None:
    for path in ROOT.glob("rag/**/*.py"):
        calls = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))
        assert not any(isinstance(c.func, ast.Name) and c.func.id == "print" for c in calls), path
