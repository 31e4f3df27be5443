"""What protection cost, per unit of what it saved.

1. The hedge's P&L is the hedged return less the book's. Its mean, turned round, is what the hedge cost a year; the
   deterministic part (borrow, dividends, financing, trading) stands apart from what prices did.
2. Cost per drawdown saved divides that by the points of maximum drawdown saved: a hedge that saved none has no price.
3. Payoff against premium: P&L in the stress windows over what was paid outside them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from basket.hedge import measures
from basket.hedge.measures import TRADING_SESSIONS_PER_YEAR
from market.errors import DataError

Window = tuple[pd.Timestamp, pd.Timestamp]
"""From the close of the first to the close of the second session."""


def hedge_profit(book: pd.Series, hedged: pd.Series) -> pd.Series:
    """The hedge's P&L per session as a fraction of NAV: hedged less book."""
    both = pd.concat([book, hedged], axis=1, join="inner").dropna()
    if both.empty:
        raise DataError("book and hedged book share no session")
    return (both.iloc[:, 1] - both.iloc[:, 0]).rename("hedge")


def price_of_protection(book: pd.Series, hedged: pd.Series, carry_annual: float = float("nan")) -> dict[str, float]:
    """Cost a year, drawdown saved, and the one over the other.

    book, hedged  simple returns per session
    carry_annual  deterministic carry a year, decimal, a cost positive; passed through and divided alike

    `cost_annual` is positive where the hedge lost money; `per_drawdown` and `carry_per_drawdown` are NaN where no
    drawdown was saved.
    """
    profit = hedge_profit(book, hedged)
    cost = -float(profit.mean()) * TRADING_SESSIONS_PER_YEAR
    falls = [
        float(measures.max_drawdown(one.reindex(profit.index).to_numpy(dtype=np.float64))) for one in (book, hedged)
    ]
    saved = falls[1] - falls[0]
    return {
        "cost_annual": cost,
        "carry_annual": carry_annual,
        "drawdown_saved": saved,
        "per_drawdown": cost / saved if saved > 0.0 else float("nan"),
        "carry_per_drawdown": carry_annual / saved if saved > 0.0 else float("nan"),
    }


def payoff_against_premium(book: pd.Series, hedged: pd.Series, windows: Iterable[Window]) -> dict[str, float]:
    """P&L of the hedge inside the windows, outside them, and inside over the absolute of outside.

    A session belongs to a window when it lies after its first and not after its second date: a return is dated by the
    close it ends on.
    """
    profit = hedge_profit(book, hedged)
    inside = np.zeros(len(profit), dtype=bool)
    for start, end in windows:
        inside |= np.asarray((profit.index > start) & (profit.index <= end))
    stress, calm = float(profit[inside].sum()), float(profit[~inside].sum())
    return {
        "stress": stress,
        "calm": calm,
        "stress_sessions": float(inside.sum()),
        "payoff_over_premium": stress / abs(calm) if calm else float("nan"),
    }
