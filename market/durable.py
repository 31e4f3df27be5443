"""Files that are there as a whole or not at all, whenever the process that writes them is killed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file as a whole: written beside it, flushed to disk, renamed over it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sweep(directory: Path) -> None:
    """Delete what killed writers left beside their files; only for whoever alone writes in `directory`."""
    for path in directory.rglob(".*.tmp"):
        path.unlink(missing_ok=True)


def sync_file(path: Path) -> None:
    """Flush a file's content to disk."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def sync_directory(directory: Path) -> None:
    """Flush a directory's entries, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
