"""Results as strict JSON text, and files that are written whole or not at all.

NaN and infinity have no JSON: they become null. Dates become ISO text, numpy scalars plain numbers, tuples lists.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

UNKNOWN = {"NAType", "NaTType"}  # pandas' own, by name: this module is imported where pandas must not be


def as_json(result: object) -> str:
    """Strict JSON: unknown numbers are null, dates are ISO text.

    >>> as_json({"a": float("nan"), "b": (1, 2)})
    '{\\n  "a": null,\\n  "b": [\\n    1,\\n    2\\n  ]\\n}'
    """
    return json.dumps(jsonable(result), indent=2, ensure_ascii=False, allow_nan=False)


def jsonable(value: object) -> object:
    """Plain JSON values for whatever the stages hand back: numpy scalars, timestamps, mappings, frames' records."""
    if value is None or isinstance(value, bool | str):
        return value
    if type(value).__name__ in UNKNOWN:
        return None
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    if isinstance(value, dt.date):
        text = value.isoformat()
        return text[:10] if text.endswith("T00:00:00") or len(text) == 10 else text
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return jsonable(value.tolist())
    if isinstance(value, int | float):
        return value if math.isfinite(value) else None
    return str(value)


def write_whole(path: Path, text: str) -> None:
    """Write a file in one step: readers see the old text or the new one.

    A link is followed, and what is no file (`/dev/stdout`, a pipe) is written to, never replaced.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        with open(path, "w", encoding="utf-8") as device:
            device.write(text)
        return
    path = path.resolve()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
