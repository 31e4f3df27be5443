"""Risk of simple returns per session, along the last axis: one series or thousands of resamples alike.

1. Variance with n - 1; semivariance about the mean, over all n (what `min_semivariance` minimises).
2. Tail measures take the worst `1 - alpha` share; CVaR counts the boundary return by the fraction that belongs to the
   tail (Rockafellar and Uryasev 2000), so that `min_cvar` has the least of exactly this.
3. Drawdowns compound from one and count the starting value as the first peak.
4. CVaR, VaR and drawdown are negative numbers; variance, semivariance and ulcer positive.
5. `RISKS` turns each into a number that is larger when worse; effectiveness is `1 - risk(hedged) / risk(book)`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from basket.hedge.history import Array

TRADING_SESSIONS_PER_YEAR = 252  # NYSE average


def variance(returns: Array) -> Array:
    """Sample variance per session."""
    return returns.var(axis=-1, ddof=1)


def semivariance(returns: Array) -> Array:
    """Mean squared shortfall below the mean, per session."""
    below = np.minimum(returns - returns.mean(axis=-1, keepdims=True), 0.0)
    return (below * below).mean(axis=-1)


def value_at_risk(returns: Array, alpha: float = 0.95) -> Array:
    """The `1 - alpha` quantile of daily returns, interpolated; negative where it is a loss."""
    return np.quantile(returns, 1.0 - alpha, axis=-1)


def cvar(returns: Array, alpha: float = 0.95) -> Array:
    """Mean of the worst `1 - alpha` share of daily returns; negative where it is a loss."""
    share = (1.0 - alpha) * returns.shape[-1]
    whole = int(np.floor(share + 1e-9))
    if whole == 0:
        return returns.min(axis=-1)
    if whole >= returns.shape[-1]:
        return returns.mean(axis=-1)
    ordered = np.partition(returns, whole, axis=-1)
    tail = ordered[..., :whole].sum(axis=-1) + max(share - whole, 0.0) * ordered[..., whole]
    return tail / share


def drawdowns(returns: Array) -> Array:
    """Compounded value over its running peak, less one; same shape as the returns."""
    value = np.cumprod(1.0 + returns, axis=-1)
    peak = np.maximum(np.maximum.accumulate(value, axis=-1), 1.0)
    return value / peak - 1.0


def max_drawdown(returns: Array) -> Array:
    """The deepest drawdown; zero or negative."""
    return drawdowns(returns).min(axis=-1)


def ulcer(returns: Array) -> Array:
    """Root mean square drawdown (Martin and McCann 1989), a positive fraction."""
    depth = drawdowns(returns)
    return np.sqrt((depth * depth).mean(axis=-1))


Risk = Callable[[Array], Array]

RISKS: dict[str, Risk] = {
    "variance": variance,
    "semivariance": semivariance,
    "cvar_95": lambda returns: -cvar(returns, 0.95),
    "max_drawdown": lambda returns: -max_drawdown(returns),
    "value_at_risk_95": lambda returns: -value_at_risk(returns, 0.95),
    "ulcer": ulcer,
}
"""Risk as a number that is larger when worse, along the last axis. A book without risk has no effectiveness: NaN."""

_QUADRATIC = ("variance", "semivariance")


def ratio_effectiveness(risk_book: Array | float, risk_hedged: Array | float) -> Array:
    """`1 - hedged / book`; NaN where the book's risk is not positive."""
    book, hedged = np.asarray(risk_book, dtype=np.float64), np.asarray(risk_hedged, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(book > 0.0, 1.0 - hedged / book, np.nan)


def saved_points(measure: str, risk_book: Array | float, risk_hedged: Array | float) -> Array:
    """Risk saved, positive where the hedged account carries less, as a decimal (0.10 is ten points).

    Variance and semivariance are compared as annualised deviations, for a difference of variances says nothing.
    """
    book, hedged = np.asarray(risk_book, dtype=np.float64), np.asarray(risk_hedged, dtype=np.float64)
    if measure in _QUADRATIC:
        scale = float(TRADING_SESSIONS_PER_YEAR)
        return np.sqrt(book * scale) - np.sqrt(hedged * scale)
    return book - hedged
