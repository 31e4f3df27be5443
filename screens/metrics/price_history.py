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
def filled(view: View, n_sessions: int) -> tuple[Floats, Mask]:
    """Returns with zero where missing, and where they are known; both (n_sessions, n_assets), oldest first."""
    returns = view.returns(n_sessions)
    known = np.isfinite(returns)
    return (returns if known.all() else np.where(known, returns, 0.0)), known


@per_market
def _all_log_returns(market: Market) -> tuple[Floats, Mask]:
    returns = market.panel().total_returns()
    gaps = ~np.isfinite(returns)
    return np.where(gaps, 0.0, np.log1p(returns)), gaps


def log_returns(view: View, n_sessions: int) -> tuple[Floats, Mask]:
    """Log total returns, zero where missing, and where they are; at most `n_sessions` rows, the last the session's.

    Logarithms are taken once for the market, each of one return alone; a view reads its own rows and none after them.
    """
    logs, gaps = _all_log_returns(view.market)
    end = view.market.panel().row(view.session) + 1
    rows = slice(max(end - n_sessions, 0), end)
    return logs[rows], gaps[rows]


@per_view
def counts(view: View, n_sessions: int) -> Floats:
    """Number of known returns in the window."""
    return filled(view, n_sessions)[1].sum(axis=0).astype(float)


def enough(view: View, n_sessions: int) -> Mask:
    """Where at least half of the window's returns are known."""
    return counts(view, n_sessions) >= n_sessions / 2


@per_view
def compounded(view: View, start: int, end: int = 0) -> Floats:
    """Total return from `start` sessions ago to `end` sessions ago."""
    growth = _growth(view, start, end)
    return np.where(enough(view, start), growth - 1, np.nan)


@per_view
def _growth(view: View, start: int, end: int) -> Floats:
    returns, _ = filled(view, start)
    window = returns[: returns.shape[0] - end] if end else returns
    return np.multiply.reduce(1 + window, axis=0)


@per_view
def volatility(view: View, n_sessions: int = SESSIONS_A_YEAR) -> Floats:
    """Annualised standard deviation of daily returns (about their mean, one degree of freedom lost)."""
    returns, _ = filled(view, n_sessions)
    n = counts(view, n_sessions)
    squares = np.einsum("tn,tn->n", returns, returns)
    variance = (squares - returns.sum(axis=0) ** 2 / n) / (n - 1)
    return np.where(enough(view, n_sessions), np.sqrt(np.maximum(variance, 0) * SESSIONS_A_YEAR), np.nan)


@per_view
def months(view: View, n_months: int = 12) -> Floats:
    """Compounded returns of the last `n_months` blocks of 21 sessions, newest first; shape (n_months, n_assets)."""
    returns, known = filled(view, n_months * SESSIONS_A_MONTH)
    blocks = (1 + returns).reshape(n_months, SESSIONS_A_MONTH, -1)
    traded = known.reshape(n_months, SESSIONS_A_MONTH, -1).sum(axis=1) >= SESSIONS_A_MONTH / 2
    return np.where(traded, np.multiply.reduce(blocks, axis=1) - 1, np.nan)[::-1]


@per_view
def market_cap_before(view: View, sessions_ago: int) -> Floats:
    """Market cap carried back by the price: today's share count at an earlier, split-consistent close."""
    closes = view.closes(sessions_ago + 1)
    return view.market_cap() * closes[0] / closes[-1]
