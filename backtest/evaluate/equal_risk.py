"""The same risk by simpler means, so that a hedge is compared with what it has to beat.

1. Betas before each session: least squares over the window that ends the session before.
2. An index short at equal ex-ante beta: `h beta(basket) / beta(index)`, both betas to the market.
3. An index short at its own minimum variance is a walk-forward of `ols` with the index in the basket's place.
4. Holding less: the share of the book, the rest in cash, whose volatility equals the hedged book's.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from backtest.evaluate.performance import volatility
from basket.hedge.batch import window_slopes
from basket.hedge.history import Array
from market.errors import DataError

WINDOW = 252
LEAST_SESSIONS = 60


def betas_before(returns: pd.Series, market: pd.Series, sessions: pd.Index, window: int = WINDOW) -> pd.Series:
    """Market beta over the `window` shared returns strictly before each session; NaN below sixty."""
    both = pd.concat([returns, market], axis=1, join="inner").dropna()
    values: Array = both.to_numpy(dtype=np.float64)
    ends = np.asarray(both.index.searchsorted(sessions, side="left"))
    slopes = window_slopes(values[:, :1], values[:, 1], np.maximum(ends - window, 0), ends, of_many=True)[:, 0]
    return pd.Series(np.where(ends >= LEAST_SESSIONS, slopes, np.nan), index=sessions, name="beta")


def equal_beta_ratio(
    ratio: pd.Series, basket: pd.Series, index: pd.Series, market: pd.Series, window: int = WINDOW
) -> pd.Series:
    """Dollars of index to short per dollar of book that carry the market beta of `ratio` dollars of basket.

    ratio                  by session, as held from its close
    basket, index, market  simple returns; betas see only what lies before each session
    """
    of_basket = betas_before(basket, market, ratio.index, window)
    of_index = betas_before(index, market, ratio.index, window)
    return (ratio * of_basket / of_index.where(of_index > 0.0)).rename("ratio")


def holding_share(book: pd.Series, hedged: pd.Series) -> float:
    """Share of the book to hold, the rest in cash, for the hedged book's volatility; found after the fact.

    1 where the hedge did not lower volatility: nobody would borrow to match it.
    """
    both = pd.concat([book, hedged], axis=1, join="inner").dropna()
    if len(both) < 2:
        raise DataError("book and hedged book share no sessions to compare volatility on")
    of_book = volatility(both.iloc[:, 0])
    return float(min(volatility(both.iloc[:, 1]) / of_book, 1.0)) if of_book > 0.0 else 1.0


def holding_less(book: pd.Series, share: pd.Series | float, risk_free: pd.Series | float = 0.0) -> pd.Series:
    """Returns of holding `share` of the book and cash for the rest."""
    return (share * book + (1.0 - share) * risk_free).rename("hold less")
