"""What it costs to borrow a share: dated fees where they are known, else tiers.

1. A dated fee holds for 20 sessions after its date, or until a later one. A cost that is being booked also takes the
   first fee of the 20 sessions ahead where none of those behind holds: a fee that is being charged is never replaced by
   one still to come. A view, which must not look ahead, uses only those behind.
2. Otherwise the tier of the name: general collateral 0.30 %, warm 1 %, special 5 %, hard to borrow 20 % a year.
3. Tiers go by market capitalisation (2 bn USD), short interest of the float (10, 20, 30 %) and price (5 USD). Unknown
   short interest counts as low; an unknown market capitalisation does not count as small.

Fees are decimals a year of the market value that is short. The tiers are a choice of ours, anchored on D'Avolio (2002),
"The Market for Borrowing Stock", J. Financial Economics 66: value-weighted mean near 0.25 %, specials near 4.3 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

VALID_SESSIONS = 20
GENERAL_COLLATERAL, WARM, SPECIAL, HARD_TO_BORROW = 0.003, 0.01, 0.05, 0.20
SMALL_MARKET_CAP_USD = 2e9
LOW_PRICE_USD = 5.0
WARM_SHORT, SPECIAL_SHORT, HARD_SHORT = 0.10, 0.20, 0.30


def tier_fee(market_cap: Array, short_of_float: Array, close: Array) -> Array:
    """Fee by tier, shape (N,). `short_of_float` is a decimal; NaN is unknown.

    >>> tier_fee(np.array([3e9, 1e9]), np.array([0.05, np.nan]), np.array([50.0, 50.0])).tolist()
    [0.003, 0.01]
    """
    with np.errstate(invalid="ignore"):
        fee = np.full(market_cap.shape, GENERAL_COLLATERAL)
        fee[(market_cap < SMALL_MARKET_CAP_USD) | (short_of_float >= WARM_SHORT)] = WARM
        fee[short_of_float >= SPECIAL_SHORT] = SPECIAL
        fee[(short_of_float > HARD_SHORT) | (close < LOW_PRICE_USD)] = HARD_TO_BORROW
    return fee


@dataclass(frozen=True)
class Borrow:
    """The `borrow` table on sessions: for each row its session, its column and its fee."""

    session: NDArray[np.int64]  # position of the first session on or after the row's date
    column: NDArray[np.int64]
    fee: Array
    available: Array

    @classmethod
    def from_table(cls, table: pd.DataFrame, sessions: pd.DatetimeIndex, tickers: pd.Index) -> Borrow:
        """Rows of names the market knows, by date."""
        rows = table.sort_values(["date", "ticker"], kind="stable")
        column = tickers.get_indexer(pd.Index(rows["ticker"]))
        session = sessions.searchsorted(rows["date"])
        shares = rows["available_shares"] if "available_shares" in rows else pd.Series(np.nan, index=rows.index)
        kept = column >= 0
        return cls(
            np.asarray(session, dtype=np.int64)[kept],
            np.asarray(column, dtype=np.int64)[kept],
            np.asarray(rows["fee_annual"], dtype=np.float64)[kept],
            np.asarray(shares, dtype=np.float64)[kept],
        )

    def known(self, row: int, n_tickers: int) -> tuple[Array, Array]:
        """Fee and available shares of each name, of the latest row at most 20 sessions old; NaN where none is."""
        fee, available = np.full(n_tickers, np.nan), np.full(n_tickers, np.nan)
        live = (self.session <= row) & (self.session >= row - VALID_SESSIONS)
        fee[self.column[live]] = self.fee[live]  # in date order: the latest stays
        available[self.column[live]] = self.available[live]
        return fee, available

    def booked(self, n_sessions: int, n_tickers: int, both_sides: bool = True) -> Array:
        """Dated fee of each session and name, shape (T, N), NaN outside the 20 sessions around a dated row.

        The latest row at most 20 sessions old counts; where there is none, the first of the 20 sessions ahead. With
        `both_sides=False` only rows already dated count.
        """
        fee = np.full((n_sessions + VALID_SESSIONS, n_tickers), np.nan)
        inside = self.session < len(fee)
        fee[self.session[inside], self.column[inside]] = self.fee[
            inside
        ]  # in date order: the latest of a session stays
        row = np.arange(len(fee))[:, None]
        dated = ~np.isnan(fee)
        before = np.maximum.accumulate(np.where(dated, row, -len(fee)), axis=0)
        after = np.minimum.accumulate(np.where(dated, row, 2 * len(fee))[::-1], axis=0)[::-1]
        source = np.where(both_sides & (row - before > VALID_SESSIONS), after, before)
        valid = np.abs(source - row) <= VALID_SESSIONS
        columns = np.broadcast_to(np.arange(n_tickers), fee.shape)
        return np.where(valid, fee[np.where(valid, source, 0), columns], np.nan)[:n_sessions]
