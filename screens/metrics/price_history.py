"""What metrics read off a window of daily total returns, computed once per view.

1. Windows end at the view's session; returns are simple, one row a session, missing where a name did not trade.
2. A missing return counts as zero in a compounded return and is left out of a variance.
3. A name needs half of the window's returns; with fewer the figure is unknown.

Returns and volatilities are decimals; volatility is annualised with 252 sessions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.metrics.tier_rule import Floats, Mask
from screens.per_view import per_market, per_view

if TYPE_CHECKING:
    from market import Market
    from market.view import View

SESSIONS_A_YEAR = 252  # NYSE average
SESSIONS_A_MONTH = 21


@per_view
def _moments(view: View, start: int, end: int = 0) -> Floats:
    """Number, sum, squares, sizes and growth of returns from `start` to `end` sessions ago; shape (5, n_assets)."""
    from screens.metrics.return_windows import in_one_piece, moments  # compiled code: loaded when first asked for

    returns = view.returns(start)
    return moments(in_one_piece(returns[: start - end]))


@per_market
def _all_log_returns(market: Market) -> Floats:
    returns = market.panel().total_returns()
    return np.ascontiguousarray(np.where(np.isfinite(returns), np.log1p(returns), np.nan).T)


def log_returns(view: View) -> tuple[Floats, int]:
    """Log total returns, NaN where missing, a row a name; and how many of their columns a view may read.

    Logarithms are taken once for the market, each of one return alone.
    """
    return _all_log_returns(view.market), view.market.panel().row(view.session) + 1


def counts(view: View, n_sessions: int) -> Floats:
    """Number of known returns in the window."""
    return _moments(view, n_sessions)[0]


def sum_of_squares(view: View, n_sessions: int) -> Floats:
    """Sum of the squared returns of the window."""
    return _moments(view, n_sessions)[2]


def sum_of_sizes(view: View, n_sessions: int) -> Floats:
    """Sum of the absolute returns of the window."""
    return _moments(view, n_sessions)[3]


def enough(view: View, n_sessions: int) -> Mask:
    """Where at least half of the window's returns are known."""
    return counts(view, n_sessions) >= n_sessions / 2


@per_view
def compounded(view: View, start: int, end: int = 0) -> Floats:
    """Total return from `start` sessions ago to `end` sessions ago."""
    growth = _moments(view, start, end)[4]
    return np.where(enough(view, start), growth - 1, np.nan)


@per_view
def volatility(view: View, n_sessions: int = SESSIONS_A_YEAR) -> Floats:
    """Annualised standard deviation of daily returns (about their mean, one degree of freedom lost)."""
    n, total, squares = _moments(view, n_sessions)[:3]
    variance = (squares - total**2 / n) / (n - 1)
    return np.where(enough(view, n_sessions), np.sqrt(np.maximum(variance, 0) * SESSIONS_A_YEAR), np.nan)


@per_view
def months(view: View, n_months: int = 12) -> Floats:
    """Compounded returns of the last `n_months` blocks of 21 sessions, newest first; shape (n_months, n_assets)."""
    from screens.metrics.return_windows import in_one_piece, moments

    returns = view.returns(n_months * SESSIONS_A_MONTH)
    out = np.empty((n_months, returns.shape[1]))
    for month in range(n_months):
        rows = slice(month * SESSIONS_A_MONTH, (month + 1) * SESSIONS_A_MONTH)
        known, *_, growth = moments(in_one_piece(returns[rows]))
        out[month] = np.where(known >= SESSIONS_A_MONTH / 2, growth - 1, np.nan)
    return out[::-1]


@per_view
def market_cap_before(view: View, sessions_ago: int) -> Floats:
    """Market cap carried back by the price: today's share count at an earlier, split-consistent close."""
    closes = view.closes(sessions_ago + 1)
    return view.market_cap() * closes[0] / closes[-1]
