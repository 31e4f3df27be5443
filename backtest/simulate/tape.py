"""The prices an account trades and is marked at: never a hole, never a phantom.

1. One carried share is what one share of the first session has become: price = close x cumulative split, dividends
   likewise, so positions stay constant through splits and the past never changes.
2. A name without a price is halted: it keeps its last mark and cannot be traded.
3. A known last session, or more than `max_halt_sessions` without a price, ends it: one terminal price,
   last x (1 + delisting return), at which every holder is closed out. A loss of everything is floored at a millionth,
   since an order needs a price.
4. Before its first price a name is worth nothing and cannot be bought.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from backtest.broadcast import Floats
from market.errors import DataError

Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

MAX_HALT_SESSIONS = 5  # longer without a price and the position is closed at its terminal price
TERMINAL_FLOOR = 1e-6  # of the last price: a total loss, still an executable price


class Panel(Protocol):
    """What the simulator needs of `market.PricePanel`: sessions x tickers, as traded."""

    @property
    def sessions(self) -> pd.DatetimeIndex: ...
    @property
    def tickers(self) -> pd.Index: ...
    @property
    def close(self) -> Floats: ...
    @property
    def dividend(self) -> Floats: ...
    @property
    def split(self) -> Floats: ...


@dataclass(frozen=True)
class Delistings:
    """What is known of names that stopped trading, one entry a ticker.

    last_session  the last session traded as announced; NaT where the name still trades or nobody knows
    total_return  return from the last price to what holders got, decimal; 0 where unknown
    """

    last_session: npt.NDArray[np.datetime64]
    total_return: Floats


@dataclass(frozen=True)
class Tape:
    """Marks of every session, (n_sessions, n_assets), in carried shares.

    price      mark and execution price; 0 before the first trade
    dividend   cash per carried share on the ex-date
    factor     shares as traded per carried share
    observed   traded at that session: may be bought and sold
    terminal   closed out at that session, at `price`
    age        sessions since the last trade; -1 before the first
    """

    price: Floats
    dividend: Floats
    factor: Floats
    observed: Flags
    terminal: Flags
    age: Whole


def tape(panel: Panel, delistings: Delistings | None = None, max_halt_sessions: int = MAX_HALT_SESSIONS) -> Tape:
    """Marks, dividends and closing-out sessions of a panel.

    Raises ``DataError`` on prices or splits that are not positive.
    """
    n_sessions, n_assets = panel.close.shape
    close = np.asarray(panel.close, dtype=np.float64)
    _demand_positive(panel, close, np.asarray(panel.split))
    row = np.arange(n_sessions)[:, None]
    observed = np.isfinite(close)
    final = np.full(n_assets, n_sessions, dtype=np.int64)
    final_return = np.zeros(n_assets)
    if delistings is not None:
        known = ~np.isnat(delistings.last_session)
        at = panel.sessions.searchsorted(delistings.last_session[known].astype("datetime64[ns]"), side="right") - 1
        final[known] = at
        final_return = np.nan_to_num(np.asarray(delistings.total_return, dtype=np.float64))
        observed &= row <= final[None, :]
    last = np.maximum.accumulate(np.where(observed, row, -1), axis=0)
    age = np.where(last >= 0, row - last, -1)
    terminal = (last >= 0) & np.where(row > final[None, :], row == final[None, :] + 1, age == max_halt_sessions + 1)

    factor: Floats = np.multiply.accumulate(np.asarray(panel.split, dtype=np.float64), axis=0)
    carried = np.where(observed, close, 0.0) * factor
    price = np.take_along_axis(carried, np.maximum(last, 0), axis=0)
    price[last < 0] = 0.0
    if terminal.any():
        # The terminal price holds until the name trades again, should it ever.
        payout = np.maximum(1.0 + final_return, TERMINAL_FLOOR)[None, :]
        ended = (last >= 0) & (np.maximum.accumulate(np.where(terminal, row, -1), axis=0) > last)
        price = np.where(ended, price * payout, price)
    return Tape(
        price=np.ascontiguousarray(price),
        dividend=np.ascontiguousarray(np.nan_to_num(np.asarray(panel.dividend, dtype=np.float64)) * factor),
        factor=factor,
        observed=np.ascontiguousarray(observed),
        terminal=np.ascontiguousarray(terminal),
        age=age,
    )


def _demand_positive(panel: Panel, close: Floats, split: Floats) -> None:
    for values, what in ((close, "close"), (split, "split")):
        bad = (values <= 0) | np.isinf(values) if what == "close" else ~(np.isfinite(values) & (values > 0))
        if bad.any():
            t, i = np.argwhere(bad)[0]
            raise DataError(
                f"prices: {what} of {panel.tickers[i]} on {panel.sessions[t].date()} is {values[t, i]}; "
                "it must be positive (a missing close is left empty, no split is 1)"
            )
