"""Total least squares: both sides carry noise, and the line minimises perpendicular distance.

1. `h = (s_yy - s_xx + sqrt((s_yy - s_xx)^2 + 4 s_xy^2)) / (2 s_xy)`: the first principal axis of the two returns.
2. It is symmetric: swapping book and hedge gives the reciprocal. It is not equivariant to the scale of one side alone.
3. The standard error follows from the implicit equation `s_xy h^2 - (s_yy - s_xx) h - s_xy = 0`.
"""

from __future__ import annotations

import numpy as np

from basket.hedge.history import Array, Returns, history
from basket.hedge.result import DegenerateHedgeError, HedgeRatio

LEAST_CORRELATION = 1e-12  # below it the principal axis has no slope to speak of


def tls_ratio(book: Array, hedge: Array) -> Array:
    """Slope of the first principal axis along the last axis; NaN without covariance."""
    s_yy, s_xx, s_xy = _moments(book, hedge)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = s_yy - s_xx
        root = np.hypot(gap, 2.0 * s_xy)
        # of two equal forms, the one that does not subtract nearly equal numbers
        slope = np.where(gap >= 0.0, (gap + root) / (2.0 * s_xy), 2.0 * s_xy / (root - gap))
        return np.where(np.abs(s_xy) > LEAST_CORRELATION * np.sqrt(s_xx * s_yy), slope, np.nan)


def tls(long_returns: Returns, hedge_returns: Returns) -> HedgeRatio:
    r"""Orthogonal regression of book on hedge.

    .. math:: h = \frac{s_{yy} - s_{xx} + \sqrt{(s_{yy} - s_{xx})^2 + 4 s_{xy}^2}}{2 s_{xy}}

    Raises `DegenerateHedgeError` where book and hedge do not covary or the hedge does not move.

    References
    ----------
    Deming (1943), Statistical Adjustment of Data, with equal error variances.

    >>> tls([0.02, -0.02, 0.04, -0.04], [0.01, -0.01, 0.02, -0.02]).value
    2.0
    """
    given = history(long_returns, hedge_returns)
    value = float(tls_ratio(given.book, given.hedge))
    if not np.isfinite(value):
        raise DegenerateHedgeError("book and hedge do not covary: the orthogonal line has no slope")
    s_yy, s_xx, s_xy = (float(one) for one in _moments(given.book, given.hedge))
    y, x = given.book - given.book.mean(), given.hedge - given.hedge.mean()
    slope_of_equation = 2.0 * value * s_xy - (s_yy - s_xx)
    influence = (x * y - s_xy) * (1.0 - value**2) + value * ((y * y - s_yy) - (x * x - s_xx))
    return given.result(
        value,
        float(influence.std() / abs(slope_of_equation) / np.sqrt(given.n_sessions)),
        correlation=s_xy / np.sqrt(s_xx * s_yy),
        ols=s_xy / s_xx,
    )


def _moments(book: Array, hedge: Array) -> tuple[Array, Array, Array]:
    y = book - book.mean(axis=-1, keepdims=True)
    x = hedge - hedge.mean(axis=-1, keepdims=True)
    return (y * y).mean(axis=-1), (x * x).mean(axis=-1), (x * y).mean(axis=-1)
