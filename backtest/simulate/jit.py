"""Where compiled code is kept, so that a second process does not compile again.

numba caches beside the source, which an installed package may not be able to write, and it does not notice when the
vectorbt it linked in has changed. The cache therefore lives under `NUMBA_CACHE_DIR`, or the user's cache directory,
in a folder of its own per vectorbt version.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path


def prepare() -> Path:
    """Settle numba's cache directory before anything compiles; the folder it will use."""
    import platformdirs

    chosen = os.environ.get("NUMBA_CACHE_DIR")
    base = Path(chosen) if chosen else platformdirs.user_cache_path("hedgebasket") / "numba"
    name = f"vectorbt-{version('vectorbt')}"
    folder = base if base.name == name else base / name
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    if "numba" in sys.modules:
        import numba

        numba.config.CACHE_DIR = str(folder)
    return folder
