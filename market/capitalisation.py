"""Market capitalisation on any session.

1. The `market_cap` table gives values on some days (month ends); a value counts from its own day on, for 400 days.
2. Between them it moves with the close on one split basis: value * carried_close(t) / carried_close(day of the value).
3. Where there is no such value: shares outstanding as known, carried by the splits since their date, times close.

Money in USD. A name without a close in the last five sessions has none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from market.panel import MAX_CLOSE_AGE, PricePanel

Array = NDArray[np.float64]

MAX_AGE_DAYS = 400  # an annual table still serves; nothing older does
FROM_FACTS = "shares_outstanding x close"


@dataclass(frozen=True)
class MarketCaps:
    """The `market_cap` table on its D days and N names; `day` holds, for each cell, the row whose value holds there."""

    dates: NDArray[np.datetime64]  # (D,)
    value: Array  # (D, N), as given
    source: NDArray[np.object_]  # (D, N)
    day: NDArray[np.int64]  # (D, N), -1 before the first value
    session: NDArray[np.int64]  # (D,), position of the last session on or before the day, -1 before the first

    @classmethod
    def from_table(cls, table: pd.DataFrame, panel: PricePanel) -> MarketCaps:
        """Pivot the rows of names that the panel has."""
        column = panel.tickers.get_indexer(pd.Index(table["ticker"]))
        rows = table[column >= 0]
        column = column[column >= 0]
        dates, row = np.unique(rows["date"].to_numpy(dtype="datetime64[ns]"), return_inverse=True)
        value = np.full((len(dates), len(panel.tickers)), np.nan)
        source = np.full(value.shape, "", dtype=object)
        value[row, column] = rows["value"].to_numpy(dtype=np.float64)
        if "source" in rows:
            source[row, column] = rows["source"].fillna("").to_numpy(dtype=object)
        given = np.where(np.isnan(value), -1, np.arange(len(dates))[:, None])
        session = panel.sessions.searchsorted(pd.DatetimeIndex(dates), side="right") - 1
        return cls(dates, value, source, np.maximum.accumulate(given, axis=0), np.asarray(session, dtype=np.int64))

    def at(self, row: int, panel: PricePanel) -> tuple[Array, NDArray[np.object_]]:
        """Value and source of each name at the close of session `row`, shape (N,); NaN and '' where unknown."""
        n_tickers = len(panel.tickers)
        today = panel.sessions[row].to_datetime64()
        last = int(np.searchsorted(self.dates, today, side="right")) - 1
        if last < 0:
            return np.full(n_tickers, np.nan), np.full(n_tickers, "", dtype=object)
        columns = np.arange(n_tickers)
        held = self.day[last]
        safe = np.maximum(held, 0)
        fresh = (held >= 0) & (today - self.dates[safe] <= np.timedelta64(MAX_AGE_DAYS, "D"))
        value = np.where(fresh, self.value[safe, columns], np.nan)
        carried = panel.carried_close()
        base = self.session[safe]
        before = np.where(base >= 0, carried[np.maximum(base, 0), columns], np.nan)
        # A value dated before the first close is taken as it is: there is nothing to scale it by.
        value = value * np.where(np.isnan(before), 1.0, last_known(carried, row) / np.where(before > 0, before, 1.0))
        value[np.isnan(last_known(panel.close, row))] = np.nan
        source = np.where(np.isnan(value), "", self.source[safe, columns]).astype(object)
        return value, source


def last_known(array: Array, row: int) -> Array:
    """The last value of each column in the six rows that end at `row`; NaN where there is none. Shape (N,)."""
    result = array[row].copy()
    for t in range(row - 1, max(row - 1 - MAX_CLOSE_AGE, -1), -1):
        gap = np.isnan(result)
        if not gap.any():
            break
        result[gap] = array[t, gap]
    return result


def from_shares(shares: Array, counted: NDArray[np.datetime64], row: int, panel: PricePanel) -> Array:
    """Shares as counted on their day, carried by the splits since, times the close of session `row`; shape (N,)."""
    factor = panel.split_factor()
    known = ~np.isnat(counted)
    day = np.where(known, counted, panel.sessions[0].to_datetime64()).astype("datetime64[ns]")
    base = np.asarray(panel.sessions.searchsorted(pd.DatetimeIndex(day), side="right") - 1, dtype=np.int64)
    columns = np.arange(len(panel.tickers))
    at_count = np.where(base >= 0, factor[np.maximum(base, 0), columns], 1.0)
    return np.where(known, shares * factor[row] / at_count * last_known(panel.close, row), np.nan)
