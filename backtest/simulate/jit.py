"""Where compiled code is kept, so that a second process does not compile again.

numba caches beside the source, which an installed package may not be able to write, and it looks only at the file of
the outermost function: a changed callee, ours or vectorbt's, would go unnoticed. The cache therefore lives under
`NUMBA_CACHE_DIR`, or the user's cache directory, in one folder per vectorbt version for vectorbt's functions and one
per content of our own compiled files for ours.
"""

from __future__ import annotations

import hashlib
import os
from importlib.metadata import version
from pathlib import Path

COMPILED = ("kernel.py", "vbt.py")  # the files of this package whose functions numba compiles


def _base() -> Path:
    import platformdirs

    chosen = os.environ.get("NUMBA_CACHE_DIR")
    return Path(chosen) if chosen else platformdirs.user_cache_path("hedgebasket") / "numba"


def _use(folder: Path) -> None:
    import numba

    setattr(numba.config, "CACHE_DIR", str(folder))  # noqa: B010  (the attribute is made at import)


def library_cache() -> None:
    """Send what vectorbt compiles to its folder. Call before vectorbt is imported."""
    _use(_base() / f"vectorbt-{version('vectorbt')}")


def engine_cache() -> None:
    """Send what this package compiles to a folder named after its content. Call before the functions are defined."""
    digest = hashlib.sha256(f"{version('vectorbt')} {version('numba')}".encode())
    for name in COMPILED:
        digest.update((Path(__file__).parent / name).read_bytes())
    _use(_base() / f"engine-{digest.hexdigest()[:12]}")
