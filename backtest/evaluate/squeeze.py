"""How a short is hurt: the steepest rises of the basket, and the worst morning in a single name.

1. Rise: of the basket's level over so many sessions, close to close; the steepest one counts.
2. Loss: what the short sleeve made or lost over so many sessions, as a share of NAV at the close before them.
3. Gap: one name, one session: shares held before it times the change of its price, as a share of NAV before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from basket.hedge.history import Array
from market.errors import DataError


@dataclass(frozen=True)
class Stretch:
    """Return or P&L from the close of `start` to the close of `end`; a decimal, with its sign."""

    value: float
    start: pd.Timestamp
    end: pd.Timestamp


@dataclass(frozen=True)
class Gap:
    """One name's worst session. rise: of its price; weight: of the position in NAV before it, negative for a short;
    loss: P&L over NAV before it, negative."""

    ticker: str
    session: pd.Timestamp
    rise: float
    weight: float
    loss: float


def largest_rise(level: pd.Series, sessions: int) -> Stretch:
    """The steepest rise of a level over `sessions` sessions. Raises `DataError` where it has no more than that many."""
    values = level.to_numpy(dtype=np.float64)
    if len(values) <= sessions:
        raise DataError(f"a rise over {sessions} sessions needs more than that, there are {len(values)}")
    rises = values[sessions:] / values[:-sessions] - 1.0
    first = int(np.argmax(rises))
    return Stretch(float(rises[first]), level.index[first], level.index[first + sessions])


def earned_between(profit: pd.Series, nav: pd.Series, start: pd.Timestamp, end: pd.Timestamp) -> float:
    """P&L (USD by session) after the close of `start` up to that of `end`, over NAV at `start`."""
    return float(profit[(profit.index > start) & (profit.index <= end)].sum() / nav.loc[start])


def largest_loss(profit: pd.Series, nav: pd.Series, sessions: int) -> Stretch:
    """The worst P&L over `sessions` sessions, as a share of NAV at the close before them; negative.

    profit, nav  USD by session, the same sessions
    """
    if len(nav) <= sessions:
        raise DataError(f"a loss over {sessions} sessions needs more than that, there are {len(nav)}")
    running = np.cumsum(profit.to_numpy(dtype=np.float64))
    earned = (running[sessions:] - running[:-sessions]) / nav.to_numpy(dtype=np.float64)[:-sessions]
    first = int(np.argmin(earned))
    return Stretch(float(earned[first]), nav.index[first], nav.index[first + sessions])


def worst_gap(shares: pd.DataFrame, price: Array, nav: pd.Series) -> Gap:
    """The session and the name that cost the most of NAV.

    shares  sessions x tickers, held after each close, negative for a short; in the units of `price`
    price   the marks, same shape; carried through splits
    Raises `DataError` where nothing is held over any session.
    """
    before, step = shares.to_numpy(dtype=np.float64)[:-1], np.diff(price, axis=0)
    worth = nav.to_numpy(dtype=np.float64)[:-1, None]
    lost = before * step / worth
    if lost.size == 0 or not before.any():
        raise DataError("no name is held over a session")
    t, i = (int(k) for k in np.unravel_index(int(np.argmin(lost)), lost.shape))
    return Gap(
        ticker=str(shares.columns[i]),
        session=shares.index[t + 1],
        rise=float(price[t + 1, i] / price[t, i] - 1.0),
        weight=float(before[t, i] * price[t, i] / worth[t, 0]),
        loss=float(lost[t, i]),
    )
