"""Sums down a window of returns, one name after the other (compiled).

1. A window is (n_sessions, n_assets), a session a row; a few names at a time are turned, so that one lies in one piece
   and a window is read from memory once, without arrays of its size in between.
2. Each name is added up on its own, oldest session first: no bit depends on where it stands among the others.
3. A session without a return (not finite) counts for nothing.
4. The threads of several dates run side by side: no lock of the interpreter is held.

The equations are those of `factor_betas` and `momentum`, which call this when first asked for a beta.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

_COMPILED: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz"},  # sums in lanes: the same for every name, NaN kept
}
_TURNED = 32  # names at a time: with five years of returns they stay in a processor's cache


def in_one_piece(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """A window in the one form that the functions below are compiled for: contiguous and read-only."""
    window = np.ascontiguousarray(returns).view()
    window.flags.writeable = False
    return window


@njit(**_COMPILED)
def moments(returns):
    """Number of returns, their sum, that of their squares, that of their sizes, and their compounded growth."""
    n_sessions, n_assets = returns.shape
    out = np.zeros((5, n_assets))
    out[4] = 1.0
    for t in range(n_sessions):
        for name in range(n_assets):
            r = returns[t, name]
            if np.isfinite(r):
                out[0, name] += 1.0
                out[1, name] += r
                out[2, name] += r * r
                out[3, name] += abs(r)
                out[4, name] *= 1.0 + r
    return out


@njit(**_COMPILED)
def slopes(returns, cash, market):
    """Least squares on the market alone, both in excess of cash: sessions, slope, deviation of the residual (n - 2)."""
    n_sessions, n_assets = returns.shape
    out = np.full((3, n_assets), np.nan)
    turned = np.empty((_TURNED, n_sessions))
    for first in range(0, n_assets, _TURNED):
        width = min(_TURNED, n_assets - first)
        for t in range(n_sessions):
            for k in range(width):
                turned[k, t] = returns[t, first + k] - cash[t]
        for k in range(width):
            n, x, xx, y, xy, yy = 0, 0.0, 0.0, 0.0, 0.0, 0.0
            for t in range(n_sessions):
                r = turned[k, t]
                if np.isfinite(r):
                    n += 1
                    x += market[t]
                    xx += market[t] * market[t]
                    y += r
                    xy += market[t] * r
                    yy += r * r
            out[0, first + k] = n
            variance = xx - x * x / n
            if variance > 0:
                slope = (xy - x * y / n) / variance
                left = max(yy - y * y / n - slope * (xy - x * y / n), 0.0)
                out[1, first + k] = slope
                out[2, first + k] = np.sqrt(left / (n - 2))
    return out


@njit(**_COMPILED)
def joint_slopes(returns, cash, market, factor, weights, fewest, lags):
    """Weighted least squares on market and factor, both centred and orthogonal over the whole window.

    Gives the fields of `FactorBetas` in their order; NaN with fewer than `fewest` sessions, which are counted always.
    """
    n_sessions, n_assets = returns.shape
    out = np.full((6, n_assets), np.nan)
    turned = np.empty((_TURNED, n_sessions))
    there, score, moving = np.empty(n_sessions), np.empty(n_sessions), np.empty(n_sessions + lags)
    to_market, to_factor = weights * market, weights * factor
    for first in range(0, n_assets, _TURNED):
        width = min(_TURNED, n_assets - first)
        for t in range(n_sessions):
            for k in range(width):
                turned[k, t] = returns[t, first + k] - cash[t]
        for k in range(width):
            r = turned[k]
            n, total, sum_m, sum_a, sum_mm, sum_aa, sum_ma = 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            sum_r, sum_mr, sum_ar = 0.0, 0.0, 0.0
            for t in range(n_sessions):
                there[t] = 1.0 if np.isfinite(r[t]) else 0.0
                if not np.isfinite(r[t]):
                    r[t] = 0.0
                else:
                    n += 1
                    total += weights[t]
                    sum_m += to_market[t]
                    sum_a += to_factor[t]
                    sum_mm += to_market[t] * market[t]
                    sum_aa += to_factor[t] * factor[t]
                    sum_ma += to_market[t] * factor[t]
                    sum_r += weights[t] * r[t]
                    sum_mr += to_market[t] * r[t]
                    sum_ar += to_factor[t] * r[t]
            out[5, first + k] = n
            mean_m, mean_a, mean_r = sum_m / total, sum_a / total, sum_r / total
            mm = (sum_mm - sum_m * mean_m) / total
            ma = (sum_ma - sum_m * mean_a) / total
            on_market = ma / mm  # what the market explains of the factor over this name's sessions
            variance = (sum_aa - sum_a * mean_a) / total - ma * on_market
            if n < fewest or not (mm > 0 and variance > 0):
                continue
            mr = sum_mr / total - mean_m * mean_r
            beta_m = mr / mm
            beta_a = (sum_ar / total - mean_a * mean_r - on_market * mr) / variance
            left = 0.0
            for t in range(n_sessions):
                m = market[t] - mean_m
                beyond = factor[t] - mean_a - on_market * m
                residual = there[t] * (r[t] - mean_r - beta_m * m - beta_a * beyond)
                left += weights[t] * residual * residual
                score[t] = weights[t] * beyond * residual
            left /= total
            moving[:] = 0.0
            for lag in range(lags + 1):  # Bartlett: the squares of moving sums over `lags` + 1 sessions
                for t in range(n_sessions):
                    moving[t + lag] += score[t]
            squares = 0.0
            for t in range(n_sessions + lags):
                squares += moving[t] * moving[t]
            explained = beta_a * beta_a * variance
            out[0, first + k] = beta_m
            out[1, first + k] = beta_a
            out[2, first + k] = np.sqrt(squares / (lags + 1)) / (variance * total)
            out[3, first + k] = explained / (left + explained + beta_m * beta_m * mm)
            out[4, first + k] = np.sqrt(max(left, 0.0))
    return out


@njit(**_COMPILED)
def overlapping(logs, end, index, recent):
    """Three-day sums of log returns against those of the index, over sums without a gap; the index has none.

    logs: (n_assets, all sessions), a row a name; the window is as long as the index and its last column is `end` - 1.
    Gives the sessions with a return, their correlation, and of the last `recent` sessions the number and the variance.
    """
    n_sessions, n_assets = index.size, len(logs)
    out = np.full((4, n_assets), np.nan)
    sums = index[2:] + index[1:-1] + index[:-2]
    sums = sums - sums.mean()
    start = max(n_sessions - recent, 0)
    for name in range(n_assets):
        r = logs[name, end - n_sessions : end]
        n, x, xx, y, yy, xy = 0, 0.0, 0.0, 0.0, 0.0, 0.0
        for t in range(n_sessions - 2):
            three = r[t] + r[t + 1] + r[t + 2]
            if not np.isnan(three):
                n += 1
                x += sums[t]
                xx += sums[t] * sums[t]
                y += three
                yy += three * three
                xy += three * sums[t]
        out[1, name] = (xy - x * y / n) / np.sqrt((xx - x * x / n) * (yy - y * y / n))
        n, lately, y, yy = 0, 0, 0.0, 0.0
        for t in range(n_sessions):
            if not np.isnan(r[t]):
                n += 1
                if t >= start:
                    lately += 1
                    y += r[t]
                    yy += r[t] * r[t]
        out[0, name], out[2, name] = n, lately
        out[3, name] = (yy - y * y / lately) / (lately - 1)
    return out
