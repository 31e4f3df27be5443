"""Compiled recursion of the regression `y_t = a_t one + b_t x_t + v_t` whose coefficients are random walks.

1. `a_t`, `b_t` change by `N(0, R kappa_a)` and `N(0, R kappa_b)` a step; `v_t ~ N(0, R)`; all is kept relative to R.
2. Predict `P + diag(kappa)`; innovation `v`, its variance `F = z'Pz + 1`, gain `K = Pz / F`.
3. Update by Joseph's form `(I - Kz') P (I - Kz')' + KK'`, which keeps P positive over long runs.
4. Written out in scalars for two states: it runs hundreds of times per fit, and compiles in a second.
"""

from __future__ import annotations

import numba
import numpy as np

from basket.hedge.history import Array


@numba.njit(cache=True, nogil=True)
def run_filter(
    y: Array,
    x: Array,
    one: float,
    kappa_a: float,
    kappa_b: float,
    begin: Array,
    n_start: int,
    out: Array,
) -> tuple[float, float]:
    """Sum of `v^2 / F` and of `ln F` from row `n_start` on.

    begin  `a, b, P_aa, P_ab, P_bb` after the first `n_start` rows; overwritten by those after the last
    out    filtered `a, b` after every row, shape (n_sessions, 2); with no rows: not recorded
    """
    a, b, p_aa, p_ab, p_bb = begin[0], begin[1], begin[2], begin[3], begin[4]
    record = out.shape[0] > 0
    squares, logs = 0.0, 0.0
    for t in range(n_start, y.shape[0]):
        z = x[t]
        p_aa += kappa_a
        p_bb += kappa_b
        s_a = p_aa * one + p_ab * z
        s_b = p_ab * one + p_bb * z
        variance = one * s_a + z * s_b + 1.0
        innovation = y[t] - a * one - b * z
        k_a, k_b = s_a / variance, s_b / variance
        a += k_a * innovation
        b += k_b * innovation
        j_aa, j_ab = p_aa - k_a * s_a, p_ab - k_a * s_b
        j_ba, j_bb = p_ab - k_b * s_a, p_bb - k_b * s_b
        along_a, along_b = j_aa * one + j_ab * z, j_ba * one + j_bb * z
        p_aa = j_aa - along_a * k_a + k_a * k_a
        p_ab = 0.5 * (j_ab + j_ba - along_a * k_b - along_b * k_a) + k_a * k_b
        p_bb = j_bb - along_b * k_b + k_b * k_b
        squares += innovation * innovation / variance
        logs += np.log(variance)
        if record:
            out[t, 0] = a
            out[t, 1] = b
    begin[0], begin[1], begin[2], begin[3], begin[4] = a, b, p_aa, p_ab, p_bb
    return squares, logs
