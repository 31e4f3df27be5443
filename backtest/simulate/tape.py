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
    """

    price: Floats
    dividend: Floats
    factor: Floats
    observed: Flags
    terminal: Flags


def tape(panel: Panel, delistings: Delistings | None = None, max_halt_sessions: int = MAX_HALT_SESSIONS) -> Tape:
    """Marks, dividends and closing-out sessions of a panel.

    Raises ``DataError`` on prices or splits that are not positive.
    """
    close = np.asarray(panel.close, dtype=np.float64)
    split = np.asarray(panel.split, dtype=np.float64)
    _demand_positive(panel, close, split)
    n_sessions, n_assets = close.shape
    factor = np.ones_like(close)
    splits = (split != 1.0).any(axis=0)
    factor[:, splits] = np.multiply.accumulate(split[:, splits], axis=0)
    dividend = np.array(panel.dividend, dtype=np.float64)
    dividend[np.isnan(dividend)] = 0.0
    dividend[:, splits] *= factor[:, splits]
    price = close * factor
    observed = np.isfinite(close)
    terminal = np.zeros(close.shape, dtype=np.bool_)

    final = np.full(n_assets, n_sessions, dtype=np.int64)
    payout = np.ones(n_assets)
    if delistings is not None:
        known = ~np.isnat(delistings.last_session)
        day = delistings.last_session[known].astype("datetime64[ns]")
        final[known] = panel.sessions.searchsorted(day, side="right") - 1
        lost = np.nan_to_num(np.asarray(delistings.total_return, dtype=np.float64))
        payout = np.maximum(1.0 + lost, TERMINAL_FLOOR)

    holes = np.flatnonzero(~observed.all(axis=0) | (final < n_sessions - 1))
    if len(holes):
        row = np.arange(n_sessions)[:, None]
        seen = observed[:, holes] & (row <= final[holes])
        last = np.maximum.accumulate(np.where(seen, row, -1), axis=0)
        gone = np.where(row > final[holes], row == final[holes] + 1, row - last == max_halt_sessions + 1) & (last >= 0)
        carried = np.take_along_axis(price[:, holes], np.maximum(last, 0), axis=0)
        # The terminal price holds until the name trades again, should it ever.
        ended = (last >= 0) & (np.maximum.accumulate(np.where(gone, row, -1), axis=0) > last)
        carried = np.where(ended, carried * payout[holes], carried)
        carried[last < 0] = 0.0
        price[:, holes], observed[:, holes], terminal[:, holes] = carried, seen, gone
    return Tape(price=price, dividend=dividend, factor=factor, observed=observed, terminal=terminal)


def _demand_positive(panel: Panel, close: Floats, split: Floats) -> None:
    if (close <= 0).any() or np.isposinf(close).any():
        _refuse(panel, "close", close, (close <= 0) | np.isinf(close))
    if not ((split > 0) & (split < np.inf)).all():
        _refuse(panel, "split", split, ~((split > 0) & (split < np.inf)))


def _refuse(panel: Panel, what: str, values: Floats, bad: Flags) -> None:
    t, i = np.argwhere(bad)[0]
    raise DataError(
        f"prices: {what} of {panel.tickers[i]} on {panel.sessions[t].date()} is {values[t, i]}; "
        "it must be positive (a missing close is left empty, no split is 1)"
    )
