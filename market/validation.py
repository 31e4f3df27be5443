"""Rows that may enter a store, and the reasons of those that may not.

1. Take the rows of a file as it is (`market.reading`), or of a frame.
2. Match column names without regard to case and surrounding blanks; unknown columns are left out and named.
3. Parse each column by its kind; what cannot be parsed rejects its row.
4. Check required values, bounds, closed sets, at-least-one-of and date order; keep the first reason of a row.
5. Of rows with one key: exact repeats are dropped as repeats, contradictions reject the later row.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from market.errors import DataError
from market.spelling import SHARE_CLASS
from market.tables import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterable

EMPTY_TEXT = frozenset({"", "nan", "NaN", "None", "null", "NULL", "NaT", "<NA>"})
"""Texts that mean "missing" in any column but a ticker, where only the empty text does."""
MISSING_NUMBER = EMPTY_TEXT | {"NA", "N/A", "n/a", "#N/A", "-", "."}
SYMBOLS = ("ticker", "symbol")
A_SYMBOL = re.compile(r"[A-Z0-9^$][A-Z0-9.^$=@&+_:-]{0,39}")
"""What a symbol may look like: no blanks, quotes, slashes or markup, since names of files and pages are made of it."""
LONGEST_SHOWN = 60
MANY = 10  # of a closed set: too many to list them all
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
                reasons[row] = reason if shown is None else reason.replace("{}", _quoted(shown.iloc[row]))

    columns: dict[str, pd.Series] = {}
    for column in table.columns:
        if column.name not in by_name:
            continue
        raw = frame[by_name[column.name]].reset_index(drop=True)
        parsed, unreadable = _parse(raw, column)
        reject(unreadable, f"{column.name}: {{}} is not a {'symbol' if column.name in SYMBOLS else column.kind}", raw)
        if column.required:
            reject(parsed.isna().to_numpy() & ~unreadable, f"{column.name} is empty")
        outside = _outside(parsed, column)
        if column.among is None:
            reject(outside, f"{column.name}: {{}} {_expected(column)}", parsed)
        else:
            for value in map(str, parsed[outside].unique()):
                shown = f"{column.name}: {value[:LONGEST_SHOWN]} {_expected(column, value)}"
                reject(outside & (parsed == value).to_numpy(dtype=bool, na_value=False), shown)
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


_REPEAT = "repeats an earlier row"
_ZONED = r"^([^T ]+[T ][^Z+-]+)(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)$"
"""A time that says in which zone it is; what stands before the zone is the first group."""
LARGEST_EXACT_INTEGER = 2**53  # beyond it a float no longer tells neighbours apart


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


def _quoted(value: object) -> str:
    """A value as a message shows it: texts in quotes, cut where they are long."""
    if isinstance(value, str):
        return repr(value if len(value) <= LONGEST_SHOWN else value[:LONGEST_SHOWN] + "…")
    return f"{value:g}" if isinstance(value, float) else str(value)[:LONGEST_SHOWN]


def _parse(raw: pd.Series, column: Column) -> tuple[pd.Series, np.ndarray]:
    """The column in its canonical type, and which rows hold something that is not of its kind."""
    if column.kind == "text":
        text = _parse_text(raw, column)
        if column.name not in SYMBOLS:
            return text, np.zeros(len(raw), bool)
        odd = [symbol for symbol in text.dropna().unique() if not A_SYMBOL.fullmatch(symbol)]
        return text, text.isin(odd).to_numpy(dtype=bool)
    blank = raw.isna().to_numpy()
    if pd.api.types.is_bool_dtype(raw):
        raw = raw.astype(object).where(~blank, None).astype("str")
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
        bad = bad | (numbers.abs() > LARGEST_EXACT_INTEGER).to_numpy()
        return numbers.where(~bad).astype("Int64"), bad
    return numbers.where(~bad), bad


def _parse_text(raw: pd.Series, column: Column) -> pd.Series:
    missing = {""} if column.name in SYMBOLS else EMPTY_TEXT
    blank = raw.isna().to_numpy()
    text = raw.astype(object).where(~blank, "").astype(str).str.strip()
    if column.name in SYMBOLS:
        text = text.str.upper().str.replace(SHARE_CLASS, r"\1.\2", regex=True)
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
        parsed = pd.to_datetime(raw.str.replace(_ZONED, r"\1", regex=True), errors="coerce", format="ISO8601")
        zoned = raw.str.match(_ZONED).fillna(False).astype(bool)
        if closes_at_four and zoned.any():  # a clock elsewhere is not New York's; a plain date is the day as written
            there = pd.to_datetime(raw[zoned], errors="coerce", format="ISO8601", utc=True)
            parsed = parsed.where(~zoned, there.dt.tz_convert("America/New_York").dt.tz_localize(None))
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


def _expected(column: Column, value: str = "") -> str:
    if column.among is not None:
        close = difflib.get_close_matches(value.lower(), column.among, n=1)
        listed = sorted(column.among)
        shown = ", ".join(listed) if len(listed) <= MANY else f"the {len(listed)} known ones"
        return f"is none of {shown}" + (f"; did you mean {close[0]!r}?" if close else "")
    if column.above is not None:
        return f"must be above {column.above:g}"
    if column.low is None and column.high is None:
        return ""
    bounds = [f"at least {column.low:g}" if column.low is not None else "",
              f"at most {column.high:g}" if column.high is not None else ""]  # fmt: skip
    return "must be " + " and ".join(part for part in bounds if part)
