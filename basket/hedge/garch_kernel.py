"""Compiled recursions of GARCH(1,1) and of the bivariate DCC correlation.

1. `s_t = omega + alpha e_{t-1}^2 + beta s_{t-1}`, the pre-sample square and variance both the backcast.
2. Its Gaussian cost `0.5 sum(ln s + e^2 / s)` comes with the exact gradient, carried along by the same recursion.
3. `Q_t = (1 - a - b) S + a u_{t-1} u_{t-1}' + b Q_{t-1}`, `Q_1 = S`; the correlation is Q scaled to a unit diagonal.
"""

from __future__ import annotations

import numba
import numpy as np

from basket.hedge.history import Array


@numba.njit(cache=True, nogil=True)
def garch_cost(squares: Array, backcast: float, params: Array, gradient: Array, path: Array) -> float:
    """Cost at `omega, alpha, beta`.

    gradient  overwritten by the three derivatives
    path      overwritten by the variances of every session and the next, shape (n_sessions + 1,); may be empty
    """
    omega, alpha, beta = params[0], params[1], params[2]
    record = path.shape[0] > 0
    s = omega + (alpha + beta) * backcast
    d_omega, d_alpha, d_beta = 1.0, backcast, backcast
    cost = 0.0
    gradient[:] = 0.0
    for t in range(squares.shape[0]):
        e = squares[t]
        ratio = e / s
        cost += np.log(s) + ratio
        weight = (1.0 - ratio) / s
        gradient[0] += weight * d_omega
        gradient[1] += weight * d_alpha
        gradient[2] += weight * d_beta
        if record:
            path[t] = s
        d_omega = 1.0 + beta * d_omega
        d_alpha = e + beta * d_alpha
        d_beta = s + beta * d_beta
        s = omega + alpha * e + beta * s
    if record:
        path[squares.shape[0]] = s
    gradient *= 0.5
    return 0.5 * cost


@numba.njit(cache=True, nogil=True)
def dcc_cost(u: Array, v: Array, target: Array, a: float, b: float, gradient: Array, path: Array) -> float:
    """Correlation part of the Gaussian cost, `0.5 sum(ln(1 - rho^2) + (u^2 + v^2 - 2 rho u v) / (1 - rho^2))`.

    u, v      standardised residuals, shape (n_sessions,)
    target    `S_uu, S_uv, S_vv`, their second moments
    gradient  overwritten by the derivatives in a and b
    path      overwritten by the correlations of every session and the next, shape (n_sessions + 1,); may be empty
    """
    s_uu, s_uv, s_vv = target[0], target[1], target[2]
    rest = 1.0 - a - b
    q_uu, q_uv, q_vv = s_uu, s_uv, s_vv
    a_uu, a_uv, a_vv, b_uu, b_uv, b_vv = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    record = path.shape[0] > 0
    cost, in_a, in_b = 0.0, 0.0, 0.0
    for t in range(u.shape[0]):
        uu, uv, vv = u[t] * u[t], u[t] * v[t], v[t] * v[t]
        scale = 1.0 / np.sqrt(q_uu * q_vv)
        rho = q_uv * scale
        left = 1.0 - rho * rho
        form = (uu + vv - 2.0 * rho * uv) / left
        cost += np.log(left) + form
        slope = (rho * form - rho - uv) / left
        in_a += slope * (a_uv * scale - 0.5 * rho * (a_uu / q_uu + a_vv / q_vv))
        in_b += slope * (b_uv * scale - 0.5 * rho * (b_uu / q_uu + b_vv / q_vv))
        if record:
            path[t] = rho
        a_uu, a_uv, a_vv = uu - s_uu + b * a_uu, uv - s_uv + b * a_uv, vv - s_vv + b * a_vv
        b_uu, b_uv, b_vv = q_uu - s_uu + b * b_uu, q_uv - s_uv + b * b_uv, q_vv - s_vv + b * b_vv
        q_uu = rest * s_uu + a * uu + b * q_uu
        q_uv = rest * s_uv + a * uv + b * q_uv
        q_vv = rest * s_vv + a * vv + b * q_vv
    if record:
        path[u.shape[0]] = q_uv / np.sqrt(q_uu * q_vv)
    gradient[0], gradient[1] = in_a, in_b
    return 0.5 * cost
