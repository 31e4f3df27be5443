"""Sessions of the New York Stock Exchange, and the dates that schedules are made of.

1. The sessions come from `exchange_calendars` (XNYS); loading it takes half a second, so they are kept in the user's
   cache directory under the library's version and read from there the next time.
2. Everything else is arithmetic on that one sorted array: before, after, n sessions on, the third Friday of a month (or
   the session before it, where that Friday is a holiday), the last session of a month or a week.
"""

from __future__ import annotations

import functools
import os
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from market.errors import DataError

FIRST_DAY = "1990-01-01"
YEARS_AHEAD = 1  # known holidays; the library itself looks no further ahead
FRIDAY = 4


@functools.cache
def nyse_sessions() -> pd.DatetimeIndex:
    """All sessions from 1990 to the end of next year, tz-naive midnights."""
    last_year = pd.Timestamp.now().year + YEARS_AHEAD
    path = _cache_file(last_year)
    days = _read_cache(path)
    if days is None:
        days = _from_library(f"{last_year}-12-31")
        _write_cache(path, days)
    return pd.DatetimeIndex(days.astype("datetime64[ns]"), name="date")


def is_session(day: pd.Timestamp | str) -> bool:
    """Whether the exchange was open on that day.

    >>> is_session("2024-03-28"), is_session("2024-03-29")  # Good Friday
    (True, False)
    """
    return pd.Timestamp(day).normalize() in nyse_sessions()


def sessions_between(start: pd.Timestamp | str, end: pd.Timestamp | str) -> pd.DatetimeIndex:
    """Sessions from `start` to `end`, both inclusive."""
    sessions = nyse_sessions()
    left = sessions.searchsorted(pd.Timestamp(start).normalize(), side="left")
    right = sessions.searchsorted(pd.Timestamp(end).normalize(), side="right")
    return sessions[left:right]


def session_on_or_before(day: pd.Timestamp | str) -> pd.Timestamp:
    """The day itself where it is a session, else the last session before it.

    >>> session_on_or_before("2024-03-31").date().isoformat()
    '2024-03-28'
    """
    return _at(int(nyse_sessions().searchsorted(pd.Timestamp(day).normalize(), side="right")) - 1, day)


def session_on_or_after(day: pd.Timestamp | str) -> pd.Timestamp:
    """The day itself where it is a session, else the first session after it."""
    return _at(int(nyse_sessions().searchsorted(pd.Timestamp(day).normalize(), side="left")), day)


def session_after(day: pd.Timestamp | str, n_sessions: int = 1) -> pd.Timestamp:
    """The n-th session strictly after a day.

    >>> session_after("2024-03-28").date().isoformat()
    '2024-04-01'
    """
    return _at(int(nyse_sessions().searchsorted(pd.Timestamp(day).normalize(), side="right")) + n_sessions - 1, day)


def session_before(day: pd.Timestamp | str, n_sessions: int = 1) -> pd.Timestamp:
    """The n-th session strictly before a day."""
    return _at(int(nyse_sessions().searchsorted(pd.Timestamp(day).normalize(), side="left")) - n_sessions, day)


def third_friday(year: int, month: int) -> pd.Timestamp:
    """The third Friday of a month, or the session before it where the exchange is closed on it.

    >>> third_friday(2019, 4).date().isoformat()  # the 19th was Good Friday
    '2019-04-18'
    """
    first = pd.Timestamp(year, month, 1)
    friday = first + pd.Timedelta(days=(FRIDAY - first.weekday()) % 7 + 14)
    return session_on_or_before(friday)


def month_end(year: int, month: int) -> pd.Timestamp:
    """The last session of a month."""
    return session_on_or_before(pd.Timestamp(year, month, 1) + pd.offsets.MonthEnd(0))


def last_of_each(sessions: pd.DatetimeIndex, period: str) -> pd.DatetimeIndex:
    """The last session of each period that ends inside `sessions` (`W` weeks to Friday, `M` months, `Q` quarters).

    A period still running at the last session has no end yet and gives none.

    >>> days = sessions_between("2024-03-25", "2024-04-09")
    >>> [day.date().isoformat() for day in last_of_each(days, "W")]
    ['2024-03-28', '2024-04-05']
    """
    if not len(sessions):
        return sessions
    periods = sessions.to_period({"W": "W-SUN", "M": "M", "Q": "Q"}[period])
    following = session_after(sessions[-1])
    next_periods = periods[1:].append(pd.PeriodIndex([following], freq=periods.freq))
    return sessions[np.asarray(periods != next_periods)]


def _at(position: int, day: pd.Timestamp | str) -> pd.Timestamp:
    sessions = nyse_sessions()
    if not 0 <= position < len(sessions):
        raise DataError(
            f"{pd.Timestamp(day).date()}: outside the calendar, {sessions[0].date()} to {sessions[-1].date()}"
        )
    return sessions[position]


def _from_library(last_day: str) -> np.ndarray:
    import exchange_calendars

    with warnings.catch_warnings():
        # its constructor reads `Series.values` of times with a zone, which pandas 3.1 deprecates; nothing of ours does
        warnings.filterwarnings("ignore", r"Series\.values", DeprecationWarning)
        found = exchange_calendars.get_calendar("XNYS", start=FIRST_DAY, end=last_day).sessions
    return np.asarray(found.to_numpy()).astype("datetime64[D]")


def _cache_file(last_year: int) -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("hedgebasket") / f"nyse-sessions-{version('exchange_calendars')}-{last_year}.npy"


def _read_cache(path: Path) -> np.ndarray | None:
    try:
        days = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    whole = days.dtype == np.dtype("datetime64[D]") and len(days) > 1 and bool((np.diff(days).astype(int) > 0).all())
    return days if whole else None


def _write_cache(path: Path, days: np.ndarray) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            np.save(stream, days, allow_pickle=False)
        os.replace(temporary, path)
    except OSError:  # a home directory that cannot be written costs half a second, nothing else
        return
