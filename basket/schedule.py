"""When the basket trades, and on which session's knowledge.

1. A rule (frequency, months, day, offset) gives calendar dates inside the span.
2. A date on which the exchange is shut moves to the session before it; the offset then counts sessions.
3. Dates the user wrote down are taken as they stand: a holiday among them is an error that names the next session.
   Those before the data or after its end are left for other data.
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

from market.calendar import nyse_sessions, sessions_between
from market.errors import ConfigError, DataError

Frequency = Literal["monthly", "quarterly", "semiannual", "annual", "custom", "once"]
RebalanceDay = Literal["third_friday", "first_session", "last_session", "mid_month"]

ONE_DAY = pd.Timedelta(days=1)
SESSIONS_A_YEAR = 252
AROUND = pd.Timedelta(days=62)  # further than any offset goes
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
    anchor. Raises `ConfigError` for a span outside the data, for a written date that is no session, and for written
    dates of which none lies in the data.
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
    if frequency == "custom":
        wanted = _written(sessions, dates)
    elif frequency == "once":
        wanted = []
    else:
        wanted = _by_rule(sessions, set(months or DEFAULT_MONTHS[frequency]), day, offset)
    return sessions[np.array(sorted({first, *(at for at in wanted if first < at <= last)}))]


def _by_rule(sessions: pd.DatetimeIndex, months: set[int], day: RebalanceDay, offset: int) -> list[int]:
    """Positions among the sessions of the rule's days; those before or after them may be outside.

    The exchange's calendar goes on where the data stop, so that a day counted back from a date still to come is known
    when it is reached, and not only when the date itself is in the data.
    """
    before = sessions_between(sessions[0] - AROUND, sessions[0] - ONE_DAY)
    after = sessions_between(sessions[-1] + ONE_DAY, sessions[-1] + AROUND)
    days = pd.DatetimeIndex(np.concatenate([part.to_numpy() for part in (before, sessions, after)]))
    found = []
    for year in range(days[0].year, days[-1].year + 1):
        for month in sorted(months):
            anchor = _anchor(day, year, month)
            if days[0] <= anchor <= days[-1]:
                later = day == "first_session"
                at = int(days.searchsorted(anchor)) if later else session_at_or_before(days, anchor)
                found.append(at + offset - len(before))
    return found


def _written(sessions: pd.DatetimeIndex, dates: Sequence[str]) -> list[int]:
    """Positions of written dates. One after the data is not reached yet; it must be a session all the same."""
    found = []
    for date in dates:
        reached = pd.Timestamp(date) <= sessions[-1]
        known = sessions if reached else nyse_sessions()
        if reached and pd.Timestamp(date) < sessions[0]:
            continue
        if reached or pd.Timestamp(date) <= known[-1]:
            position = nearest_valid(known, date, "rebalance date")
            found += [position] if reached else []
    if not found:
        raise ConfigError(
            f"none of the rebalance dates ({', '.join(dates)}) lies in the data, which runs "
            f"{sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}"
        )
    return found


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


def next_rebalance(
    after: pd.Timestamp,
    lag: int,
    *,
    frequency: Frequency = "quarterly",
    months: Sequence[int] | None = None,
    day: RebalanceDay = "third_friday",
    offset: int = 0,
    dates: Sequence[str] = (),
) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """The first scheduled rebalance after a session, and its signal session, by the exchange's calendar.

    None where there is none within the days that the calendar knows.
    """
    days = nyse_sessions()
    at = int(days.searchsorted(after))
    if frequency == "once":
        return None
    if frequency == "custom":
        later = sorted(date for date in dates if pd.Timestamp(date) > after)
        found = [] if not later or pd.Timestamp(later[0]) > days[-1] else [nearest_valid(days, later[0])]
    else:
        year = days[at : at + 2 * SESSIONS_A_YEAR]
        wanted = _by_rule(year, set(months or DEFAULT_MONTHS[frequency]), day, offset)
        found = [at + min(position for position in wanted if position > 0)] if any(p > 0 for p in wanted) else []
    if not found or found[0] >= len(days):
        return None
    return days[found[0]], days[max(found[0] - lag, 0)]


def tranche_of(n_rebalances: int, tranches: int) -> list[tuple[int, ...]]:
    """Which tranches each rebalance renews.

    >>> tranche_of(4, 3)
    [(0, 1, 2), (0,), (1,), (2,)]
    """
    every = tuple(range(tranches))
    return [every if i == 0 else ((i - 1) % tranches,) for i in range(n_rebalances)]
