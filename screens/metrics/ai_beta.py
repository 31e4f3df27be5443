"""Return-based AI exposure: how a stock moves with the part of the AI trade that is not the market.

1. The factor is a fund (SMH by default) or the dated AI basket of a file, in excess of cash; the market is SPY.
2. Market and factor enter one weighted regression per name (`factor_betas`): the factor is orthogonal to the market
   inside the very window, with the very weights, never over the full sample.
3. A constituent of the basket, and any other share line of it, is regressed on the basket without it. A fund cannot be
   taken apart: NVIDIA's beta to SMH holds NVIDIA.
4. Betas shrink towards the mean of their sector by their precision (Vasicek); mean and spread come from the members of
   `index` on the date, or from all stocks where it has none.
5. Computed once per view and set of parameters; the t-statistic and the gain read the same regression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from market.errors import DataError
from screens.metrics.factor_betas import FactorBetas, ewma_weights, factor_betas, vasicek
from screens.metrics.price_history import SESSIONS_A_YEAR
from screens.metrics.tier_rule import Floats, Mask, plain
from screens.per_view import per_view
from screens.registry import Values, metric

if TYPE_CHECKING:
    from market.view import View

LONGEST_WINDOW = 2520  # ten years of sessions
BOUNDS: dict[str, tuple[float | None, float | None]] = {
    "window": (40, LONGEST_WINDOW),
    "half_life": (5, None),
    "fewest": (20, None),
    "lags": (0, 30),
    "t_min": (0, None),
}


@per_view
def excess_of_cash(view: View, ticker: str, n_sessions: int) -> Floats:
    """A fund's returns less fed funds / 252, shape (n_sessions,)."""
    return view.series(ticker, n_sessions) - cash_returns(view, n_sessions)


def cash_returns(view: View, n_sessions: int) -> Floats:
    """Fed funds / 252 a session; zero where a store holds no rates (betas hardly notice)."""
    whole = _cash_returns(view)
    return whole[len(whole) - n_sessions :] if n_sessions <= len(whole) else _cash_returns(view, n_sessions)


@per_view
def _cash_returns(view: View, n_sessions: int = LONGEST_WINDOW) -> Floats:
    try:
        rate = view.rate_history("fed_funds", n_sessions)
    except DataError:
        return np.zeros(n_sessions)
    return np.where(np.isnan(rate), 0.0, rate) / SESSIONS_A_YEAR


@per_view
def members_or_stocks(view: View, index: str | None) -> Mask:
    """Members of an index on the date; all stocks where no index is asked for, or the store knows no member of it."""
    if index is not None:
        try:
            members = view.is_member(index)
        except DataError:
            return view.is_stock()
        if members.any():
            return members
    return view.is_stock()


@per_view
def regressions(
    view: View, factor: str, market: str, window: int, half_life: int, fewest: int, lags: int, basket: str | None
) -> FactorBetas:
    """The joint regressions of all names on the market and the AI factor over one window."""
    cash = cash_returns(view, window)
    weights = ewma_weights(window, half_life)
    market_excess = excess_of_cash(view, market, window)
    if basket is None:
        fund = excess_of_cash(view, factor, window)
        return factor_betas(view.returns(window), market_excess, fund, weights, fewest=fewest, lags=lags, cash=cash)
    returns, columns, left_out = _basket_factor(view, window, basket)
    whole, left_out = view.returns(window), left_out - cash[:, None]
    betas = factor_betas(whole, market_excess, returns - cash, weights, fewest=fewest, lags=lags, cash=cash)
    own = factor_betas(whole[:, columns], market_excess, left_out, weights, fewest=fewest, lags=lags, cash=cash)
    return betas.replaced(columns, own)


def _basket_factor(view: View, window: int, basket: str) -> tuple[Floats, NDArray[np.int64], Floats]:
    """The basket's return, the columns that have a factor of their own, and those factors without them."""
    from screens.ai_basket import AiBasketSpec, factor_returns, live
    from screens.loading import load

    spec = load(basket, AiBasketSpec)
    sessions = view.market.sessions
    row = int(sessions.searchsorted(view.session)) + 1
    days = np.full(window, np.datetime64("1700-01-01"), dtype="datetime64[D]")
    known = sessions[max(row - window, 0) : row].to_numpy().astype("datetime64[D]")
    days[window - len(known) :] = known
    counts = live(spec, view.tickers.tolist(), days)
    factor, columns, left_out = factor_returns(view.returns(window), counts, spec.fewest)
    issuer = view.issuer()
    lines = [np.flatnonzero(issuer == issuer[column]) if issuer[column] else [column] for column in columns]
    own = np.concatenate([np.full(len(line), position) for position, line in enumerate(lines)]).astype(np.int64)
    return factor, np.concatenate(lines).astype(np.int64), left_out[:, own]


@metric(
    family="ai_exposure",
    unit="beta",
    direction="higher_is_worse",
    formula=(
        "slope on the AI factor orthogonal to the market, weighted least squares, shrunk within sector:"
        " (tau2 b + s2 mean)/(tau2 + s2); zero where |t| <= t_min"
    ),
    source="Vasicek (1973), J. Finance 28(5); Lally (1998), Accounting and Finance 38(2); Newey and West (1987)",
    needs=("table:prices", "table:rates"),
    bounds=BOUNDS,
    paths=("basket",),
)
def ai_beta(
    view: View,
    *,
    factor: str = "SMH",
    market: str = "SPY",
    window: int = 252,
    half_life: int = 63,
    fewest: int = 126,
    lags: int = 5,
    t_min: float = 0.0,
    shrink: bool = True,
    index: str | None = "sp500",
    basket: str | None = None,
) -> Values:
    """High values fall when the AI trade falls, which is what a hedge of an AI book wants to be short.

    window, half_life, fewest: sessions (size, weight halving, least number of returns); lags: of the standard error.
    """
    betas = regressions(view, factor, market, window, half_life, fewest, lags, basket)
    value = betas.factor
    if shrink:
        stocks = view.is_stock()
        value = vasicek(value, betas.stderr, view.sector(), members_or_stocks(view, index) & stocks)[0]
        value = np.where(stocks, value, betas.factor)  # a fund has no sector to shrink to
    if t_min > 0:
        value = np.where(np.abs(betas.factor / betas.stderr) > t_min, value, np.where(np.isnan(value), np.nan, 0.0))
    return plain(value, [(np.isnan(value), "too_few_returns")])


@metric(
    family="ai_exposure",
    unit="t-statistic",
    direction="higher_is_worse",
    formula="unshrunk slope on the orthogonal AI factor / its Newey-West standard error",
    source="Newey and West (1987), Econometrica 55(3)",
    needs=("table:prices", "table:rates"),
    bounds=BOUNDS,
    paths=("basket",),
)
def ai_beta_t(
    view: View,
    *,
    factor: str = "SMH",
    market: str = "SPY",
    window: int = 252,
    half_life: int = 63,
    fewest: int = 126,
    lags: int = 5,
    basket: str | None = None,
) -> Values:
    betas = regressions(view, factor, market, window, half_life, fewest, lags, basket)
    return plain(betas.factor / betas.stderr)


@metric(
    family="ai_exposure",
    unit="share of variance",
    direction="neutral",
    formula="share of the weighted variance of returns that the orthogonal AI factor explains",
    source="own definition (R squared beyond the market)",
    needs=("table:prices", "table:rates"),
    bounds=BOUNDS,
    paths=("basket",),
)
def ai_variance_share(
    view: View,
    *,
    factor: str = "SMH",
    market: str = "SPY",
    window: int = 252,
    half_life: int = 63,
    fewest: int = 126,
    lags: int = 5,
    basket: str | None = None,
) -> Values:
    return plain(regressions(view, factor, market, window, half_life, fewest, lags, basket).gain)
