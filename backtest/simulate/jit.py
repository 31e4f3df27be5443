"""Where compiled code is kept, so that a second process does not compile again.

numba caches beside the source, which an installed package may not be able to write, and it looks only at the file of
the outermost function: a changed callee, ours or vectorbt's, would go unnoticed. The cache therefore lives under
`NUMBA_CACHE_DIR`, or the user's cache directory, in one folder per vectorbt version for vectorbt's functions and one
per content of our own compiled files for ours. The choice holds while functions are being defined and is undone after.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., object])

COMPILED = ("codes.py", "kernel.py", "sizes.py", "vbt.py")  # the files of this package whose functions numba compiles


@contextmanager
def library_cache() -> Iterator[Path]:
    """While vectorbt is imported: send what it compiles to its own folder."""
    with _used(_base() / f"vectorbt-{version('vectorbt')}") as folder:
        yield folder


@contextmanager
def engine_cache() -> Iterator[Path]:
    """While functions of this package are defined: send what they compile to a folder named after their content."""
    digest = hashlib.sha256(f"{version('vectorbt')} {version('numba')}".encode())
    for name in COMPILED:
        digest.update((Path(__file__).parent / name).read_bytes())
    with _used(_base() / f"engine-{digest.hexdigest()[:12]}") as folder:
        yield folder


def _base() -> Path:
    import platformdirs

    chosen = os.environ.get("NUMBA_CACHE_DIR")
    return Path(chosen) if chosen else platformdirs.user_cache_path("hedgebasket") / "numba"


@contextmanager
def _used(folder: Path) -> Iterator[Path]:
    import numba

    before = getattr(numba.config, "CACHE_DIR")  # noqa: B009  (the attribute is made at import)
    setattr(numba.config, "CACHE_DIR", str(folder))  # noqa: B010
    try:
        yield folder
    finally:
        setattr(numba.config, "CACHE_DIR", before)  # noqa: B010


def compiled(function: Function) -> Function:
    """The function compiled at its first call, without the GIL, kept on disk; floats divide as numpy's do."""
    from numba import njit

    with engine_cache():
        return cast("Function", njit(nogil=True, cache=True, error_model="numpy")(function))
