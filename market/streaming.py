"""A table written part by part: memory holds one part, whatever the table's size.

1. Parts are frames in canonical columns and types; each is checked once, here or where it was kept.
2. Rows gather until a row group is full, then go to disk; the file has all columns of the schema, empty ones as nulls.
3. The fingerprint is the sum of the parts' (sums know no order); the file is named by it, as any other file of a store.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from market.encoding import ARROW, ROWS_PER_GROUP, arrow_of
from market.errors import DataError
from market.fingerprint import Fingerprint
from market.manifest import TableEntry
from market.tables import Table


class _Summary:
    """What the manifest says of a table, gathered part by part."""

    def __init__(self, schema: Table) -> None:
        self.schema = schema
        self.fingerprint = Fingerprint(0, 0, 0)
        self.tickers: set[str] = set()
        self.filled = {column.name for column in schema.columns if column.required}
        self.start: pd.Timestamp | None = None
        self.end: pd.Timestamp | None = None

    def add(self, part: pd.DataFrame) -> None:
        self.fingerprint += Fingerprint.of(part)
        if "ticker" in part:
            self.tickers.update(part["ticker"].unique())
        self.filled.update(str(name) for name in part.columns if part[name].notna().any())
        dates = part[self.schema.dated_by].dropna() if self.schema.dated_by in part.columns else None
        if dates is not None and len(dates):
            self.start = min(filter(None, (self.start, dates.min())))
            self.end = max(filter(None, (self.end, dates.max())))

    def entry(self, file: str, source: str) -> TableEntry:
        return TableEntry(
            file=file,
            rows=self.fingerprint.rows,
            tickers=len(self.tickers),
            start=self.start.date().isoformat() if self.start is not None else None,
            end=self.end.date().isoformat() if self.end is not None else None,
            fingerprint=str(self.fingerprint),
            source=source,
            columns=tuple(name for name in self.schema.column_names if name in self.filled),
        )


def write_parts(root: Path, schema: Table, parts: Iterable[pd.DataFrame], source: str) -> TableEntry:
    """Write canonical parts, which share no key, as one file of a store; returns what its manifest should say."""
    fields = pa.schema([(column.name, ARROW[column.kind]) for column in schema.columns])
    texts = [column.name for column in schema.columns if column.kind == "text"]
    summary = _Summary(schema)
    temporary = root / f".{schema.name}.parts.{os.getpid()}.tmp"
    try:
        with temporary.open("wb") as stream:
            with pq.ParquetWriter(stream, fields, compression="zstd", use_dictionary=texts) as writer:
                waiting: list[pa.Table] = []
                for part in parts:
                    if not len(part):
                        continue
                    summary.add(part)
                    waiting.append(arrow_of(part, schema).cast(fields))
                    if sum(table.num_rows for table in waiting) >= ROWS_PER_GROUP:
                        writer.write_table(pa.concat_tables(waiting), row_group_size=ROWS_PER_GROUP)
                        waiting = []
                if waiting:
                    writer.write_table(pa.concat_tables(waiting), row_group_size=ROWS_PER_GROUP)
            stream.flush()
            os.fsync(stream.fileno())
        name = f"{schema.name}-{str(summary.fingerprint).replace('-', '')[:24]}.parquet"
        os.replace(temporary, root / name)
    except OSError as error:
        raise DataError(f"{root}: cannot write {schema.name} ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)
    return summary.entry(name, source)
