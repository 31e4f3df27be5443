"""Money-market rates and factor returns by session: the last value known, never a later one.

1. Rows are `date, name, value`; a rate is a decimal a year, a factor return a decimal a session.
2. A rate by session is the last one dated on or before it; for a view, dated strictly before it, because overnight
   rates are published on the next morning. Older than ten days it is unknown.
3. Factor returns are taken on their own day only and never carried forward.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from market.errors import DataError

MAX_RATE_AGE_DAYS = 10  # longer than any holiday: beyond it a rate is not known


class Rates:
    """A table of rates, each sorted when it is first asked for."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table
        self._named: dict[str, pd.Series] = {}

    def by_session(self, name: str, sessions: pd.DatetimeIndex, published: bool = False) -> pd.Series:
        """A rate on each session, carried forward for ten days; with `published`, only what was out before that day.

        Raises `DataError` where there is no rate of that name up to the last session.
        """
        if name not in self._named:
            self._named[name] = named(self._table, name, "rate")
        rows = self._named[name]
        dates = rows.index.to_numpy()
        if dates[0] > sessions[-1].to_datetime64():
            raise DataError(f"{name!r} begins {rows.index[0].date()}, after {sessions[-1].date()}")
        position = np.searchsorted(dates, sessions.to_numpy(), side="left" if published else "right") - 1
        held = np.where(position >= 0, position, 0)
        age = sessions.to_numpy() - dates[held]
        known = (position >= 0) & (age <= np.timedelta64(MAX_RATE_AGE_DAYS, "D"))
        return pd.Series(np.where(known, rows.to_numpy()[held], np.nan), index=sessions, name=name)


def factor_by_session(table: pd.DataFrame, name: str, sessions: pd.DatetimeIndex) -> NDArray[np.float64]:
    """A factor's return on each session; NaN where the table has none for it."""
    return named(table, name, "factor").reindex(sessions).to_numpy(dtype=np.float64)


def named(table: pd.DataFrame, name: str, what: str) -> pd.Series:
    """The values of one name by date, sorted; raises `DataError` naming those there are."""
    rows = table[table["name"] == name]
    if rows.empty:
        known = ", ".join(sorted(set(map(str, table["name"])))) or "none"
        raise DataError(f"no {what} is called {name!r} in this store; it has: {known}")
    return rows.set_index("date")["value"].sort_index()
