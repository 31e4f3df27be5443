"""Momentum, risk and market betas from daily total returns: controls, and the safety leg of QMJ.

1. Windows end at the session; momentum leaves out its last month, as published.
2. A name needs half of a window's returns.
3. The Frazzini-Pedersen beta takes its correlation from five years of overlapping three-day log returns, its
   volatilities from one year of daily ones, and shrinks by 0.6 towards one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.metrics import price_history
from screens.metrics.ai_beta import cash_returns, excess_of_cash
from screens.metrics.factor_betas import market_betas
from screens.metrics.price_history import SESSIONS_A_MONTH, SESSIONS_A_YEAR
from screens.metrics.tier_rule import Floats, plain
from screens.per_view import per_view
from screens.registry import Values, metric

if TYPE_CHECKING:
    from market.view import View

FIVE_YEARS, FEWEST_FIVE_YEARS, FEWEST_ONE_YEAR = 1260, 750, 120
SHRINKAGE = 0.6


@metric(
    family="momentum",
    unit="return",
    direction="neutral",
    formula="total return from 252 to 21 sessions ago",
    source="Jegadeesh and Titman (1993), J. Finance 48(1)",
    needs=("table:prices",),
)
def momentum_12_1(view: View) -> Values:
    return plain(price_history.compounded(view, SESSIONS_A_YEAR, SESSIONS_A_MONTH))


@metric(
    family="momentum",
    unit="return",
    direction="neutral",
    formula="total return from 126 to 21 sessions ago",
    source="Jegadeesh and Titman (1993), J. Finance 48(1)",
    needs=("table:prices",),
)
def momentum_6_1(view: View) -> Values:
    return plain(price_history.compounded(view, SESSIONS_A_YEAR // 2, SESSIONS_A_MONTH))


@metric(
    family="momentum",
    unit="return",
    direction="neutral",
    formula="total return of the last 21 sessions",
    source="Jegadeesh (1990), J. Finance 45(3)",
    needs=("table:prices",),
)
def return_1m(view: View) -> Values:
    return plain(price_history.compounded(view, SESSIONS_A_MONTH))


@metric(
    family="momentum",
    unit="ratio",
    direction="neutral",
    formula="close / highest close of the last 252 sessions",
    source="George and Hwang (2004), J. Finance 59(5)",
    needs=("table:prices",),
)
def high_52w_ratio(view: View) -> Values:
    closes = view.closes(SESSIONS_A_YEAR)
    highest = np.fmax.reduce(closes, axis=0)
    return plain(np.where(price_history.enough(view, SESSIONS_A_YEAR), closes[-1] / highest, np.nan))


@metric(
    family="momentum",
    unit="volatility a year",
    direction="higher_is_worse",
    formula="standard deviation of daily returns over 252 sessions x sqrt(252)",
    source="Ang, Hodrick, Xing and Zhang (2006), J. Finance 61(1)",
    needs=("table:prices",),
    bounds={"window": (20, 2520)},
)
def volatility(view: View, *, window: int = 252) -> Values:
    return plain(price_history.volatility(view, window))


@per_view
def simple_betas(view: View, market: str, window: int) -> tuple[Floats, Floats]:
    """Least-squares beta to the market in excess of cash, and the standard deviation of a session's residual."""
    index, cash = excess_of_cash(view, market, window), cash_returns(view, window)
    return market_betas(view.returns(window), index, fewest=window // 2, cash=cash)


@metric(
    family="momentum",
    unit="beta",
    direction="neutral",
    formula="least-squares slope on the market's excess return over 252 sessions",
    source="Sharpe (1964), J. Finance 19(3)",
    needs=("table:prices", "table:rates"),
    bounds={"window": (40, 2520)},
)
def market_beta(view: View, *, market: str = "SPY", window: int = 252) -> Values:
    return plain(simple_betas(view, market, window)[0])


@per_view
def _frazzini_pedersen(view: View, market: str) -> Floats:
    index = np.log1p(view.series(market, FIVE_YEARS))
    logs, end = price_history.log_returns(view)
    start = max(len(index) - end, int(np.argmax(np.isfinite(index))))
    index = index[start:]
    if np.isfinite(index).sum() < FEWEST_FIVE_YEARS:
        return np.full(len(logs), np.nan)
    from screens.metrics.return_windows import overlapping  # compiled code: loaded when first asked for

    index = np.where(np.isnan(index), 0.0, index)
    n_known, correlation, lately, variance = overlapping(logs, end, index, SESSIONS_A_YEAR)
    relative = np.sqrt(variance) / index[-SESSIONS_A_YEAR:].std(ddof=1)
    listed = (n_known >= FEWEST_FIVE_YEARS) & (lately >= FEWEST_ONE_YEAR)
    return np.where(listed, SHRINKAGE * correlation * relative + (1 - SHRINKAGE), np.nan)


@metric(
    family="momentum",
    unit="beta",
    direction="higher_is_worse",
    formula="0.6 rho x (sigma / sigma of the market) + 0.4; rho over 5 years of 3-day log returns, sigma over one year",
    source="Frazzini and Pedersen (2014), J. Financial Economics 111(1)",
    needs=("table:prices",),
)
def frazzini_pedersen_beta(view: View, *, market: str = "SPY") -> Values:
    return plain(_frazzini_pedersen(view, market))
