"""What a sync has fetched so far: one file per company, whole or not there.

1. A part is the rows of one company (or ticker) for one table, with a note: a JSON document of where they came from.
2. Rows and note are one Parquet file, written beside and renamed: a killed sync leaves whole parts only.
3. Parts are kept in canonical types and sorted, so that a table is put together from them without reading them all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from market.durable import sync_directory
from market.encoding import arrow_of
from market.store import schema_of

Note = dict[str, object]
_KEY = b"hedgebasket"


class Parts:
    """The parts of one table in a directory."""

    def __init__(self, directory: Path, table: str) -> None:
        self.table = table
        self._schema = schema_of(table)
        self._directory = directory / table
        self._directory.mkdir(parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """Names of the parts, sorted."""
        return sorted(path.name.removesuffix(".parquet") for path in self._directory.glob("*.parquet"))

    def save(self, name: str, rows: pd.DataFrame, note: Mapping[str, object]) -> None:
        """Keep the canonical rows of one company, replacing what was kept."""
        table = arrow_of(rows, self._schema).replace_schema_metadata({_KEY: json.dumps(note, sort_keys=True).encode()})
        path = self._path(name)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as stream:
                pq.write_table(table, stream, compression="zstd")
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_directory(self._directory)

    def note(self, name: str) -> Note | None:
        """Where a part came from; None where there is none, or none that can be read."""
        try:
            metadata = pq.read_schema(self._path(name)).metadata or {}
            note = json.loads(metadata[_KEY])
        except (OSError, pa.ArrowInvalid, KeyError, ValueError):
            return None
        return note if isinstance(note, dict) else None

    def rows(self, name: str) -> pd.DataFrame:
        """The rows of a part, in canonical types."""
        frame = pq.read_table(self._path(name)).to_pandas(date_as_object=False)
        for column in self._schema.columns:
            if column.kind == "date":
                frame[column.name] = frame[column.name].astype("datetime64[ns]")
            elif column.kind == "integer":
                frame[column.name] = frame[column.name].astype("Int64")
            elif column.kind == "text":
                frame[column.name] = frame[column.name].astype("str")
        return frame

    def _path(self, name: str) -> Path:
        safe = "".join(c if c.isalnum() or c in ".-^" else f"%{ord(c):02x}" for c in name)
        return self._directory / f"{safe}.parquet"
