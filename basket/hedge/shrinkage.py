"""Least-squares ratios pulled towards a prior.

1. `blume`: a fixed pull towards one, `0.33 + 0.67 h` (the adjusted beta of data vendors).
2. `vasicek`: the pull grows with the ratio's own standard error; the prior is given, or taken from `peers`.
3. With peers, the spread of true ratios is the spread of estimates less the mean noise (Lally 1998), never below zero.
"""

from __future__ import annotations

import numpy as np

from basket.hedge.history import Array, Returns, ReturnsTable, history
from basket.hedge.least_squares import ols, ols_ratio
from basket.hedge.matched import PRIOR_BETA, PRIOR_VARIANCE, shrunk_beta
from basket.hedge.result import HedgeRatio
from market.errors import ConfigError

BLUME_INTERCEPT, BLUME_SLOPE = 0.33, 0.67  # as vendors round 0.343 and 0.677 (Blume 1971, 1975)


def blume_ratio(book: Array, hedge: Array, intercept: float = BLUME_INTERCEPT, slope: float = BLUME_SLOPE) -> Array:
    """`intercept + slope * h` of the least-squares ratio, along the last axis."""
    return intercept + slope * ols_ratio(book, hedge)


def blume(
    long_returns: Returns, hedge_returns: Returns, *, intercept: float = BLUME_INTERCEPT, slope: float = BLUME_SLOPE
) -> HedgeRatio:
    r"""The least-squares ratio adjusted towards one by a fixed rule.

    .. math:: h = 0.33 + 0.67 \hat h_{OLS}

    The original paper's numbers are `intercept=0.343, slope=0.677`. The standard error is the slope times that of the
    least-squares ratio. Raises what `ols` raises.

    References
    ----------
    Blume (1975), "Betas and Their Regression Tendencies", J. Finance 30(3).
    """
    given = history(long_returns, hedge_returns)
    raw = ols(given.book, given.hedge)
    return given.result(intercept + slope * raw.value, abs(slope) * raw.stderr, ols=raw.value)


def vasicek_ratio(
    book: Array,
    hedge: Array,
    prior: float = PRIOR_BETA,
    prior_variance: float = PRIOR_VARIANCE,
    peers: Array | None = None,
) -> Array:
    """The shrunk least-squares ratio, along the last axis; with `peers` (n_sessions, n_peers) for one window."""
    raw, error = _ratio_and_error(book, hedge)
    if peers is not None:
        prior, prior_variance = peer_prior(np.atleast_2d(peers.T), hedge)
    if prior_variance == 0.0:
        return np.full_like(np.asarray(raw), prior)
    return np.asarray(shrunk_beta(raw, error, prior, prior_variance))


def vasicek(
    long_returns: Returns,
    hedge_returns: Returns,
    *,
    prior: float = PRIOR_BETA,
    prior_variance: float = PRIOR_VARIANCE,
    peers: ReturnsTable | None = None,
) -> HedgeRatio:
    r"""The least-squares ratio, shrunk by its own uncertainty.

    prior, prior_variance  mean and variance of true ratios before seeing the data
    peers                  returns of comparable books, shape (n_sessions, n_peers): their ratios give both instead

    .. math:: h = (\tau^2 \hat h + s^2 \bar h) / (\tau^2 + s^2)

    The standard error is that of the posterior. With `prior_variance` 0 the prior is the answer.
    Raises what `ols` raises, and `ConfigError` for a negative variance.

    References
    ----------
    Vasicek (1973), J. Finance 28(5); Lally (1998), "An Examination of Blume and Vasicek Betas", Financial Review 33(3).
    """
    if prior_variance < 0.0:
        raise ConfigError(f"vasicek: prior_variance cannot be negative, found {prior_variance}")
    given = history(long_returns, hedge_returns) if peers is None else history(long_returns, hedge_returns, peers=peers)
    if peers is not None:
        of = given.others["peers"]
        prior, prior_variance = peer_prior(np.atleast_2d(of.T), given.hedge)
    raw, error = (float(one) for one in _ratio_and_error(given.book, given.hedge))
    total = prior_variance + error**2
    weight = prior_variance / total if total > 0.0 else 1.0
    return given.result(
        weight * raw + (1.0 - weight) * prior,
        float(np.sqrt(weight) * error),
        ols=raw,
        weight_of_data=weight,
        prior=prior,
        prior_variance=prior_variance,
    )


def peer_prior(peers: Array, hedge: Array) -> tuple[float, float]:
    """Mean of the peers' ratios and the variance of the true ones: `max(Var(h) - mean(s^2), 0)`.

    peers has shape (n_peers, n_sessions); at least two are needed.
    """
    if len(peers) < 2:
        raise ConfigError(f"vasicek: a prior from peers needs at least two of them, found {len(peers)}")
    raw, error = _ratio_and_error(peers, np.broadcast_to(hedge, peers.shape))
    return float(raw.mean()), max(float(raw.var(ddof=1) - (error**2).mean()), 0.0)


def _ratio_and_error(book: Array, hedge: Array) -> tuple[Array, Array]:
    raw = ols_ratio(book, hedge)
    moved = hedge - hedge.mean(axis=-1, keepdims=True)
    residual = book - book.mean(axis=-1, keepdims=True) - np.asarray(raw)[..., None] * moved
    energy = (moved * moved).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return raw, np.sqrt((residual * residual).sum(axis=-1) / (book.shape[-1] - 2) / energy)
