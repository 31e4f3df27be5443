"""Writing a store: tables replaced or merged, then one commit.

1. `replace` writes a whole table; `merge` swaps the rows of the given tickers (or keys) and keeps the others.
2. Files are written beside the old ones under a name that holds their fingerprint; the same content is the same file.
3. `commit` flushes the files, renames the manifest into place and clears away what is long unused.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from market.encoding import write_parquet
from market.errors import DataError
from market.fingerprint import Fingerprint
from market.manifest import Manifest, TableEntry
from market.store import GRACE_SECONDS, MANIFEST, schema_of, sync_directory, write_atomically
from market.validation import canonical

if TYPE_CHECKING:
    from market.store import Store


class Writer:
    """Collects changes of one store; nothing is visible to readers before `commit`."""

    def __init__(self, store: Store) -> None:
        if store.root is None:
            raise DataError(f"{store.location}: remote stores are read-only")
        self._store = store
        self._root: Path = store.root
        self._committed: Manifest = store.manifest
        self._manifest: Manifest = store.manifest

    def replace(self, table: str, rows: pd.DataFrame, source: str) -> TableEntry:
        """Make `rows` the whole content of a table; raises `DataError` where a row breaks the table's checks."""
        return self._put(table, canonical(rows, schema_of(table)), source)

    def merge(
        self, table: str, rows: pd.DataFrame, source: str, by: Literal["key", "ticker", "name"] = "key"
    ) -> TableEntry:
        """Add `rows`, replacing those of equal key (`by="key"`) or all rows of the tickers (names) given.

        Merging the same rows twice changes nothing. Raises `DataError` where a row breaks the table's checks.
        """
        schema = schema_of(table)
        fresh = canonical(rows, schema)
        if table not in self._manifest.tables:
            return self._put(table, fresh, source)
        held = self._store.at(self._manifest).frame(table)  # what this block wrote before included
        on = list(schema.key) if by == "key" else [by]
        columns = [name for name in schema.column_names if name in held.columns or name in fresh.columns]
        held, fresh = held.reindex(columns=columns), fresh.reindex(columns=columns)
        marks = pd.concat([fresh[on], held[on]], ignore_index=True).duplicated(keep="first").to_numpy()[len(fresh) :]
        if by != "key":
            marks = held[by].isin(fresh[by]).to_numpy()
        together = pd.concat([held[~marks], fresh], ignore_index=True) if (~marks).any() else fresh
        before = self._manifest.tables[table].source
        sources = before if source in before.split("; ") else f"{before}; {source}"
        return self._put(table, canonical(together, schema), sources)

    def drop(self, table: str) -> None:
        """Take a table out of the store."""
        self._manifest = replace(
            self._manifest, tables={name: entry for name, entry in self._manifest.tables.items() if name != table}
        )

    def note(self, text: str) -> None:
        """Add a standing note that every run on this store repeats."""
        if text not in self._manifest.notes:
            self._manifest = replace(self._manifest, notes=(*self._manifest.notes, text))

    def commit(self) -> None:
        """Make all changes visible at once. Nothing is written where nothing changed."""
        if self._manifest == self._committed:
            return
        self._manifest = replace(self._manifest, generation=self._committed.generation + 1)
        sync_directory(self._root)
        write_atomically(self._root / MANIFEST, self._manifest.to_json().encode())
        self._store.manifest = self._committed = self._manifest
        self._clear()

    def _put(self, table: str, rows: pd.DataFrame, source: str) -> TableEntry:
        schema = schema_of(table)
        fingerprint = str(Fingerprint.of(rows))
        name = f"{table}-{fingerprint[:16]}.parquet"
        if not (self._root / name).exists():
            temporary = self._root / f".{name}.{os.getpid()}.tmp"
            try:
                write_parquet(rows, schema, temporary)
                os.replace(temporary, self._root / name)
            except OSError as error:
                raise DataError(f"{self._root}: cannot write {table} ({error.strerror or error})") from error
            finally:
                temporary.unlink(missing_ok=True)
        entry = describe(rows, table, name, fingerprint, source)
        self._manifest = self._manifest.with_entry(table, entry)
        return entry

    def _clear(self) -> None:
        """Delete files that no manifest has named for an hour, and remains of killed writers."""
        used = {entry.file for entry in self._manifest.tables.values()}
        for path in [*self._root.glob("*-*.parquet"), *self._root.glob(".*.tmp")]:
            try:
                if path.name not in used and time.time() - path.stat().st_mtime > GRACE_SECONDS:
                    path.unlink()
            except OSError:  # in use elsewhere (Windows) or gone already: the next writer tries again
                continue


def describe(rows: pd.DataFrame, table: str, file: str, fingerprint: str, source: str) -> TableEntry:
    """The manifest entry of a table's rows."""
    schema = schema_of(table)
    dates = rows[schema.dated_by].dropna() if schema.dated_by in rows.columns else pd.Series(dtype="datetime64[ns]")
    return TableEntry(
        file=file,
        rows=len(rows),
        tickers=int(rows["ticker"].nunique()) if "ticker" in rows.columns else 0,
        start=dates.min().date().isoformat() if len(dates) else None,
        end=dates.max().date().isoformat() if len(dates) else None,
        fingerprint=fingerprint,
        source=source,
        columns=tuple(str(name) for name in rows.columns if rows[name].notna().any() or schema.column(name).required),
    )
