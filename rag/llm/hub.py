"""Names of a model hub to files on this disk: from the local cache, else downloaded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from rag.errors import GeungeoError, ModelMissingError

#: Quantisations in the order in which one is chosen where no pattern is given: size against quality.
PREFERRED = ("q4_k_m", "q4_k_s", "q4_0", "q5_k_m", "q6_k", "q8_0", "q3_k_m", "f16", "bf16")
_NO_WEIGHTS = re.compile(r"mmproj|imatrix", re.IGNORECASE)
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
TIMEOUT_S = 20.0


def is_file_name(spec: str) -> bool:
    """Whether ``spec`` names a file rather than a hub's repository."""
    return spec.lower().endswith(".gguf") and not re.fullmatch(r"[^/:]+/[^/:]+:.+", spec)


def local_or_fetched(spec: str) -> Path:
    """The file that ``spec`` names: one on this disk, or of a hub; see :func:`fetch`."""
    local = Path(spec).expanduser()
    return local if is_file_name(spec) or local.is_file() else fetch(spec)


def fetch(spec: str) -> Path:
    """The file that ``owner/repo`` or ``owner/repo:pattern`` names; of a split model, its first part.

    The cache is asked first, so that a model once downloaded needs no network.

    Raises:
        ModelMissingError: Not such a name, no such file there, or the hub is out of reach.
    """
    repo, _, pattern = spec.partition(":")
    if repo.count("/") != 1 or not all(repo.split("/")) or any(char.isspace() for char in repo):
        raise ModelMissingError(
            f"리더 {spec!r}을(를) 알 수 없습니다.",
            "embedded, none, .gguf 파일 경로, 또는 owner/repo:*Q4_K_M.gguf 꼴로 적어 주세요.",
        )
    cached = _cached(repo, pattern or "*.gguf")
    return cached if cached is not None else _downloaded(repo, pattern or "*.gguf")


def chosen(names: Iterable[str], pattern: str) -> str | None:
    """The best of the files that match ``pattern`` (case does not matter), or ``None``.

    Preferred quantisations first, then by name; projectors and later parts of split models never.
    """
    fitting = [
        name
        for name in names
        if fnmatch(name.lower(), pattern.lower()) or fnmatch(Path(name).name.lower(), pattern.lower())
    ]
    whole = [name for name in fitting if name.lower().endswith(".gguf") and not _NO_WEIGHTS.search(name)]
    first = [name for name in whole if (part := _PART.search(name)) is None or int(part[1]) == 1]
    return min(first, key=lambda name: (_preference(name), name), default=None)


def _preference(name: str) -> int:
    low = name.lower()
    return next((rank for rank, kind in enumerate(PREFERRED) if kind in low), len(PREFERRED))


def parts(name: str) -> list[str]:
    """All files of a split model, of which ``name`` is the first; else ``name`` alone."""
    part = _PART.search(name)
    if part is None:
        return [name]
    return [f"{name[: part.start()]}-{number:05}-of-{part[2]}.gguf" for number in range(1, int(part[2]) + 1)]


def _cached(repo: str, pattern: str) -> Path | None:
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"
    current = folder / "refs" / "main"
    commits = [current.read_text().strip()] if current.is_file() else []
    commits += sorted(path.name for path in folder.glob("snapshots/*") if path.name not in commits)
    for commit in commits:
        root = folder / "snapshots" / commit
        name = chosen((path.relative_to(root).as_posix() for path in root.rglob("*.gguf")), pattern)
        if name is not None and all((root / part).exists() for part in parts(name)):
            return root / name
    return None


def _downloaded(repo: str, pattern: str) -> Path:
    from huggingface_hub import HfApi, hf_hub_download

    try:
        # model_info, as list_repo_files repeats a failing request for 23 s before it gives up.
        files = [item.rfilename for item in HfApi().model_info(repo, timeout=TIMEOUT_S).siblings or ()]
        name = chosen(files, pattern)
        if name is None:
            raise _no_match(repo, pattern, files)
        first, *_ = [Path(hf_hub_download(repo, part)) for part in parts(name)]
        return first
    except GeungeoError:
        raise
    except Exception as error:  # the hub's client raises its HTTP packages' errors, which differ by version
        raise _out_of_reach(repo, error) from error


def _no_match(repo: str, pattern: str, files: Iterable[str]) -> ModelMissingError:
    there = sorted(name for name in files if name.lower().endswith(".gguf"))
    listed = ", ".join(there[:8]) or "GGUF 파일이 하나도 없습니다"
    return ModelMissingError(
        f"{repo}에 {pattern!r}에 맞는 파일이 없습니다.", f"파일 이름을 확인해 주세요: {listed}."
    )


def _out_of_reach(repo: str, error: Exception) -> ModelMissingError:
    names = {kind.__name__ for kind in type(error).__mro__}
    if "GatedRepoError" in names:
        return ModelMissingError(
            f"{repo}은(는) 이용 조건에 동의해야 받을 수 있습니다.",
            "허브에서 동의하고 HF_TOKEN을 설정하거나, 받아 둔 .gguf 파일 경로를 주세요.",
        )
    if "RepositoryNotFoundError" in names:
        return ModelMissingError(f"허브에 {repo}이(가) 없습니다.", "이름을 확인해 주세요.")
    cause = (str(error).splitlines() or [""])[0][:160] or type(error).__name__
    return ModelMissingError(
        f"{repo}에서 모델을 받을 수 없습니다({cause}).",
        "이름과 네트워크를 확인하거나, 받아 둔 .gguf 파일 경로를 주세요.",
    )
