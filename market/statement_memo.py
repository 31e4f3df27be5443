"""Histories of statements kept beside a store, so that they are computed once and not in every run.

1. A memo belongs to one content of the facts, one list of tickers and one list of sessions, all told by fingerprints:
   it lies in a directory of that name, and directories of other fingerprints are cleared away.
2. One history is one uncompressed Arrow file, written beside and renamed; it is read through a memory map.
3. A memo is never needed: what cannot be written is not, what cannot be read is computed again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from market.facts import days
from market.statements import History

COMPUTED = 2  # raised when the same facts give other histories
_NONE = np.empty(0, dtype=np.int32)
NOTHING = History(_NONE.astype(np.int64), _NONE, _NONE, _NONE, _NONE, _NONE, np.empty(0), _NONE.astype(np.int64))
_FIELDS = ("key", "newest", "end", "row", "flags", "filed", "value", "max_age")


class StatementMemo:
    """The kept histories of one content of the facts."""

    def __init__(self, directory: Path, facts_fingerprint: str, tickers: pd.Index, sessions: pd.DatetimeIndex) -> None:
        digest = hashlib.blake2b(f"{COMPUTED} {facts_fingerprint}\n".encode(), digest_size=12)
        digest.update("\n".join(map(str, tickers)).encode())
        digest.update(days(sessions).tobytes())
        self._parent = directory
        self._directory = directory / digest.hexdigest()

    def load(self, name: str, basis: str, lag: int) -> History | None:
        """A kept history (empty where no company has the item), or None."""
        try:
            with pa.memory_map(str(self._path(name, basis, lag))) as source:
                table = pa.ipc.open_file(source).read_all().combine_chunks()
            if not table.num_rows:
                return NOTHING
            key, newest, end, row, flags, filed, value, max_age = (
                table[field].chunk(0).to_numpy() for field in _FIELDS
            )
        except (OSError, pa.ArrowInvalid, KeyError):
            return None
        return History(key, newest, end, row, flags, filed, value, max_age)

    def save(self, name: str, basis: str, lag: int, history: History | None) -> None:
        """Keep a history (None: no company has the item)."""
        arrays = [pa.array(getattr(history or NOTHING, field)) for field in _FIELDS]
        table = pa.table(dict(zip(_FIELDS, arrays, strict=True)))
        path = self._path(name, basis, lag)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            if not self._directory.exists():
                self._clear()
                self._directory.mkdir(parents=True)
            with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
            os.replace(temporary, path)
        except OSError:  # a store that cannot be written is read as well as any other
            return

    def _clear(self) -> None:
        for other in self._parent.iterdir() if self._parent.is_dir() else ():
            shutil.rmtree(other, ignore_errors=True)

    def _path(self, name: str, basis: str, lag: int) -> Path:
        return self._directory / f"{name}-{basis}-{lag}.arrow"
