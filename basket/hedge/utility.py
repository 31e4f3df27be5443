"""The ratio of a mean-variance investor who pays to be short.

1. A dollar short costs the hedge's expected total return, plus the borrow fee, less what the proceeds earn.
2. Risk aversion sets how much variance that is worth; without limit the answer is least squares.
3. Rates are decimals a year and are divided by 252. Both risk aversion and carry must be given: no default is right.
"""

from __future__ import annotations

import numpy as np

from basket.hedge.history import Array, Returns, history
from basket.hedge.least_squares import ols_ratio
from basket.hedge.measures import TRADING_SESSIONS_PER_YEAR
from basket.hedge.result import HedgeRatio
from market.errors import ConfigError


def mean_variance_ratio(
    book: Array, hedge: Array, gamma: float, carry: float | Array, expected_return: float | None = None
) -> Array:
    """The mean-variance ratio along the last axis; of a carry by session the last counts."""
    carry = carry if isinstance(carry, float | int) else np.asarray(carry)[..., -1]
    if gamma <= 0.0:
        raise ConfigError(f"mean_variance: gamma must be positive, found {gamma}")
    moved = hedge - hedge.mean(axis=-1, keepdims=True)
    variance = (moved * moved).mean(axis=-1)
    mean = hedge.mean(axis=-1) if expected_return is None else expected_return / TRADING_SESSIONS_PER_YEAR
    with np.errstate(divide="ignore", invalid="ignore"):
        return ols_ratio(book, hedge) - (mean + carry / TRADING_SESSIONS_PER_YEAR) / gamma / variance


def mean_variance(
    long_returns: Returns,
    hedge_returns: Returns,
    *,
    gamma: float,
    carry: float | Returns,
    expected_return: float | None = None,
) -> HedgeRatio:
    r"""The ratio that weighs variance saved against the cost of being short.

    gamma            relative risk aversion, positive
    carry            cost a year of a dollar short beside the hedge's own return: borrow fee less what the proceeds
                     earn (benchmark rate less the broker's spread); decimal. By session, as known at each, the last
                     one counts
    expected_return  total return a year expected of the hedge, decimal; default its mean over the history, which is
                     nearly all noise

    .. math:: h = \frac{\operatorname{Cov}(L, B) - (E[B] + \text{carry}) / \gamma}{\operatorname{Var}(B)}

    The standard error comes from the influence function of the three moments. Raises `ConfigError` for a `gamma` that
    is not positive, `DegenerateHedgeError` where the hedge does not move.

    References
    ----------
    Anderson and Danthine (1981), "Cross Hedging", J. Political Economy 89(6).
    """
    if isinstance(carry, float | int):
        given, now = history(long_returns, hedge_returns), float(carry)
    else:
        given = history(long_returns, hedge_returns, carry=carry)
        now = float(given.others["carry"][-1])
    value = float(mean_variance_ratio(given.book, given.hedge, gamma, now, expected_return))
    book, hedge = given.book - given.book.mean(), given.hedge - given.hedge.mean()
    drift = hedge / gamma if expected_return is None else 0.0
    # the regression's residual orthogonality, shifted by the carry term; its mean is zero by construction
    influence = book * hedge - drift - value * hedge**2
    return given.result(
        value,
        float(influence.std() / np.mean(hedge**2) / np.sqrt(given.n_sessions)),
        carry=now,
        ols=float(ols_ratio(given.book, given.hedge)),
        mean_annual=float(given.hedge.mean() * TRADING_SESSIONS_PER_YEAR),
    )
