"""Rows that may enter a store, and the reasons of those that may not.

1. Read the file as text where it is CSV (a ticker `NA`, `ON` or `TRUE` stays a ticker), as typed columns where Parquet.
2. Match column names without regard to case and surrounding blanks; unknown columns are left out and named.
3. Parse each column by its kind; what cannot be parsed rejects its row.
4. Check required values, bounds, closed sets, at-least-one-of and date order; keep the first reason of a row.
5. Of rows with one key: exact repeats are dropped as repeats, contradictions reject the later row.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from market.errors import DataError
from market.tables import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterable

EMPTY_TEXT = frozenset({"", "nan", "NaN", "None", "null", "NULL", "NaT", "<NA>"})
"""Texts that mean "missing" in any column but a ticker, where only the empty text does."""
MISSING_NUMBER = EMPTY_TEXT | {"NA", "N/A", "n/a", "#N/A", "-", "."}
FIRST_LINE_OF_CSV = 2  # line 1 holds the names
SYMBOLS = ("ticker", "symbol")
CLOSE_HOUR = 16  # New York: what is known later that day is known at the next session's close
EARLIEST_DATE = pd.Timestamp("1900-01-01")
LATEST_DATE = pd.Timestamp("2262-01-01")


@dataclass(frozen=True)
class Rejection:
    """A row that was not taken: its table, its row (CSV: line of the file; Parquet: from 1) and the reason."""

    table: str
    row: int
    reason: str

    def __str__(self) -> str:
        return f"{self.table} row {self.row}: {self.reason}"


@dataclass(frozen=True)
class Checked:
    """Clean rows in canonical columns and types, the rejections, repeats dropped and columns not used."""

    frame: pd.DataFrame
    rejections: tuple[Rejection, ...]
    repeats: int
    unused_columns: tuple[str, ...]


def read_rows(path: Path | str) -> tuple[pd.DataFrame, int]:
    """Rows of a CSV (`.csv`, `.csv.gz`, `.txt`) or Parquet file, with the number its first row is reported under.

    Raises `DataError` where the file is missing, is no such file, or is empty.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if ".parquet" in suffixes or ".pq" in suffixes:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.read_table(path).to_pandas(), 1
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{path}: not a readable Parquet file ({error})") from error
    if not {".csv", ".txt", ".tsv"} & set(suffixes):
        raise DataError(f"{path}: expected a .csv or .parquet file")
    try:
        frame = pd.read_csv(
            path,
            dtype=str,
            keep_default_na=False,
            na_filter=False,
            encoding="utf-8-sig",
            skipinitialspace=True,
            sep="\t" if ".tsv" in suffixes else ",",
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a readable CSV file ({error})") from error
    return frame, FIRST_LINE_OF_CSV


def check_rows(frame: pd.DataFrame, table: Table, first_row: int = 1, assumed: Iterable[str] = ()) -> Checked:
    """Split `frame` into canonical rows and rejections; `assumed` names required columns that may be absent here.

    Raises `DataError` where a required column is absent altogether.
    """
    by_name = {str(name).strip().lower(): name for name in frame.columns}
    absent = [c.name for c in table.columns if c.required and c.name not in by_name and c.name not in set(assumed)]
    if absent:
        raise DataError(
            f"{table.name}: no column {', '.join(absent)}; found {', '.join(map(str, frame.columns)) or 'none'}"
        )
    unused = tuple(str(raw) for name, raw in by_name.items() if name not in table.column_names)
    n_rows = len(frame)
    reasons = np.full(n_rows, "", dtype=object)

    def reject(rows: np.ndarray, reason: str, shown: pd.Series | None = None) -> None:
        for row in np.flatnonzero(rows):
            if not reasons[row]:
                reasons[row] = reason if shown is None else reason.format(shown.iloc[row])

    columns: dict[str, pd.Series] = {}
    for column in table.columns:
        if column.name not in by_name:
            continue
        raw = frame[by_name[column.name]].reset_index(drop=True)
        parsed, unreadable = _parse(raw, column)
        reject(unreadable, f"{column.name}: {{!r}} is not a {column.kind}", raw)
        if column.required:
            reject(parsed.isna().to_numpy() & ~unreadable, f"{column.name} is empty")
        reject(_outside(parsed, column), f"{column.name}: {{}} {_expected(column)}", raw)
        columns[column.name] = parsed
    clean = pd.DataFrame(columns, index=pd.RangeIndex(n_rows))
    if table.any_of:
        present = [name for name in table.any_of if name in clean.columns]
        empty = clean[present].isna().all(axis=1).to_numpy() if present else np.ones(n_rows, bool)
        reject(empty, f"none of {', '.join(table.any_of)} is given")
    for earlier, later in table.ordered:
        if earlier in clean.columns and later in clean.columns:
            wrong = (clean[later] < clean[earlier]).to_numpy()
            reject(wrong, f"{later} lies before {earlier}")
    repeats = _reject_contradictions(clean, table, reasons, first_row)
    kept = reasons == ""
    rejections = tuple(
        Rejection(table.name, int(row) + first_row, str(reasons[row]))
        for row in np.flatnonzero(~kept)
        if reasons[row] != _REPEAT
    )
    clean = clean.loc[kept]
    ordered = [name for name in table.column_names if name in clean.columns]
    clean = clean[ordered].sort_values([k for k in table.key if k in ordered], kind="stable").reset_index(drop=True)
    return Checked(clean, rejections, repeats, unused)


def canonical(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The rows of `frame` in canonical types and order; raises `DataError` with the first reasons if any is bad."""
    checked = check_rows(frame, table)
    if checked.rejections:
        shown = "; ".join(str(rejection) for rejection in checked.rejections[:5])
        raise DataError(f"{len(checked.rejections)} bad rows: {shown}")
    return checked.frame


_SHARE_CLASS = r"^([A-Z]{1,5})[-/ ]([A-Z])$"
"""`BRK-B`, `BRK/B` and `BRK B` are `BRK.B`, as the exchange and the index write it."""
_REPEAT = "repeats an earlier row"


def _reject_contradictions(clean: pd.DataFrame, table: Table, reasons: np.ndarray, first_row: int) -> int:
    key = [name for name in table.key if name in clean.columns]
    good = np.flatnonzero(reasons == "")
    rows = clean.iloc[good]
    twice = rows.duplicated(key, keep="first").to_numpy()
    if not twice.any():
        return 0
    same = rows.duplicated(keep="first").to_numpy()
    first_of = rows.assign(_row=good).groupby(key, dropna=False, sort=False)["_row"].transform("first").to_numpy()
    for position in np.flatnonzero(twice):
        reasons[good[position]] = (
            _REPEAT
            if same[position]
            else f"same {', '.join(key)} as row {int(first_of[position]) + first_row}, other values"
        )
    return int((twice & same).sum())


def _parse(raw: pd.Series, column: Column) -> tuple[pd.Series, np.ndarray]:
    """The column in its canonical type, and which rows hold something that is not of its kind."""
    if column.kind == "text":
        return _parse_text(raw, column), np.zeros(len(raw), bool)
    blank = raw.isna().to_numpy()
    if not (pd.api.types.is_numeric_dtype(raw) or pd.api.types.is_datetime64_any_dtype(raw)):
        text = raw.astype(str).str.strip()
        blank = blank | text.isin(MISSING_NUMBER).to_numpy()
        raw = text.where(~blank, None)
    if column.kind == "date":
        return _parse_date(raw, blank, column.name == "known_at")
    if column.name == "cik" and not pd.api.types.is_numeric_dtype(raw):
        raw = raw.str.upper().str.removeprefix("CIK")
    numbers = pd.to_numeric(raw, errors="coerce").astype("float64")
    bad = (numbers.isna().to_numpy() & ~blank) | np.isinf(numbers.to_numpy())
    if column.kind == "integer":
        bad = bad | (numbers.notna().to_numpy() & (numbers != numbers.round()).to_numpy())
        return numbers.where(~bad).astype("Int64"), bad
    return numbers.where(~bad), bad


def _parse_text(raw: pd.Series, column: Column) -> pd.Series:
    missing = {""} if column.name in SYMBOLS else EMPTY_TEXT
    blank = raw.isna().to_numpy()
    text = raw.astype(object).where(~blank, "").astype(str).str.strip()
    if column.name in SYMBOLS:
        text = text.str.upper().str.replace(_SHARE_CLASS, r"\1.\2", regex=True)
    return text.where(~text.isin(missing), None).astype("str")


def _parse_date(raw: pd.Series, blank: np.ndarray, closes_at_four: bool) -> tuple[pd.Series, np.ndarray]:
    """Midnights; with `closes_at_four`, a New York time from 16:00 on counts for the day after."""
    if pd.api.types.is_numeric_dtype(raw):  # 20240102 and nothing else: an epoch would be a guess
        raw = raw.astype("Int64").astype(str).where(~blank, None)
    if pd.api.types.is_datetime64_any_dtype(raw):
        parsed = raw
        if parsed.dt.tz is not None:
            parsed = parsed.dt.tz_convert("America/New_York").dt.tz_localize(None)
    else:
        parsed = pd.to_datetime(raw, errors="coerce", format="ISO8601", utc=False)
        if not pd.api.types.is_datetime64_any_dtype(parsed):
            parsed = pd.to_datetime(raw.str.slice(0, 10), errors="coerce", format="ISO8601")
        elif parsed.dt.tz is not None:
            parsed = parsed.dt.tz_localize(None)
    inside = parsed.isna() | ((parsed >= EARLIEST_DATE) & (parsed < LATEST_DATE))
    bad = (parsed.isna().to_numpy() & ~blank) | ~inside.to_numpy()
    days = parsed.where(inside).astype("datetime64[ns]")
    if closes_at_four:
        days = days + pd.Timedelta(hours=24 - CLOSE_HOUR)
    return days.dt.normalize(), bad


def _outside(parsed: pd.Series, column: Column) -> np.ndarray:
    filled = parsed.notna().to_numpy()
    if column.among is not None:
        return filled & ~parsed.isin(column.among).to_numpy()
    wrong = np.zeros(len(parsed), bool)
    if column.low is not None:
        wrong = wrong | (parsed < column.low).fillna(False).to_numpy(bool)
    if column.high is not None:
        wrong = wrong | (parsed > column.high).fillna(False).to_numpy(bool)
    if column.above is not None:
        wrong = wrong | (parsed <= column.above).fillna(False).to_numpy(bool)
    return filled & wrong


def _expected(column: Column) -> str:
    if column.among is not None:
        return f"is none of {', '.join(sorted(column.among))}"
    if column.above is not None:
        return f"must be above {column.above:g}"
    if column.low is None and column.high is None:
        return ""
    bounds = [f"at least {column.low:g}" if column.low is not None else "",
              f"at most {column.high:g}" if column.high is not None else ""]  # fmt: skip
    return "must be " + " and ".join(part for part in bounds if part)
