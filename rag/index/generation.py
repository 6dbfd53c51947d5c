"""Generations of an index folder: who may write, which one is live, how a new one becomes so.

Layout::

    CURRENT                 name of the live generation, replaced by one rename
    LOCK                    held while someone writes; the system frees it when its process ends
    gen-<digest>/           the files of one generation, manifest.json written last

A reader that has opened a generation keeps its mapped files although a writer removes them.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rag import manifest
from rag.errors import IndexBusyError, IndexDamagedError, IndexMissingError, IndexWriteError

CURRENT = "CURRENT"
LOCK = "LOCK"
REBUILD = "rag index 로 색인을 다시 만들어 주세요."
_WORK = ".building-"
_POINTER = f".{CURRENT}-"
#: Whole names that are written here; a folder may hold other things that only begin like them.
_OURS = re.compile(r"gen-[0-9a-f]{16}|\.building-\d+(-damaged)?|\.CURRENT-\d+")
_DISK = "디스크의 빈 곳과 쓰기 권한을 확인한 뒤 다시 실행해 주세요. 이전 색인은 그대로 있습니다."


@contextmanager
def writing(folder: Path, wait_s: float = 0.0) -> Iterator[None]:
    """Be the only writer of ``folder``, which is made if missing; remains of killed writers are removed.

    Args:
        folder: An index folder.
        wait_s: Seconds to wait for another writer; 0 refuses at once.

    Raises:
        IndexBusyError: Another writer is still there.
        IndexWriteError: The folder cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, timeout=wait_s, fallback_to_soft=False, preserve_lock_file=True)
        lock.acquire()
    except Timeout:
        raise IndexBusyError(
            f"다른 프로세스가 색인 {folder}을(를) 쓰고 있습니다.", "끝난 뒤에 다시 실행해 주세요."
        ) from None
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        sweep(folder)
        yield
    finally:
        lock.release()


def unwritable(folder: Path, error: Exception) -> IndexWriteError:
    """The error of a write that the system refused: a full disk, a quota, no permission."""
    reason = getattr(error, "strerror", None) or str(error)
    return IndexWriteError(f"색인 {folder}을(를) 쓸 수 없습니다: {reason}.", _DISK)


@contextmanager
def work_folder(folder: Path) -> Iterator[Path]:
    """A place to write the next generation; it vanishes on any failure. Caller holds the lock."""
    work = folder / f"{_WORK}{os.getpid()}"
    try:
        work.mkdir()
        yield work
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def publish(folder: Path, work: Path) -> None:
    """Make ``work`` the live generation: everything on disk first, then one rename. Caller holds the lock."""
    for path in work.rglob("*"):
        _sync(path)
    name = named(work)
    if _sound(folder / name):  # the same content again: keep what readers have open
        shutil.rmtree(work)
    else:
        if (folder / name).exists():  # the same name, but damaged since
            (folder / name).rename(work.with_name(f"{work.name}-damaged"))
        work.rename(folder / name)
    pointer = folder / f"{_POINTER}{os.getpid()}"
    pointer.write_text(name + "\n")
    _sync(pointer)
    os.replace(pointer, folder / CURRENT)
    _sync(folder)


def named(generation: Path) -> str:
    """The name that a generation must have: by the digest of its manifest, which holds all other digests."""
    return f"gen-{manifest.file_digest(generation / manifest.NAME)[:16]}"


def _sound(generation: Path) -> bool:
    try:
        facts = manifest.read(generation)
        return named(generation) == generation.name and not manifest.faults(generation, facts, deep=True)
    except (OSError, ValueError):
        return False


def _sync(path: Path) -> None:
    """Bytes of a file, or names of a folder, onto the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sweep(folder: Path) -> None:
    """Remove generations that are not live and remains of killed builds. Caller holds the lock."""
    live = current(folder)
    for path in folder.iterdir():
        if path.name != live and _OURS.fullmatch(path.name):
            with suppress(OSError):  # it costs space only, and the next writer tries again
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def current(folder: Path) -> str | None:
    """Name of the live generation, or ``None`` where there is no index."""
    try:
        return (folder / CURRENT).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def live(folder: Path) -> Path:
    """Folder of the live generation.

    Raises:
        IndexMissingError: There is no index.
        IndexDamagedError: The pointer leads nowhere.
    """
    name = current(folder)
    while name is not None:
        generation = folder / name
        if name.startswith("gen-") and generation.is_dir():
            return generation
        before, name = name, current(folder)
        if name == before:  # else a writer has replaced it and swept the old one since we read its name
            raise IndexDamagedError(f"색인 {folder}이(가) 가리키는 {name!r}이(가) 없습니다.", REBUILD)
    raise IndexMissingError(
        f"{folder}에 색인이 없습니다.", f"먼저 rag index 문서폴더 --index {folder} 를 실행해 주세요."
    )
