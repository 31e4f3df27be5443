"""One session of each name held: how its price moved, what it paid, and what happened to it, from close to close.

1. The move is that of the carried value: splits are no move, a halt moves nothing, a name that ends moves by its
   delisting return.
2. A merger moves a share to what it became, in cash or shares of the other; a spin-off adds what was received.
3. Whatever is not a mere change of price is told in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket.actions import CorporateAction
from basket.composition import in_words
from basket.prices import HALT_SESSIONS, IndexPrices

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class DayMoves:
    """price, paid (n_names,): of the value at the close before. told: what happened, by name."""

    price: Floats
    paid: Floats
    told: tuple[str, ...]


def day_moves(prices: IndexPrices, actions: Sequence[CorporateAction], at: int, columns: Ints) -> DayMoves:
    """Moves of the names at `columns` from the close before session `at` (position) to its close."""
    last, factor = prices.value[at - 1, columns], prices.factor[at, columns]
    price, paid = prices.value[at, columns] / last - 1.0, prices.cash[at, columns] / last
    ratio = factor / prices.factor[at - 1, columns]
    told: list[str] = []
    for place, column in enumerate(columns.tolist()):
        name = str(prices.tickers[column])
        if ratio[place] != 1.0:
            told.append(f"{name}: {ratio[place]:g} new shares for each old one")
        if paid[place] > 0:
            told.append(f"{name}: dividend of {prices.cash[at, column] / factor[place]:.6g} USD a share")
        if prices.stale[at, column] == HALT_SESSIONS + 1:
            told.append(f"{name}: no close for more than {HALT_SESSIONS} sessions")
        told += [
            f"{name}: {ending.reason}; closed out at {ending.delisting_return:+.0%}"
            for ending in prices.endings.get(column, ())
            if ending.session == at
        ]
    for action in actions:
        here = np.flatnonzero(prices.tickers[columns] == action.ticker)
        if here.size == 0 or int(prices.sessions.searchsorted(action.session)) != at:
            continue
        place = int(here[0])
        shares = prices.factor[at - 1, columns[place]]  # what a share of the first session had become
        into = int(prices.tickers.get_indexer(pd.Index([action.into]))[0]) if action.into else -1
        priced = into >= 0 and (action.kind != "spin_off" or bool(prices.traded[at, into]))
        received = action.ratio * prices.value[at, into] / prices.factor[at, into] if priced else 0.0
        if action.kind == "spin_off":
            price[place] += shares * (received if priced else action.cash) / last[place]
        else:
            price[place] = shares * (received + action.cash) / last[place] - 1.0
            paid[place] = 0.0
        told.append(f"{action.ticker}: {action.kind.replace('_', ' ')}, {in_words(action)}")
    return DayMoves(price, paid, tuple(told))
