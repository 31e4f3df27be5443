"""Files of other people's formats, translated into the store's tables: one small module a format.

`recognised(table, path)` reads a file that one of them knows, and gives None for any other (then it is one of ours).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_READERS = {
    "rates": "new_york_fed",
    "borrow": "broker_shortstock",
    "short_interest": "finra_short_interest",
    "factors": "kenneth_french",
}
_HEAD = 4096


def recognised(table: str, path: str | Path) -> pd.DataFrame | None:
    """The rows of a foreign file as rows of `table`, or None where no importer knows the file.

    Raises `DataError` where the format is known but the file is damaged.
    """
    if table not in _READERS or not Path(path).is_file():
        return None
    module = import_module(f"{__name__}.{_READERS[table]}")
    with Path(path).open("rb") as stream:
        head = stream.read(_HEAD)
    knows: Callable[[bytes], bool] = module.knows
    read: Callable[[bytes, str], pd.DataFrame] = module.read
    return read(Path(path).read_bytes(), Path(path).name) if knows(head) else None
