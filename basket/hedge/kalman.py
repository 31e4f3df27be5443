"""A ratio that drifts: regression with random-walk coefficients, filtered, never smoothed.

1. `L_t = alpha + beta_t B_t + v`, `beta_t = beta_{t-1} + w`; the intercept stands still unless told to walk as well.
2. Exact diffuse start: after the first rows (two) the state is their generalised least squares, without a prior.
3. Two variances, `q` of a session's change in beta and `r` of the noise, by maximum likelihood on the history given;
   the rows of the start do not count.
4. The ratio is the last *filtered* beta: it knows nothing of the session it will be used on.
5. With `q = 0` the filter is recursive least squares, to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from basket.hedge.history import Array, Returns, history
from basket.hedge.result import DegenerateHedgeError, HedgeRatio
from market.errors import ConfigError

LEAST_SESSIONS = 30
LOWEST_SIGNAL, HIGHEST_SIGNAL = -9, 1  # powers of ten of q Var(B) / r
LEAST_SPREAD = 1e-3  # of the hedge's volatility: nearer together, two sessions do not pin a slope down
UNRECORDED = np.empty((0, 2))


@dataclass(frozen=True)
class Filtered:
    """State after the last row, everything relative to the noise variance: `a, b, P_aa, P_ab, P_bb`; and the fit."""

    state: Array
    squares: float
    logs: float
    n: int

    def likelihood(self, r: float | None) -> tuple[float, float]:
        """Log-likelihood without its constant, and the noise variance: `r`, or the best one."""
        found = self.squares / self.n if r is None else r
        if found <= 0.0:
            return float("inf"), 0.0
        return -0.5 * (self.n * float(np.log(found)) + self.logs + self.squares / found), found


def kalman_ratio(
    book: Array, hedge: Array, q: float | None = None, r: float | None = None, random_alpha: bool = False
) -> float:
    """The last filtered beta (one window)."""
    return fit(book, hedge, q, r, random_alpha)[0]


def kalman(
    long_returns: Returns,
    hedge_returns: Returns,
    *,
    q: float | None = None,
    r: float | None = None,
    random_alpha: bool = False,
) -> HedgeRatio:
    r"""The last filtered coefficient of a regression whose slope is a random walk.

    q             variance of one session's change of the ratio, of order 1e-5 to 1e-3; default: maximum likelihood
    r             variance of the noise per session; default: maximum likelihood
    random_alpha  let the intercept walk too, with a variance of its own (maximum likelihood; excludes `q` and `r`)

    .. math:: L_t = \alpha_t + \beta_t B_t + v_t, \quad \beta_t = \beta_{t-1} + w_t, \quad h = \beta_{T|T}

    The standard error is the filter's own. Raises `ShortHistoryError` below thirty sessions, `ConfigError` for
    negative variances.

    References
    ----------
    Harvey (1989), Forecasting, Structural Time Series Models and the Kalman Filter, chapter 3.
    """
    given = history(long_returns, hedge_returns, least=LEAST_SESSIONS)
    beta, stderr, found_q, found_r, likelihood = fit(given.book, given.hedge, q, r, random_alpha)
    return given.result(beta, stderr, q=found_q, r=found_r, log_likelihood=likelihood, q_given=q is not None)


def kalman_path(book: Array, hedge: Array, q: float, r: float) -> Array:
    """Filtered beta after every session for given variances, shape (n_sessions,); NaN before the start."""
    states = np.full((len(book), 2), np.nan)
    run(book, hedge, 1.0, 0.0, q / r, rows_to_start(hedge), states)
    return states[:, 1]


def rows_to_start(hedge: Array) -> int:
    """First rows that pin intercept and slope down: two, unless the hedge hardly moved between them."""
    apart = np.maximum.accumulate(hedge) - np.minimum.accumulate(hedge)
    enough = np.flatnonzero(apart > LEAST_SPREAD * hedge.std())
    if len(enough) == 0 or enough[0] + 1 > len(hedge) // 2:
        raise DegenerateHedgeError("the hedge stands still for half of the history")
    return max(int(enough[0]) + 1, 2)


def run(
    y: Array, x: Array, one: float, kappa_a: float, kappa_b: float, n_start: int, out: Array = UNRECORDED
) -> Filtered:
    """The whole filter; `one = 0` leaves the intercept out (then one row starts it)."""
    from basket.hedge.kalman_kernel import run_filter

    state = _start(y[:n_start], x[:n_start], one, kappa_a, kappa_b)
    if len(out):
        out[n_start - 1] = state[:2]
    squares, logs = run_filter(y, x, one, kappa_a, kappa_b, state, n_start, out)
    return Filtered(state, float(squares), float(logs), len(y) - n_start)


def _start(y: Array, x: Array, one: float, kappa_a: float, kappa_b: float) -> Array:
    """State and covariance after these rows under a flat prior.

    Row i sees the last state less the walk since: its error is `v_i - z_i' (w_{i+1} + ... + w_m)`.
    """
    m = len(y)
    steps_since = m - 1 - np.maximum.outer(np.arange(m), np.arange(m))
    noise = np.eye(m) + steps_since * (kappa_a * one * one + kappa_b * np.outer(x, x))
    design = np.column_stack([np.full(m, one), x]) if one else x[:, None]
    weighted = np.linalg.solve(noise, design)
    covariance = np.linalg.inv(weighted.T @ design)
    state = covariance @ (weighted.T @ y)
    if not one:
        return np.array([0.0, state[0], 0.0, 0.0, covariance[0, 0]])
    return np.array([state[0], state[1], covariance[0, 0], covariance[0, 1], covariance[1, 1]])


def fit(
    book: Array, hedge: Array, q: float | None, r: float | None, random_alpha: bool = False, intercept: bool = True
) -> tuple[float, float, float, float, float]:
    """Last beta, its standard error, q, r and the log-likelihood, in the units of the returns."""
    if q is not None and q < 0.0:
        raise ConfigError(f"kalman: q cannot be negative, found {q}")
    if r is not None and r <= 0.0:
        raise ConfigError(f"kalman: r must be positive, found {r}")
    if random_alpha and (q is not None or r is not None):
        raise ConfigError("kalman: random_alpha estimates both variances; leave q and r out")
    book_size, hedge_size = float(book.std()) or 1.0, (float(hedge.std()) if intercept else 1.0)
    y, x = book / book_size, hedge / hedge_size
    one, n_start = (1.0, rows_to_start(hedge)) if intercept else (0.0, 1)
    to_ratio = book_size / hedge_size
    walk = None if q is None else q / to_ratio**2
    noise = None if r is None else r / book_size**2

    def noise_for(kappa_b: float) -> float | None:
        return noise if walk is None or noise is not None else walk / kappa_b

    def likelihood(kappa_a: float, kappa_b: float) -> float:
        return run(y, x, one, kappa_a, kappa_b, n_start).likelihood(noise_for(kappa_b))[0]

    kappa_a, kappa_b = 0.0, 0.0
    if random_alpha:
        kappa_a, kappa_b = _best_pair(likelihood)
    elif walk is None:
        kappa_b = _best_signal(lambda signal: likelihood(0.0, signal), may_stand=True)
    elif walk > 0.0 and noise is not None:
        kappa_b = walk / noise
    elif walk > 0.0:
        kappa_b = _best_signal(lambda signal: likelihood(0.0, signal), may_stand=False)
    done = run(y, x, one, kappa_a, kappa_b, n_start)
    value, found = done.likelihood(noise_for(kappa_b) if kappa_b > 0.0 else noise)
    return (
        float(done.state[1]) * to_ratio,
        float(np.sqrt(done.state[4] * found)) * to_ratio,
        kappa_b * found * to_ratio**2,
        found * book_size**2,
        value - done.n * float(np.log(book_size)) - 0.5 * done.n * float(np.log(2.0 * np.pi)),
    )


def _best_signal(likelihood: Callable[[float], float], may_stand: bool) -> float:
    """Signal of greatest likelihood: powers of ten find the hill, Brent its top; standing still competes too."""
    from scipy.optimize import minimize_scalar

    def cost(power: float) -> float:
        return -likelihood(10.0**power)

    best = min(range(LOWEST_SIGNAL, HIGHEST_SIGNAL + 1), key=cost)
    found = minimize_scalar(cost, bounds=(best - 1.0, best + 1.0), method="bounded", options={"xatol": 1e-8})
    signal = float(10.0**found.x)
    return 0.0 if may_stand and likelihood(0.0) >= -float(found.fun) else signal


def _best_pair(likelihood: Callable[[float, float], float]) -> tuple[float, float]:
    """Signals of intercept and slope of greatest joint likelihood."""
    from scipy.optimize import minimize

    def cost(powers: Array) -> float:
        a, b = np.clip(powers, -12.0, 2.0)
        return -likelihood(float(10.0**a), float(10.0**b))

    begins = [np.array([a, b]) for a in (-6.0, -3.0) for b in (-5.0, -2.0)]
    found = minimize(cost, min(begins, key=cost), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9})
    a, b = np.clip(found.x, -12.0, 2.0)
    return float(10.0**a), float(10.0**b)
