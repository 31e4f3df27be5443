"""Levels of an index that somebody else calculates, from a CSV `date, level`.

1. Every bad row is told with its number, all at once: a date that is none, a level that is no positive number, a date
   twice.
2. Dates that are no session of the data are left out and counted; sessions without a row keep the level before.
3. A stretch of more than `MAX_GAP` sessions without a level is an error: nobody can be marked at a price that old.
4. Levels become simple total returns: dividends are added to a price return, cash to an excess return.
"""

from __future__ import annotations

import csv
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from market.errors import ConfigError, DataError, Problem

MAX_GAP = 5  # sessions
MONEY_MARKET_DAYS = 360
CALENDAR_DAYS = 365
Quoted = Literal["total_return", "price_return", "excess_return"]


@dataclass(frozen=True)
class Levels:
    """Total-return levels by session of the data, first to last row; and rows without a session."""

    level: pd.Series
    rows: int
    unmatched: int
    carried: int

    @property
    def returns(self) -> pd.Series:
        return self.level.pct_change(fill_method=None).iloc[1:]


def read_levels(path: str | os.PathLike[str]) -> pd.Series:
    """The rows of a file by date, in order. Raises `ConfigError` with every bad row and its line."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as text ({error})") from None
    rows = list(csv.reader(text.splitlines()))
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    if not {"date", "level"} <= set(header):
        raise ConfigError(f"{path}:1: expected the columns date and level; found {', '.join(header) or 'nothing'}")
    at_date, at_level = header.index("date"), header.index("level")
    problems: list[Problem] = []
    found: dict[pd.Timestamp, float] = {}
    for line, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        day, level = (row[at].strip() if at < len(row) else "" for at in (at_date, at_level))
        stamp = _day(day)
        if stamp is None:
            problems.append(Problem(str(path), line, "date", f"'{day}' is not a date; write it as 2024-01-31"))
        elif stamp in found:
            problems.append(Problem(str(path), line, "date", f"{stamp.date()} stands there twice"))
        elif (value := _number(level)) is None:
            problems.append(Problem(str(path), line, "level", f"'{level}' is not a level; it must be a number above 0"))
        else:
            found[stamp] = value
    if problems:
        raise ConfigError(problems)
    if len(found) < 2:
        raise ConfigError(f"{path}: {len(found)} levels; returns need two at least")
    return pd.Series(found, dtype=float, name="level").sort_index()


def total_return(
    written: pd.Series,
    sessions: pd.DatetimeIndex,
    quoted: Quoted = "total_return",
    dividend_yield: float = 0.0,
    cash_rate: pd.Series | None = None,
    name: str = "levels",
) -> Levels:
    """The levels on the sessions of the data, as total returns.

    written         levels by date
    dividend_yield  decimal a year, added to a price return by the calendar day
    cash_rate       decimal a year by session, added to an excess return (the rate of the session before, ACT/360)

    Raises `DataError` where fewer than two dates are sessions, or a gap is longer than `MAX_GAP` sessions.
    """
    known = written[written.index.isin(sessions)]
    if len(known) < 2:
        raise DataError(
            f"{name}: {len(known)} of its dates are sessions of the data, which run {sessions[0].date()} to "
            f"{sessions[-1].date()}"
        )
    span = sessions[(sessions >= known.index[0]) & (sessions <= known.index[-1])]
    at = np.flatnonzero(span.isin(known.index))
    gap = np.diff(at)
    if gap.max() > MAX_GAP + 1:
        k = int(gap.argmax())
        raise DataError(
            f"{name}: no level on the {gap[k] - 1} sessions between {span[at[k]].date()} and "
            f"{span[at[k + 1]].date()}; at most {MAX_GAP} may be missing in a row"
        )
    level = known.reindex(span).ffill()
    growth = (level / level.shift()).fillna(1.0)
    days = np.diff(span.to_numpy().astype("datetime64[D]"), prepend=span[:1].to_numpy().astype("datetime64[D]"))
    if quoted == "price_return":
        growth = growth + dividend_yield * days.astype(float) / CALENDAR_DAYS
    elif quoted == "excess_return":
        if cash_rate is None:
            raise DataError(f"{name}: an excess return needs a cash rate to become a total return")
        growth = growth + cash_rate.reindex(span).ffill().shift().fillna(0.0) * days.astype(float) / MONEY_MARKET_DAYS
    return Levels(
        level=(growth.cumprod() * level.iloc[0]).rename(name),
        rows=len(written),
        unmatched=len(written) - len(known),
        carried=len(span) - len(known),
    )


def _day(text: str) -> pd.Timestamp | None:
    try:
        stamp = pd.Timestamp(text) if text else None
    except ValueError:
        return None
    return stamp.normalize() if isinstance(stamp, pd.Timestamp) else None


def _number(text: str) -> float | None:
    try:
        value = float(text.replace(",", "").replace("_", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None
