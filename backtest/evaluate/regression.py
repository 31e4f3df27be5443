"""Least squares with errors that allow for autocorrelation and changing variance (Newey and West 1987).

1. Coefficients by least squares, an intercept always in.
2. Covariance `(X'X)^-1 S (X'X)^-1`, S the Bartlett-weighted autocovariances of the scores up to `lag`.
3. The lag is `floor(4 (n / 100)^(2/9))` unless given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from basket.hedge.history import Array
from basket.hedge.least_squares import newey_west_lag
from market.errors import DataError


@dataclass(frozen=True)
class Regression:
    """Coefficients, intercept first; standard errors; t-statistics; R squared; residuals; lag and sessions used."""

    coefficients: Array
    stderr: Array
    r_squared: float
    residuals: Array
    lag: int
    n_sessions: int

    @property
    def t(self) -> Array:
        """Coefficients over their standard errors; NaN where an error is zero."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.stderr > 0.0, self.coefficients / self.stderr, np.nan)


def newey_west(answer: Array, regressors: Array | None = None, lag: int | None = None) -> Regression:
    """Regress on an intercept and `regressors`, shape (n_sessions, n_regressors) or None for the mean alone.

    Raises `DataError` for too few sessions or collinear regressors. NaN must have been dropped.
    """
    n = len(answer)
    design = np.ones((n, 1)) if regressors is None else np.column_stack([np.ones(n), regressors])
    if n < design.shape[1] + 2:
        raise DataError(f"a regression on {design.shape[1] - 1} series needs {design.shape[1] + 2} sessions, has {n}")
    # in units of each column, for returns and ones differ a hundredfold
    size = np.sqrt((design * design).mean(axis=0))
    if (size == 0.0).any() or np.linalg.matrix_rank(design / size) < design.shape[1]:
        raise DataError("the regressors are collinear, or one of them is constant")
    scaled = design / size
    bread = np.linalg.inv(scaled.T @ scaled)
    coefficients = bread @ (scaled.T @ answer)
    residuals = answer - scaled @ coefficients
    scores = scaled * residuals[:, None]
    used = newey_west_lag(n) if lag is None else lag
    meat = scores.T @ scores
    for k in range(1, min(used, n - 1) + 1):
        cross = scores[k:].T @ scores[:-k]
        meat += (1.0 - k / (used + 1.0)) * (cross + cross.T)
    covariance = bread @ meat @ bread
    moved = answer - answer.mean()
    total = float(moved @ moved)
    return Regression(
        coefficients / size,
        np.sqrt(np.maximum(np.diag(covariance), 0.0)) / size,
        1.0 - float(residuals @ residuals) / total if total > 0.0 else 0.0,
        residuals,
        used,
        n,
    )
