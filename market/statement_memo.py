"""Histories of statements kept beside a store, so that they are computed once and not in every run.

1. A memo belongs to one content of the facts, told by fingerprint: it lies in a directory of that name, and directories
   of other fingerprints are cleared away. Sessions and tickers do not enter: histories are by day and company.
2. `companies.json` lists the companies in the order of their codes, and the items; without it there is no memo.
3. One history is one compressed Arrow file, written beside and renamed.
4. A memo is never needed: what cannot be written is not, what cannot be read is computed again.

`market.preparation` makes it; a history that it lacks is added when somebody asks for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from market.durable import write_atomically
from market.histories import NOTHING, Ask, Basis, History
from market.store import GRACE_SECONDS

COMPUTED = 3  # raised when the same facts give other histories
COMPANIES = "companies.json"
_FIELDS = ("key", "newest", "end", "begin", "flags", "filed", "value", "max_age")
SCHEMA = pa.schema([(field, pa.from_numpy_dtype(getattr(NOTHING, field).dtype)) for field in _FIELDS])


class StatementMemo:
    """The kept histories of one content of the facts."""

    def __init__(self, directory: Path, facts_fingerprint: str) -> None:
        digest = hashlib.blake2b(f"{COMPUTED} {facts_fingerprint}".encode(), digest_size=12)
        self._parent = directory
        self._directory = directory / digest.hexdigest()
        self.companies: pd.Index = pd.Index([], dtype="object")
        self.items: tuple[str, ...] = ()
        self.begun = self._recall()

    def begin(self, companies: Sequence[str], items: Sequence[str]) -> None:
        """Be the memo of these companies and items; raises `OSError` where nothing can be written."""
        if self.begun and list(self.companies) == list(companies) and self.items == tuple(items):
            self._sweep()
            return
        for other in self._parent.iterdir() if self._parent.is_dir() else ():
            shutil.rmtree(other, ignore_errors=True)
        self._directory.mkdir(parents=True, exist_ok=True)
        content = json.dumps({"companies": list(companies), "items": list(items)})
        write_atomically(self._directory / COMPANIES, content.encode())
        self.begun = self._recall()

    def has(self, name: str, basis: Basis, lag: int) -> bool:
        """Whether a history is kept."""
        return self._path(name, basis, lag).exists()

    def load(self, name: str, basis: Basis, lag: int) -> History | None:
        """A kept history (empty where no company has the item), or None."""
        try:
            with pa.memory_map(str(self._path(name, basis, lag))) as source:
                table = pa.ipc.open_file(source).read_all().combine_chunks()
            if not table.num_rows:
                return NOTHING
            return History(*(table[field].chunk(0).to_numpy() for field in _FIELDS))
        except (OSError, pa.ArrowInvalid, KeyError):
            return None

    def save(self, name: str, basis: Basis, lag: int, history: History | None) -> None:
        """Keep a history (None: no company has the item); where it cannot be written, do without."""
        with contextlib.suppress(OSError), self.writer((name, basis, lag)) as write:
            write.write_batch(batch_of(history or NOTHING))

    @contextlib.contextmanager
    def writer(self, ask: Ask) -> Iterator[pa.ipc.RecordBatchFileWriter]:
        """A file to write the batches of one history to, by ascending key; it is kept when the block ends well."""
        path = self._path(*ask)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        try:
            with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, SCHEMA, options=options) as writer:
                yield writer
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remains of killed writers."""
        for path in self._directory.glob(".*.tmp"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > GRACE_SECONDS:
                    path.unlink()

    def _recall(self) -> bool:
        try:
            content = json.loads((self._directory / COMPANIES).read_text(encoding="utf-8"))
            self.companies = pd.Index(content["companies"], dtype="object")
            self.items = tuple(content["items"])
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return True

    def _path(self, name: str, basis: Basis, lag: int) -> Path:
        return self._directory / f"{name}-{basis}-{lag}.arrow"


def batch_of(history: History) -> pa.RecordBatch:
    """A history, or the part of one, as it is written."""
    return pa.record_batch([pa.array(getattr(history, field)) for field in _FIELDS], schema=SCHEMA)
