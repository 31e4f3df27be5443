"""Your own tables: CSV or Parquet files into a store, row by row, with the reason of every row that was not taken.

1. A file is read as it is (`market.reading`); its columns are those of the table, in any order. Files of
   the New York Fed, FINRA, a broker's list and Kenneth French are known by their first lines (`sources.importers`).
2. Bad rows are set aside with their row number and reason; good rows are taken even so.
3. Short interest without `published_date` gets the eighth session after settlement, and the report says so.
4. All tables of one call are committed together, or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

from market.errors import DataError
from market.reading import read_rows
from market.sources.importers import recognised
from market.store import Store, schema_of
from market.tables import AVERAGES, FLOWS, TABLES
from market.validation import Checked, Rejection, check_rows

PUBLICATION_SESSIONS = 8
"""FINRA publishes short interest on the seventh or eighth session after settlement; the later one is assumed."""
ENDINGS = (".parquet", ".csv", ".csv.gz")
SHOWN = 5


@dataclass(frozen=True)
class TableImport:
    """What became of one file: rows read, taken, repeated and rejected; columns not used; what was assumed."""

    table: str
    path: str
    rows_read: int
    rows_taken: int
    repeats: int
    rejected: tuple[Rejection, ...]
    unused_columns: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImportReport:
    """What became of all files of one import."""

    store: str
    tables: Mapping[str, TableImport] = field(default_factory=dict)

    @property
    def rejected(self) -> tuple[Rejection, ...]:
        return tuple(rejection for table in self.tables.values() for rejection in table.rejected)

    def to_dict(self) -> dict[str, object]:
        """As plain data: counts in, rejected rows with reasons."""
        return {
            "store": self.store,
            "tables": {
                name: {
                    "file": one.path,
                    "rows_read": one.rows_read,
                    "rows_taken": one.rows_taken,
                    "repeats": one.repeats,
                    "rejected": [{"row": r.row, "reason": r.reason} for r in one.rejected],
                    "unused_columns": list(one.unused_columns),
                    "notes": list(one.notes),
                }
                for name, one in self.tables.items()
            },
        }


def import_tables(
    store: Store | str | Path, files: Mapping[str, str | Path], mode: Literal["merge", "replace"] = "merge"
) -> ImportReport:
    """Bring tables into a store (made where there is none): `{"prices": "prices.csv", ...}`.

    `merge` keeps rows of other keys and lets new rows win; `replace` makes each file the whole table. Importing a file
    twice changes nothing. Raises `DataError` for an unknown table, an unreadable file, an absent required column, or a
    file with no good row; then nothing is written.
    """
    checked: dict[str, tuple[Checked, int, tuple[str, ...]]] = {}
    for table, path in files.items():
        schema_of(table)
        checked[table] = read_table(table, path)
    opened = store if isinstance(store, Store) else Store.create(store)
    reports: dict[str, TableImport] = {}
    with opened.writer() as writer:
        for table, (rows, read, notes) in checked.items():
            source = f"file {Path(files[table]).name}"
            if mode == "replace":
                writer.replace(table, rows.frame, source)
            else:
                writer.merge(table, rows.frame, source)
            reports[table] = TableImport(
                table,
                str(files[table]),
                read,
                len(rows.frame),
                rows.repeats,
                rows.rejections,
                rows.unused_columns,
                notes,
            )
    return ImportReport(opened.location, reports)


def read_table(table: str, path: str | Path) -> tuple[Checked, int, tuple[str, ...]]:
    """The good rows of a file, the number of rows read, and what was assumed for them."""
    schema = schema_of(table)
    try:
        foreign = recognised(table, path)
        raw, first_row = read_rows(path) if foreign is None else (foreign, 1)
    except DataError as error:
        raise DataError(f"{table}: {error}") from error
    notes: list[str] = []
    if table == "short_interest" and "published_date" not in {str(name).lower() for name in raw.columns}:
        raw = _published(raw)
        notes.append(f"no published_date: assumed {PUBLICATION_SESSIONS} sessions after settlement")
    try:
        checked = check_rows(raw, schema, first_row)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    if not len(checked.frame):
        reasons = "; ".join(map(str, checked.rejections[:SHOWN])) or "the file has no rows"
        raise DataError(f"{path}: no usable row for {table}: {reasons}")
    if table == "facts":
        frame = checked.frame
        known = [name for name in ("filed", "known_at") if name in frame]
        blind = int((~frame[known].notna().any(axis=1)).sum()) if known else len(frame)
        if blind:
            notes.append(f"{blind} facts have neither filed nor known_at: the assumed lag applies to them")
        flows = frame["item"].isin((*FLOWS, *AVERAGES))
        timeless = int((flows & frame["period_start"].isna()).sum()) if "period_start" in frame else int(flows.sum())
        if timeless:
            notes.append(f"{timeless} flows have no period_start: no figure can use them")
    if table == "prices" and "close" in checked.frame:
        alone = int(checked.frame.groupby("ticker")["close"].count().eq(0).sum())
        if alone:
            notes.append(f"{alone} tickers have adj_close only: money runs on it")
    elif table == "prices":
        notes.append("no close at all: money runs on adj_close")
    return checked, len(raw), tuple(notes)


def read_directory(directory: Path) -> tuple[dict[str, pd.DataFrame], list[str], list[Rejection]]:
    """Tables of a directory of files named as tables (`prices.csv`, `facts.parquet`), notes on what was left out, and
    the rows that were.

    Raises `DataError` where there is no prices file.
    """
    frames: dict[str, pd.DataFrame] = {}
    notes: list[str] = []
    refused: list[Rejection] = []
    for table in TABLES:
        path = next((p for p in (directory / f"{table}{ending}" for ending in ENDINGS) if p.is_file()), None)
        if path is None:
            continue
        checked, read, assumed = read_table(table, path)
        frames[table] = checked.frame
        notes += [f"{table}: {note}" for note in assumed]
        refused += checked.rejections
        if checked.rejections:
            notes.append(f"{table}: {len(checked.rejections)} of {read} rows left out ({checked.rejections[0]})")
    if "prices" not in frames:
        raise DataError(
            f"{directory}: no store there (no manifest.json) and no prices.csv or prices.parquet either; "
            "make a store with `hedgebasket data import` or `hedgebasket data sync`"
        )
    return frames, notes, refused


def _published(raw: pd.DataFrame) -> pd.DataFrame:
    from market.calendar import session_after

    column = next((name for name in raw.columns if str(name).lower() == "settlement_date"), None)
    if column is None:
        return raw
    days = pd.to_datetime(raw[column], errors="coerce")
    later = {day: session_after(day, PUBLICATION_SESSIONS) for day in days.dropna().unique()}
    return raw.assign(published_date=days.map(later))
