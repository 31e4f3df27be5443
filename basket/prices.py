"""What the index level is computed from: one value per original share, its cash, and when it can trade.

1. A share of the first session becomes `Π split` shares; its value is the close times that product, so a split is no
   event at all, and nothing is ever re-based from the end.
2. A session without a close carries the last value: a halt. The cash dividend is per share of its day, after that
   day's split.
3. A dated delisting ends a name on the session after its last close, at `last × (1 + delisting return)`. A missing
   return is −30 % (NYSE, AMEX; Shumway 1997) or −55 % (Nasdaq; Shumway and Warther 1999) when the reason is
   performance, else 0.
4. A close that stops without a record is carried for `STOPPED_AFTER` sessions and then ended at its last value:
   nobody could tell it from a halt any earlier.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import pandas as pd

from market.errors import DataError
from market.securities import delisting_return

if TYPE_CHECKING:
    from market.market import Market
    from market.panel import PricePanel

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int32]

HALT_SESSIONS = 5  # a price older than this is flagged: the name is halted, not merely quiet for a day
STOPPED_AFTER = 20  # a month without a close and without a word: treated as gone
NO_RECORD = f"no price for {STOPPED_AFTER} sessions"


class Ending(NamedTuple):
    """The end of a name: the session on which it is closed out, the return applied to its last price, and why."""

    session: int
    delisting_return: float
    reason: str


@dataclass(frozen=True)
class IndexPrices:
    """Arrays (n_sessions, n_assets), read-only.

    value: USD of what one share of the first session has become, last close carried; 0 before the first close.
    cash: dividend in USD paid on it that session. factor: shares it has become. traded: the session has a close.
    stale: sessions since the last close. endings: by column, in order of time. halts: (session, column) where a price
    becomes too old to trade on.
    """

    sessions: pd.DatetimeIndex
    tickers: pd.Index
    value: Floats
    cash: Floats
    factor: Floats
    traded: Bools
    stale: Counts
    endings: Mapping[int, tuple[Ending, ...]]
    halts: tuple[tuple[int, int], ...]

    def position(self, session: pd.Timestamp) -> int:
        at = int(self.sessions.searchsorted(session))
        if at == len(self.sessions) or self.sessions[at] != session:
            raise DataError(f"{session:%Y-%m-%d} is not a session of the prices")
        return at


def _sessions_since(traded: Bools) -> Counts:
    """Sessions since the last True in each column; large before the first."""
    rows = np.arange(traded.shape[0], dtype=np.int32)[:, None]
    last = np.maximum.accumulate(np.where(traded, rows, np.int32(-(10**6))), axis=0)
    return (rows - last).astype(np.int32)


def _endings(
    sessions: pd.DatetimeIndex,
    tickers: pd.Index,
    traded: Bools,
    stale: Counts,
    securities: pd.DataFrame | None,
) -> dict[int, tuple[Ending, ...]]:
    found: dict[int, list[Ending]] = {}
    recorded: set[int] = set()
    has_record = securities is not None and {"delist_reason", "delist_return"} & set(securities.columns)
    if securities is not None and has_record:
        part = securities.reindex(tickers)
        reasons = part["delist_reason"] if "delist_reason" in part else pd.Series("", index=tickers)
        returns = part["delist_return"] if "delist_return" in part else pd.Series(np.nan, index=tickers)
        exchange = part["exchange"] if "exchange" in part else pd.Series("", index=tickers)
        dated = (reasons.notna() & (reasons.astype(str) != "")) | returns.notna()
        for column in np.flatnonzero(dated.to_numpy()).tolist():
            rows = np.flatnonzero(traded[:, column])
            if rows.size == 0 or rows[-1] + 1 >= len(sessions):
                continue
            reason = "" if pd.isna(reasons.iloc[column]) else str(reasons.iloc[column])
            where = "" if pd.isna(exchange.iloc[column]) else str(exchange.iloc[column])
            change = delisting_return(reason, float(returns.iloc[column]), where)
            found.setdefault(column, []).append(Ending(int(rows[-1]) + 1, change, reason or "delisted"))
            recorded.add(column)
    stops, columns = np.nonzero(stale == STOPPED_AFTER)
    for at, column in zip(stops.tolist(), columns.tolist(), strict=True):
        if column in recorded and at >= found[column][0].session:
            continue
        found.setdefault(column, []).append(Ending(at, 0.0, NO_RECORD))
    return {column: tuple(sorted(endings)) for column, endings in found.items()}


_KEPT: WeakKeyDictionary[Market, IndexPrices] = WeakKeyDictionary()


def prices_of(data: Market) -> IndexPrices:
    """`index_prices` of all names of a market, made once for as long as the market lives."""
    if data not in _KEPT:
        _KEPT[data] = index_prices(data.panel(), data.securities)
    return _KEPT[data]


def index_prices(panel: PricePanel, securities: pd.DataFrame | None = None) -> IndexPrices:
    """Prepare a price panel for any number of index levels; costs one pass over the arrays.

    `securities` (indexed by ticker) may carry `delist_reason`, `delist_return` and `exchange`.
    """
    close = np.asarray(panel.close, dtype=float)
    traded = np.isfinite(close) & (close > 0)
    split = np.asarray(panel.split, dtype=float)
    factor: Floats = np.cumprod(np.where(np.isfinite(split) & (split > 0), split, 1.0), axis=0).astype(np.float64)
    value = np.where(traded, close * factor, np.nan)
    stale = _sessions_since(traded)
    rows = np.arange(len(panel.sessions))[:, None]
    last = rows - stale
    value = np.where(last >= 0, np.take_along_axis(value, np.maximum(last, 0), axis=0), 0.0)
    cash = np.nan_to_num(np.asarray(panel.dividend, dtype=float)) * factor
    endings = _endings(panel.sessions, panel.tickers, traded, stale, securities)
    for column, ends in endings.items():
        for end in ends:
            if end.delisting_return:
                value[end.session :, column] *= 1.0 + end.delisting_return
    arrays: tuple[npt.NDArray[np.generic], ...] = (value, cash, factor, traded, stale)
    for array in arrays:
        array.setflags(write=False)
    halts = tuple((int(row), int(column)) for row, column in np.argwhere(stale == HALT_SESSIONS + 1))
    return IndexPrices(panel.sessions, panel.tickers, value, cash, factor, traded, stale, endings, halts)
