"""Writing a store: tables replaced or merged, then one commit.

1. `replace` writes a whole table; `merge` swaps the rows of equal keys (or of the given tickers) and keeps the others.
2. A merge streams the kept rows from file to file (DuckDB): memory grows with the rows that change, not with the table.
   What changes is known before anything is written, from fingerprints; no change, no write.
3. Files are written beside the old ones under a name that holds their fingerprint, and flushed to disk.
4. `commit` renames the manifest into place and clears away what is long unused.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from market.durable import sync_directory, sync_file, write_atomically
from market.encoding import arrow_of, write_parquet
from market.errors import DataError
from market.fingerprint import Fingerprint
from market.manifest import Manifest, TableEntry
from market.sql import summary
from market.store import GRACE_SECONDS, MANIFEST, schema_of
from market.tables import Table
from market.validation import canonical

if TYPE_CHECKING:
    from market.store import Store

SOURCES_KEPT = 4
"""Sources that an entry names; of more, the last ones."""


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
        schema = schema_of(table)
        clean = canonical(rows, schema)
        fingerprint = str(Fingerprint.of(clean))
        name = self._file(table, fingerprint)
        self._make(name, lambda path: write_parquet(clean, schema, path))
        entry = describe(clean, table, name, fingerprint, source)
        self._manifest = self._manifest.with_entry(table, entry)
        return entry

    def replace_in_parts(self, table: str, parts: Iterable[pd.DataFrame], source: str) -> TableEntry:
        """As `replace`, from canonical parts that share no key: memory holds one part at a time."""
        from market.streaming import write_parts

        entry = write_parts(self._root, schema_of(table), parts, source)
        if table not in self._manifest.tables or self._manifest.tables[table].fingerprint != entry.fingerprint:
            self._manifest = self._manifest.with_entry(table, entry)
        return self._manifest.tables[table]

    def merge(
        self, table: str, rows: pd.DataFrame, source: str, by: Literal["key", "ticker", "name"] = "key"
    ) -> TableEntry:
        """Add `rows`, replacing those of equal key (`by="key"`) or all rows of the tickers (names) given.

        Merging the same rows twice changes nothing. Raises `DataError` where a row breaks the table's checks.
        """
        if table not in self._manifest.tables:
            return self.replace(table, rows, source)
        schema = schema_of(table)
        fresh = canonical(rows, schema)
        held = self._manifest.tables[table]
        view = self._store.at(self._manifest)  # what this block wrote before included
        on = list(schema.key) if by == "key" else [by]
        swapped = Fingerprint.of(view.matching(table, arrow_of(fresh, schema), on))
        fingerprint = str(Fingerprint.parse(held.fingerprint) - swapped + Fingerprint.of(fresh))
        if fingerprint == held.fingerprint:
            return held
        name = self._file(table, fingerprint)
        self._make(name, lambda path: view.merged(table, arrow_of(fresh, schema), on, path))
        entry = self._described(table, schema, name, fingerprint, _together(held.source, source))
        self._manifest = self._manifest.with_entry(table, entry)
        return entry

    def drop(self, table: str) -> None:
        """Take a table out of the store."""
        kept = {name: entry for name, entry in self._manifest.tables.items() if name != table}
        self._manifest = replace(self._manifest, tables=kept)

    def note(self, text: str, instead_of: str = "") -> None:
        """Add a standing note that every run on this store repeats, in place of those that begin with `instead_of`.

        An empty text only takes those away.
        """
        notes = self._manifest.notes
        kept = tuple(one for one in notes if one == text or not (instead_of and one.startswith(instead_of)))
        added = (text,) if text and text not in kept else ()
        if (*kept, *added) != notes:
            self._manifest = replace(self._manifest, notes=(*kept, *added))

    def commit(self) -> None:
        """Make all changes visible at once. Nothing is written where nothing changed."""
        if self._manifest == self._committed:
            return
        self._manifest = replace(self._manifest, generation=self._committed.generation + 1)
        sync_directory(self._root)
        write_atomically(self._root / MANIFEST, self._manifest.to_json().encode())
        self._store.manifest = self._committed = self._manifest
        self._clear()

    def _file(self, table: str, fingerprint: str) -> str:
        return f"{table}-{fingerprint[:16]}.parquet"

    def _make(self, name: str, write: Callable[[Path], None]) -> None:
        """Write a file beside its place, flush it and rename it; the same content is the same file, and is kept."""
        if (self._root / name).exists():
            os.utime(self._root / name)
            return
        temporary = self._root / f".{name}.{os.getpid()}.tmp"
        try:
            write(temporary)
            sync_file(temporary)
            os.replace(temporary, self._root / name)
        except OSError as error:
            raise DataError(f"{self._root}: cannot write {name} ({error.strerror or error})") from error
        finally:
            temporary.unlink(missing_ok=True)

    def _described(self, table: str, schema: Table, file: str, fingerprint: str, source: str) -> TableEntry:
        """The entry of a file that was never in memory."""
        counts = summary(self._root / file, schema)
        return TableEntry(file=file, fingerprint=fingerprint, source=source, **counts)

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


def _together(before: str, source: str) -> str:
    known = before.split("; ")
    return before if source in known else "; ".join([*known, source][-SOURCES_KEPT:])
