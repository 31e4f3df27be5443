"""A parameter given as a file: by name, by date, or both.

1. The CSV has a header with `value` and `date`, `ticker`, or both; one row a value.
2. A value holds from its date on until the next of the same name; without a date, from the beginning.
3. A row without a ticker is for every name; a name's own row counts before it.
4. Where nothing is in force the parameter keeps what it would have been without the file.
5. What the account has as a whole (a spread on its cash) goes by date alone.
6. Every bad row is reported at once, with its line.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.broadcast import Floats
from market.errors import ConfigError, Problem
from screens.loading import Ref
from screens.reading import shown
from screens.wording import did_you_mean

if TYPE_CHECKING:
    from backtest.strict import Strict

BPS = 1e-4
HIGHEST_BPS = 1e4
Row = tuple[np.datetime64, str, float]  # date (the first of all where none is given), ticker ("" for all), value
ALWAYS = np.datetime64("1900-01-01", "ns")


def read_values(path: Path, known: Collection[str] | None, low: float, high: float) -> list[Row]:
    """Rows of the file, by date. Raises `ConfigError` with every bad row: no number, out of range, unknown, twice.

    known: the tickers there are; None for a value that the account has as a whole, whose file has no such column.
    """
    rows = read_csv(path, required={"value"}, optional={"date"} if known is None else {"date", "ticker"})
    known = () if known is None else known
    problems: list[Problem] = []
    found: dict[tuple[np.datetime64, str], float] = {}
    for line, row in rows:
        try:
            day = date_of(row["date"]) if row.get("date") else ALWAYS
            key = (day, ticker_of(row["ticker"], known) if row.get("ticker") else "")
            if key in found:
                raise ValueError("stands there twice")
            found[key] = _number(row["value"], low, high)
        except ValueError as error:
            problems.append(Problem(str(shown(path)), line, row.get("ticker") or "value", str(error)))
    if problems:
        raise ConfigError(problems)
    if not found:
        raise ConfigError(f"{shown(path)}: no values")
    return sorted((day, ticker, value) for (day, ticker), value in found.items())


def laid_out(rows: list[Row], sessions: pd.DatetimeIndex, tickers: pd.Index) -> Floats:
    """The values in force at each session and name, (n_sessions, n_assets); NaN where there is none."""
    everyone = np.full(len(sessions), np.nan)
    own = np.full((len(sessions), len(tickers)), np.nan)
    for day, ticker, value in rows:  # by date: a later one takes over
        first = int(sessions.searchsorted(pd.Timestamp(day)))
        if ticker:
            own[first:, tickers.get_loc(ticker)] = value
        else:
            everyone[first:] = value
    return np.where(np.isnan(own), everyone[:, None], own)


def by_session(written: float | Ref, usual: float, sessions: pd.DatetimeIndex) -> Floats | float:
    """Bps as a decimal: the number written, or of a file one a session, (n_sessions, 1); `usual` where it is silent."""
    if not isinstance(written, Ref):
        return written * BPS
    found = laid_out(read_values(written.target, None, 0.0, HIGHEST_BPS), sessions, pd.Index([""]))
    return np.where(np.isnan(found), usual, found) * BPS


def usual(block: Strict, field: str) -> float:
    """The default of a field: what holds where its file says nothing."""
    return float(type(block).model_fields[field].default)


def read_csv(path: Path, required: set[str], optional: set[str]) -> list[tuple[int, dict[str, str]]]:
    """Line number and cells by column of every row that is not empty. Raises `ConfigError` for the wrong columns."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{shown(path)}: cannot be read as text ({error})") from None
    table = [[cell.strip() for cell in row] for row in csv.reader(lines)]
    header = [cell.lower() for cell in table[0]] if table else []
    if not required <= set(header) <= required | optional or len(set(header)) < len(header):
        wanted = ", ".join([*sorted(required), *(f"{name}?" for name in sorted(optional))])
        raise ConfigError(f"{shown(path)}:1: expected the columns {wanted}; found {', '.join(header) or 'nothing'}")
    return [
        (line, dict(zip(header, [*row, *[""] * len(header)], strict=False)))
        for line, row in enumerate(table[1:], start=2)
        if any(row)
    ]


def date_of(written: str) -> np.datetime64:
    """Raises `ValueError` in words."""
    try:
        return np.datetime64(dt.date.fromisoformat(written), "ns")
    except ValueError:
        raise ValueError(f"'{written}' is no date such as 2024-01-31") from None


def ticker_of(written: str, known: Collection[str]) -> str:
    """Raises `ValueError` in words."""
    if written not in known:
        raise ValueError(f"unknown ticker '{written}'{did_you_mean(written, [str(name) for name in known])}")
    return written


def _number(written: str, low: float, high: float) -> float:
    try:
        value = float(written)
    except ValueError:
        raise ValueError(f"'{written}' is no number") from None
    if not low <= value <= high:
        raise ValueError(f"{written} is outside {low:g} to {high:g}")
    return value
