"""A directory of Parquet files with one manifest, read through DuckDB.

1. `manifest.json` names, for each table, its file, row count, span, fingerprint and source. It alone says what is in.
2. A write puts new files beside the old ones under names of their content, flushes them to disk, and then replaces the
   manifest by one rename: readers see the old store or the new one, whole, whenever the writer is killed.
3. One writer holds a lock; a second one is told who. Readers take no lock and are never blocked.
4. Files that no manifest names any more stay for an hour, for readers that opened the store before.
5. A remote store (an S3-style URI) is the same directory, opened read-only through pyarrow's filesystems.
"""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from market.durable import write_atomically
from market.errors import DataError
from market.manifest import Manifest, TableEntry
from market.sql import agreement, frame_of, select_list
from market.tables import TABLES, Table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from duckdb import DuckDBPyConnection
    from pyarrow.fs import FileSystem

    from market.writer import Writer

MANIFEST = "manifest.json"
LOCK = ".writer.lock"
LOCK_OWNER = ".writer.json"
GRACE_SECONDS = 3600
"""How long a file that is no longer part of the store is kept for those who still read it."""

LOG = logging.getLogger("hedgebasket.store")  # what is read and how long it took; `--verbose` shows it
PATIENCE_SECONDS = 30  # with Google's storage, which would try for a quarter of an hour


class Store:
    """A store opened for reading; `writer()` opens it for writing."""

    def __init__(self, location: str | Path) -> None:
        """Open the store at a directory or URI; raises `DataError` where there is none or it cannot be understood."""
        self._filesystem: FileSystem | None = None
        self.root: Path | None = None
        self.location = str(location)
        if "://" in self.location:
            self._filesystem, self._base = _remote(self.location)
        else:
            self.root = Path(location).expanduser()
            self._base = str(self.root)
        self.manifest = self._read_manifest()

    @classmethod
    def create(cls, directory: str | Path) -> Store:
        """The store at `directory`, made empty where there is none yet."""
        root = Path(directory).expanduser()
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{root}: cannot make a store there ({error.strerror})") from error
        if not (root / MANIFEST).exists():
            write_atomically(root / MANIFEST, Manifest().to_json().encode())
        return cls(root)

    def at(self, manifest: Manifest) -> Store:
        """The same files under another manifest: a writer's own view before it commits."""
        other = copy.copy(self)
        other.manifest = manifest
        return other

    @property
    def read_only(self) -> bool:
        return self.root is None

    @property
    def fingerprint(self) -> str:
        """One fingerprint of all tables' content."""
        return self.manifest.fingerprint

    def has(self, table: str) -> bool:
        return table in self.manifest.tables

    def entry(self, table: str) -> TableEntry:
        """What the manifest says of a table; raises `DataError` where the store has none of that name."""
        schema_of(table)
        if table not in self.manifest.tables:
            held = ", ".join(sorted(self.manifest.tables)) or "no table"
            raise DataError(f"{self.location}: no table {table!r} in this store; it holds {held}")
        return self.manifest.tables[table]

    def arrow(self, table: str, columns: Sequence[str] | None = None, where: str = "") -> pa.Table:
        """Rows as an Arrow table in canonical types (`date32`, `double`, `int64`, `string`), filters pushed down.

        `where` is a SQL condition over the table's columns. Columns the file lacks come back as nulls.
        """
        schema, entry = schema_of(table), self.entry(table)
        wanted = list(columns) if columns is not None else [c for c in schema.column_names if c in entry.columns]
        unknown = [name for name in wanted if name not in schema.column_names]
        if unknown:
            raise DataError(f"{table}: no such column: {', '.join(unknown)}")
        picked = select_list(schema, wanted, entry.columns)
        began = time.monotonic()
        rows = self.query(f"SELECT {picked} FROM {table}" + (f" WHERE {where}" if where else ""), (table,))
        _log_read(entry, rows, began)
        return rows

    def encoded(self, table: str, columns: Sequence[str], texts: Sequence[str]) -> pa.Table:
        """Columns as they lie in the file, `texts` dictionary-encoded, for millions of rows; absent ones left out."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        entry = self.entry(table)
        wanted = [name for name in columns if name in entry.columns]
        began = time.monotonic()
        try:
            rows = pq.read_table(
                f"{self._base}/{entry.file}",
                columns=wanted,
                read_dictionary=[name for name in texts if name in wanted],
                filesystem=self._filesystem,
            )
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError(f"{self.location}: {entry.file} is gone or unreadable ({error})") from error
        _log_read(entry, rows, began)
        return rows

    def query(self, sql: str, tables: Sequence[str] = (), given: pa.Table | None = None) -> pa.Table:
        """The answer of a SQL query over the store's tables (all of them, unless `tables` names the ones used).

        `given` is one more table, called `given`, of the caller's own rows.
        """
        with self._connection(tables or tuple(self.manifest.tables), given) as connection:
            return connection.sql(sql).to_arrow_table()

    def frame(self, table: str, columns: Sequence[str] | None = None, where: str = "") -> pd.DataFrame:
        """As `arrow`, as a DataFrame: `datetime64[ns]` days, `float64`, `Int64`, `str`; missing is missing."""
        return frame_of(self.arrow(table, columns, where), schema_of(table))

    def matching(self, table: str, given: pa.Table, on: Sequence[str]) -> pd.DataFrame:
        """The rows of a table that agree with a row of `given` in the columns `on` (nulls agree with nulls)."""
        schema = schema_of(table)
        held = self.entry(table).columns
        picked = select_list(schema, schema.column_names, held)
        sql = f"SELECT {picked} FROM {table} AS held SEMI JOIN given ON {agreement(schema, on, held)}"
        return frame_of(self.query(sql, (table,), given), schema)

    def merged(self, table: str, given: pa.Table, on: Sequence[str], path: Path) -> None:
        """Write to `path`, in key order, the rows of `given` and those of the table that agree with none of them."""
        schema, entry = schema_of(table), self.entry(table)
        filled = [name for name in schema.column_names if name in entry.columns or given[name].null_count < len(given)]
        names = ", ".join(f'"{name}"' for name in filled)
        kept = (
            f"SELECT {select_list(schema, filled, entry.columns)} FROM {table} AS held "
            f"ANTI JOIN given ON {agreement(schema, on, entry.columns)}"
        )
        order = ", ".join(f'"{name}" NULLS FIRST' for name in schema.key if name in filled)
        target = str(path).replace("'", "''")
        with self._connection((table,), given) as connection:
            connection.execute(
                f"COPY (SELECT {names} FROM ({kept} UNION ALL SELECT {names} FROM given) ORDER BY {order}) "
                f"TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
            )

    @contextlib.contextmanager
    def _connection(self, tables: Sequence[str], given: pa.Table | None = None) -> Iterator[DuckDBPyConnection]:
        import duckdb

        connection = duckdb.connect(config={"threads": min(4, os.cpu_count() or 1)})
        try:
            for name in tables:
                self._expose(connection, name)
            if given is not None:
                connection.register("given", given)
            yield connection
        except duckdb.IOException as error:
            raise DataError(
                f"{self.location}: a file of this store is gone or unreadable; if it was rewritten since it was "
                f"opened, open it again ({str(error).splitlines()[0]})"
            ) from error
        finally:
            connection.close()

    @contextlib.contextmanager
    def writer(self) -> Iterator[Writer]:
        """The one writer of this store; what it did is committed when the block ends without an error.

        Raises `DataError` where the store is remote or another process is writing.
        """
        from filelock import FileLock, Timeout

        from market.writer import Writer

        if self.root is None:
            raise DataError(f"{self.location}: remote stores are read-only")
        lock = FileLock(self.root / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise DataError(f"{self.root}: {self._lock_owner()}; one writer at a time, try again later") from error
        except OSError as error:
            raise DataError(f"{self.root}: cannot write there ({error.strerror})") from error
        try:
            owner = {"pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
            (self.root / LOCK_OWNER).write_text(json.dumps(owner), encoding="utf-8")
            self.manifest = self._read_manifest()
            writer = Writer(self)
            yield writer
            writer.commit()
        finally:
            with contextlib.suppress(FileNotFoundError):
                (self.root / LOCK_OWNER).unlink()
            lock.release()

    def _lock_owner(self) -> str:
        try:
            owner = json.loads((Path(self._base) / LOCK_OWNER).read_text(encoding="utf-8"))
            return f"another process (pid {owner['pid']}, since {owner['since']}) is writing this store"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process is writing this store"

    def _read_manifest(self) -> Manifest:
        try:
            if self._filesystem is not None:
                with self._filesystem.open_input_stream(f"{self._base}/{MANIFEST}") as stream:
                    text = stream.read().decode()
            else:
                text = (Path(self._base) / MANIFEST).read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DataError(
                f"{self.location}: no store there; make one with `hedgebasket data import` or `hedgebasket data sync`"
            ) from error
        except OSError as error:
            raise DataError(f"{self.location}: cannot be read ({error})") from error
        return Manifest.from_json(text, self.location)

    def _expose(self, connection: DuckDBPyConnection, name: str) -> None:
        """Let the connection see a table under its own name."""
        path = f"{self._base}/{self.entry(name).file}"
        if self._filesystem is not None:
            import pyarrow.dataset as ds

            connection.register(name, ds.dataset(path, filesystem=self._filesystem, format="parquet"))
        else:
            quoted = path.replace("'", "''")
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{quoted}')")


def _log_read(entry: TableEntry, rows: pa.Table, began: float) -> None:
    LOG.info(
        "read %s: %s rows, %s columns, %.2f s", entry.file, f"{len(rows):,}", rows.num_columns, time.monotonic() - began
    )


def schema_of(table: str) -> Table:
    """The schema of a table by name; raises `DataError` naming the known ones."""
    if table not in TABLES:
        raise DataError(f"no table is called {table!r}; known: {', '.join(TABLES)}")
    return TABLES[table]


def _remote(uri: str) -> tuple[FileSystem, str]:
    import pyarrow as pa
    from pyarrow.fs import FileSystem

    patient = uri.startswith(("gs://", "gcs://")) and "retry_limit_seconds" not in uri
    limit = f"{'&' if '?' in uri else '?'}retry_limit_seconds={PATIENCE_SECONDS}" if patient else ""
    try:
        filesystem, base = FileSystem.from_uri(uri + limit)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{uri}: cannot be opened ({error})") from error
    return filesystem, base.rstrip("/")
