"""Ratios that match one number of the two sides: dollars, volatility, or beta to a common market.

1. `dollar_neutral`: short as many dollars as are long. Nothing is estimated.
2. `volatility_parity`: the ratio of the two volatilities; the correlation is ignored.
3. `beta_matched`: the ratio of the two market betas, each shrunk towards one by its own standard error (Vasicek).
"""

from __future__ import annotations

import numpy as np

from basket.hedge.history import Array, Returns, history
from basket.hedge.least_squares import ols_ratio
from basket.hedge.result import DegenerateHedgeError, HedgeRatio
from market.errors import ConfigError

LEAST_BETA = 0.1  # below it a beta ratio is noise over noise
PRIOR_BETA = 1.0
PRIOR_VARIANCE = 0.09  # betas of books and baskets lie within about 0.3 of one


def dollar_neutral(long_returns: Returns, hedge_returns: Returns, *, ratio: float = 1.0) -> HedgeRatio:
    """Short `ratio` dollars of hedge per dollar of book (1 by default), whatever the returns. Standard error 0."""
    given = history(long_returns, hedge_returns, least=1, moves=False)
    return given.result(ratio, 0.0)


def dollar_ratio(book: Array, hedge: Array, ratio: float = 1.0) -> Array:
    """The constant `ratio`, one for each window."""
    return np.full(book.shape[:-1], float(ratio))


def volatility_parity_ratio(book: Array, hedge: Array) -> Array:
    """Standard deviation of the book over that of the hedge, along the last axis."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return book.std(axis=-1, ddof=1) / hedge.std(axis=-1, ddof=1)


def volatility_parity(long_returns: Returns, hedge_returns: Returns) -> HedgeRatio:
    r"""Short as much volatility as is long.

    .. math:: h = \sigma_L / \sigma_B

    The standard error comes from the influence function, so fat tails widen it. Right only where the correlation is
    one: `correlation` stands in the diagnostics. Raises `DegenerateHedgeError` where the hedge does not move.
    """
    given = history(long_returns, hedge_returns)
    value = float(volatility_parity_ratio(given.book, given.hedge))
    book = given.book - given.book.mean()
    hedge = given.hedge - given.hedge.mean()
    influence = 0.5 * value * (hedge**2 / np.mean(hedge**2))
    if value > 0.0:
        influence = 0.5 * value * (book**2 / np.mean(book**2) - hedge**2 / np.mean(hedge**2))
    scale = np.sqrt(np.mean(book**2) * np.mean(hedge**2))
    correlation = float(np.mean(book * hedge) / scale) if scale > 0.0 else 0.0
    return given.result(value, float(influence.std() / np.sqrt(given.n_sessions)), correlation=correlation)


def shrunk_beta(
    beta: float | Array, stderr: float | Array, prior: float = PRIOR_BETA, prior_variance: float = PRIOR_VARIANCE
) -> float | Array:
    """Vasicek (1973): the mean of beta and prior, each weighted by the other's variance.

    >>> round(shrunk_beta(1.8, 0.4, prior=1.1, prior_variance=0.09), 3)
    1.352
    """
    return (prior_variance * beta + stderr**2 * prior) / (prior_variance + stderr**2)


def beta_matched_ratio(
    book: Array,
    hedge: Array,
    market: Array,
    prior: float = PRIOR_BETA,
    prior_variance: float | None = PRIOR_VARIANCE,
) -> Array:
    """Ratio of shrunk market betas along the last axis; NaN where the hedge's is below 0.1."""
    long_beta, _ = _beta(book, market, prior, prior_variance)
    hedge_beta, _ = _beta(hedge, market, prior, prior_variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(hedge_beta > LEAST_BETA, long_beta / hedge_beta, np.nan)


def beta_matched(
    long_returns: Returns,
    hedge_returns: Returns,
    *,
    market: Returns,
    prior: float = PRIOR_BETA,
    prior_variance: float | None = PRIOR_VARIANCE,
) -> HedgeRatio:
    r"""Short as much market beta as is long: `beta_L / beta_B`, both to `market`, both shrunk.

    market          simple returns of the common market, same sessions
    prior           what betas are shrunk towards
    prior_variance  how far true betas lie from the prior, squared; None switches the shrinkage off

    .. math:: \tilde\beta = (\tau^2 \hat\beta + s^2 \bar\beta) / (\tau^2 + s^2)

    The standard error is the delta method with the two residuals' covariance. Raises `DegenerateHedgeError` where the
    hedge's beta is at most 0.1 or the market does not move.

    References
    ----------
    Vasicek (1973), "A Note on Using Cross-Sectional Information in Bayesian Estimation of Security Betas", JF 28(5).
    """
    if prior_variance is not None and prior_variance <= 0.0:
        raise ConfigError(f"beta_matched: prior_variance must be positive, found {prior_variance}; None: no shrinkage")
    given = history(long_returns, hedge_returns, market=market)
    of = given.others["market"]
    long_beta, long_error = _beta(given.book, of, prior, prior_variance)
    hedge_beta, hedge_error = _beta(given.hedge, of, prior, prior_variance)
    if not float(hedge_beta) > LEAST_BETA:
        raise DegenerateHedgeError(
            f"the hedge's market beta is {float(hedge_beta):.3f}; at or below {LEAST_BETA} its ratio means nothing"
        )
    value = float(long_beta / hedge_beta)
    # u = L - h B regressed on the market carries both errors and their covariance at once
    _, error = _beta(given.book - value * given.hedge, of, prior, None)
    return given.result(
        value,
        float(error / abs(hedge_beta)),
        beta_book=float(long_beta),
        beta_hedge=float(hedge_beta),
        stderr_beta_book=float(long_error),
        stderr_beta_hedge=float(hedge_error),
    )


def _beta(returns: Array, market: Array, prior: float, prior_variance: float | None) -> tuple[Array, Array]:
    """Market beta along the last axis, shrunk, and the standard error of the raw one."""
    raw = np.asarray(ols_ratio(returns, market))
    moved = market - market.mean(axis=-1, keepdims=True)
    centred = returns - returns.mean(axis=-1, keepdims=True)
    residual = centred - raw[..., None] * moved
    energy = (moved * moved).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt((residual * residual).sum(axis=-1) / max(returns.shape[-1] - 2, 1) / energy)
    shrunk = raw if prior_variance is None else np.asarray(shrunk_beta(raw, error, prior, prior_variance))
    return shrunk, error
