"""When the basket trades, and on which session's knowledge.

1. A rule (frequency, months, day, offset) gives calendar dates inside the span.
2. A date on which the exchange is shut moves to the session before it; the offset then counts sessions.
3. Dates the user wrote down are taken as they stand: a holiday among them is an error that names the next session.
4. The first session of the span is an inception: the basket is bought there, whatever the rule says.
5. The signal session is `lag` sessions before the rebalance: orders fill at the rebalance session's close.
6. With `tranches` k, the i-th scheduled rebalance renews tranche i mod k; the inception buys all of them.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from market.errors import ConfigError, DataError

Frequency = Literal["monthly", "quarterly", "semiannual", "annual", "custom", "once"]
RebalanceDay = Literal["third_friday", "first_session", "last_session", "mid_month"]

# The cycle of index and option expiries, one month after the quarter's end where nothing else is asked for.
DEFAULT_MONTHS: dict[str, tuple[int, ...]] = {
    "monthly": tuple(range(1, 13)),
    "quarterly": (1, 4, 7, 10),
    "semiannual": (1, 7),
    "annual": (1,),
}


def third_friday(year: int, month: int) -> pd.Timestamp:
    """Third Friday of a month, the day on which listed options expire.

    >>> third_friday(2024, 1).date().isoformat()
    '2024-01-19'
    """
    first_weekday, _ = calendar.monthrange(year, month)
    return pd.Timestamp(year, month, 15 + (calendar.FRIDAY - first_weekday) % 7)


def _anchor(day: RebalanceDay, year: int, month: int) -> pd.Timestamp:
    if day == "third_friday":
        return third_friday(year, month)
    if day == "mid_month":
        return pd.Timestamp(year, month, 15)
    if day == "last_session":
        return pd.Timestamp(year, month, calendar.monthrange(year, month)[1])
    return pd.Timestamp(year, month, 1)


def session_at_or_before(sessions: pd.DatetimeIndex, date: pd.Timestamp) -> int:
    """Position of the last session on or before a date; −1 when there is none."""
    return int(sessions.searchsorted(date, side="right")) - 1


def nearest_valid(sessions: pd.DatetimeIndex, date: str | pd.Timestamp, what: str = "date") -> int:
    """Position of `date` among the sessions; a holiday or a date outside the span is an error naming a valid one.

    Raises `ConfigError`.
    """
    try:
        wanted = pd.Timestamp(date).normalize()
    except ValueError as error:
        raise ConfigError(f"{what} {date!r} is not a date; write it as YYYY-MM-DD") from error
    first, last = sessions[0], sessions[-1]
    if wanted < first or wanted > last:
        raise ConfigError(
            f"{what} {wanted:%Y-%m-%d} is outside the data, which runs {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        )
    position = int(sessions.searchsorted(wanted))
    if sessions[position] != wanted:
        raise ConfigError(
            f"{what} {wanted:%Y-%m-%d} is not a trading session; the next one is {sessions[position]:%Y-%m-%d}"
        )
    return position


def rebalance_sessions(
    sessions: pd.DatetimeIndex,
    start: pd.Timestamp,
    end: pd.Timestamp,
    *,
    frequency: Frequency = "quarterly",
    months: Sequence[int] | None = None,
    day: RebalanceDay = "third_friday",
    offset: int = 0,
    dates: Sequence[str] = (),
) -> pd.DatetimeIndex:
    """Sessions at whose close the basket trades, the inception first.

    `sessions` are those of the data; `start` moves forward to a session, `end` back. `offset` counts sessions after the
    anchor. Raises `ConfigError` for dates outside the data and for written dates that are no session.
    """
    if start > end:
        raise ConfigError(f"the span ends ({end:%Y-%m-%d}) before it starts ({start:%Y-%m-%d})")
    if start > sessions[-1] or end < sessions[0]:
        raise ConfigError(
            f"the span {start:%Y-%m-%d} to {end:%Y-%m-%d} is outside the data, "
            f"which runs {sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}"
        )
    first = int(sessions.searchsorted(start))
    last = session_at_or_before(sessions, end)
    if first > last:
        raise ConfigError(f"no trading session between {start:%Y-%m-%d} and {end:%Y-%m-%d}")
    positions = {first}
    if frequency == "custom":
        for date in dates:
            position = nearest_valid(sessions, date, "rebalance date")
            if first <= position <= last:
                positions.add(position)
    elif frequency != "once":
        wanted = set(months or DEFAULT_MONTHS[frequency])
        for year in range(sessions[first].year, sessions[last].year + 1):
            for month in sorted(wanted):
                anchor = _anchor(day, year, month)
                if anchor > sessions[-1]:
                    continue
                at = (
                    int(sessions.searchsorted(anchor))
                    if day == "first_session"
                    else session_at_or_before(sessions, anchor)
                )
                # The last session of a month that the data cut short is not known to be its last.
                if day == "last_session" and at == len(sessions) - 1 and sessions[at] < anchor:
                    at += 1
                at += offset
                if first < at <= last:
                    positions.add(at)
    return sessions[np.array(sorted(positions))]


def signal_sessions(sessions: pd.DatetimeIndex, rebalances: pd.DatetimeIndex, lag: int) -> pd.DatetimeIndex:
    """The session whose close each rebalance's signals may know: `lag` sessions earlier.

    Raises `DataError` when the data starts too late for the first of them.
    """
    at = sessions.get_indexer(rebalances) - lag
    if len(at) and at[0] < 0:
        raise DataError(
            f"a rebalance at {rebalances[0]:%Y-%m-%d} with a signal lag of {lag} sessions needs data from before "
            f"{sessions[0]:%Y-%m-%d}; the earliest rebalance is {sessions[min(lag, len(sessions) - 1)]:%Y-%m-%d}"
        )
    return sessions[at]


def tranche_of(n_rebalances: int, tranches: int) -> list[tuple[int, ...]]:
    """Which tranches each rebalance renews.

    >>> tranche_of(4, 3)
    [(0, 1, 2), (0,), (1,), (2,)]
    """
    every = tuple(range(tranches))
    return [every if i == 0 else ((i - 1) % tranches,) for i in range(n_rebalances)]
