"""What the names of an index paid and split while it held them, as events; the level has them in without these.

1. A stretch of constant composition says which names were held at which closes.
2. A split is told with its new shares for each old one, a dividend with its USD per share of the day.
3. No table says which dividend was special: one of 4 % of the last close or more is called so (a quarter's regular one
   is hardly ever more than 2 %).
"""

from __future__ import annotations

import numpy as np

from basket.composition import Event
from basket.level import LevelHistory

SPECIAL = 0.04


def distributions(history: LevelHistory) -> list[Event]:
    """Splits and dividends of the names held, in order of session and ticker."""
    prices = history.prices
    found = []
    for stretch in history.stretches:
        rows = slice(stretch.start + 1, stretch.end + 1)
        columns = stretch.columns[stretch.shares != 0]
        factor = prices.factor[stretch.start : stretch.end + 1, columns]
        ratio = factor[1:] / factor[:-1]
        for row, place in np.argwhere(ratio != 1.0).tolist():
            text = f"{ratio[row, place]:g} new shares for each old one"
            found.append(_event(history, stretch.start + 1 + row, columns[place], "split", ratio[row, place], text))
        for row, place in np.argwhere(prices.cash[rows][:, columns] > 0).tolist():
            session, column = stretch.start + 1 + row, columns[place]
            paid = prices.cash[session, column] / prices.factor[session, column]
            share = prices.cash[session, column] / prices.value[session - 1, column]
            kind = "special_dividend" if share >= SPECIAL else "dividend"
            text = f"{paid:.6g} USD a share, {share:.2%} of the last close"
            found.append(_event(history, session, column, kind, paid, text))
    return sorted(found)


def _event(history: LevelHistory, session: int, column: int, event: str, value: float, detail: str) -> Event:
    return Event(history.prices.sessions[session], str(history.prices.tickers[column]), event, float(value), detail)
