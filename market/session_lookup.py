"""A day somebody named, found among the sessions of a market.

1. Whatever pandas reads as a date will do; anything else is an error that shows how to write one.
2. A day that is no session is an error that names its neighbours; one outside the data, the first or last session.
3. On or before, and on or after a day: the session there, or the error of a day outside the data.
"""

from __future__ import annotations

import pandas as pd

from market.errors import ConfigError, DataError


def as_day(day: pd.Timestamp | str) -> pd.Timestamp:
    """Midnight of a day, without a time zone; raises `ConfigError` for what is no date."""
    try:
        stamp = pd.Timestamp(day)
    except ValueError as error:
        raise ConfigError(f"{day!r} is not a date; write it as 2024-01-31") from error
    if pd.isna(stamp):
        raise ConfigError(f"{day!r} is not a date; write it as 2024-01-31")
    return stamp.tz_localize(None).normalize() if stamp.tz is not None else stamp.normalize()


def session_on(sessions: pd.DatetimeIndex, day: pd.Timestamp | str) -> pd.Timestamp:
    """`day` as one of the sessions; `DataError` for one outside the data, `ConfigError` for one that is no session."""
    stamp = as_day(day)
    position = int(sessions.searchsorted(stamp))
    if position < len(sessions) and sessions[position] == stamp:
        return sessions[position]
    start, end = sessions[0], sessions[-1]
    if stamp < start or stamp > end:
        nearest = start if stamp < start else end
        raise DataError(
            f"{stamp.date()} is outside the data ({start.date()} to {end.date()}); "
            f"the nearest session is {nearest.date()}"
        )
    before, after = sessions[position - 1], sessions[position]
    raise ConfigError(
        f"{stamp.date()} is not a session of the exchange; the last one before it is {before.date()}, "
        f"the next one {after.date()}"
    )


def session_on_or_before(sessions: pd.DatetimeIndex, day: pd.Timestamp | str) -> pd.Timestamp:
    """The last session not after a day; raises `DataError` where there is none."""
    position = int(sessions.searchsorted(as_day(day), side="right")) - 1
    return session_on(sessions, day) if position < 0 else sessions[position]


def session_on_or_after(sessions: pd.DatetimeIndex, day: pd.Timestamp | str) -> pd.Timestamp:
    """The first session not before a day; raises `DataError` where there is none."""
    position = int(sessions.searchsorted(as_day(day), side="left"))
    return session_on(sessions, day) if position == len(sessions) else sessions[position]
