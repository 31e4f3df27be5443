"""Ratios from volatilities that cluster: constant and dynamic conditional correlation.

1. Each demeaned return gets a GARCH(1,1) by Gaussian quasi-maximum likelihood.
2. CCC: the correlation of the standardised residuals. DCC: Engle's two-parameter recursion on them, second step.
3. The ratio is the forecast for the session after the last one given: `rho sigma_L / sigma_B`.
4. Every refit starts from the same grid, so that a ratio depends on its history and on nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from basket.hedge.history import Array, Returns, history
from basket.hedge.result import DegenerateHedgeError, HedgeRatio, ShortHistoryError

LEAST_SESSIONS = 250  # fewer, and the three parameters of a daily GARCH are guesses
PERSISTENCE = 0.9999  # alpha + beta stays below one
BACKCAST_SESSIONS, BACKCAST_DECAY = 75, 0.94
STEP = 1e-4  # for numerical second derivatives of unit-variance data
EMPTY = np.empty(0)


@dataclass(frozen=True)
class Garch:
    """A fitted GARCH(1,1).

    params      omega, alpha, beta of the returns scaled to unit variance
    scale       standard deviation that was divided out
    variances   of every session and, last, the forecast; in units of the returns
    residuals   standardised, shape (n_sessions,)
    """

    params: Array
    scale: float
    variances: Array
    residuals: Array
    squares: Array
    backcast: float

    @property
    def volatility(self) -> float:
        """Forecast standard deviation of the next session."""
        return float(np.sqrt(self.variances[-1]))


def fit_garch(returns: Array) -> Garch:
    """GARCH(1,1) of demeaned returns; raises `DegenerateHedgeError` where the likelihood has no maximum."""
    from scipy.optimize import minimize

    from basket.hedge.garch_kernel import garch_cost

    if len(returns) < LEAST_SESSIONS:
        raise ShortHistoryError(f"a GARCH needs {LEAST_SESSIONS} sessions, has {len(returns)}")
    moved = returns - returns.mean()
    scale = float(moved.std())
    if scale == 0.0:
        raise DegenerateHedgeError("a GARCH of returns that do not move")
    squares = (moved / scale) ** 2
    weights = BACKCAST_DECAY ** np.arange(BACKCAST_SESSIONS)
    backcast = float((squares[:BACKCAST_SESSIONS] * weights).sum() / weights.sum())
    gradient = np.zeros(3)

    def cost(params: Array) -> tuple[float, Array]:
        value = garch_cost(squares, backcast, params, gradient, EMPTY)
        return value / len(squares), gradient / len(squares)

    grid = [
        np.array([1.0 - together, alpha, together - alpha])
        for alpha in (0.03, 0.1, 0.2)
        for together in (0.5, 0.9, 0.98)
    ]
    begin = min(grid, key=lambda params: cost(params)[0])
    found = minimize(
        cost,
        begin,
        jac=True,
        method="SLSQP",
        bounds=[(1e-8, 10.0), (0.0, 1.0), (0.0, 1.0)],
        constraints={
            "type": "ineq",
            "fun": lambda params: PERSISTENCE - params[1] - params[2],
            "jac": lambda _: np.array([0.0, -1.0, -1.0]),
        },
        options={"ftol": 1e-11, "maxiter": 200},
    )
    params = np.asarray(found.x, dtype=np.float64)
    if not np.isfinite(found.fun) or not np.isfinite(params).all():
        raise DegenerateHedgeError("the GARCH likelihood has no maximum on these returns")
    path = np.empty(len(squares) + 1)
    garch_cost(squares, backcast, params, gradient, path)
    return Garch(params, scale, path * scale**2, moved / scale / np.sqrt(path[:-1]), squares, backcast)


def ccc_garch_ratio(book: Array, hedge: Array) -> float:
    """Forecast CCC ratio (one window)."""
    of_book, of_hedge = fit_garch(book), fit_garch(hedge)
    return _correlation(of_book, of_hedge) * of_book.volatility / of_hedge.volatility


def ccc_garch(long_returns: Returns, hedge_returns: Returns) -> HedgeRatio:
    r"""Constant correlation, moving volatilities: the ratio forecast for the next session.

    .. math:: h_{T+1} = \rho \, \sigma_{L,T+1} / \sigma_{B,T+1}, \quad
              \sigma^2_{t+1} = \omega + \alpha e_t^2 + \beta \sigma^2_t

    The standard error adds the three parts' own (delta method, sandwich for the GARCH parameters) and leaves out how
    they covary. Raises `ShortHistoryError` below 250 sessions.

    References
    ----------
    Bollerslev (1990), "Modelling the Coherence in Short-Run Nominal Exchange Rates", REStat 72(3).
    """
    given = history(long_returns, hedge_returns, least=LEAST_SESSIONS)
    of_book, of_hedge = fit_garch(given.book), fit_garch(given.hedge)
    rho = _correlation(of_book, of_hedge)
    spread = (1.0 - rho**2) / np.sqrt(given.n_sessions)
    return given.result(
        rho * of_book.volatility / of_hedge.volatility,
        _stderr(of_book, of_hedge, rho, spread),
        _warning(of_book, of_hedge),
        correlation=rho,
        **_shown(of_book, of_hedge),
    )


def fit_dcc(of_book: Garch, of_hedge: Garch) -> tuple[float, float, Array]:
    """Engle's `a` and `b`, and the correlations of every session and, last, the forecast."""
    from scipy.optimize import minimize

    from basket.hedge.garch_kernel import dcc_cost

    u, v = of_book.residuals, of_hedge.residuals
    target = np.array([np.mean(u * u), np.mean(u * v), np.mean(v * v)])
    if target[1] ** 2 >= target[0] * target[2] * (1.0 - 1e-12):
        raise DegenerateHedgeError("book and hedge are perfectly correlated: a dynamic correlation has nothing to fit")

    gradient = np.zeros(2)

    def cost(params: Array) -> tuple[float, Array]:
        value = dcc_cost(u, v, target, params[0], params[1], gradient, EMPTY)
        return value / len(u), gradient / len(u)

    grid = [np.array([a, b]) for a in (0.01, 0.03, 0.1) for b in (0.3, 0.8, 0.89)]
    found = minimize(
        cost,
        min(grid, key=lambda params: cost(params)[0]),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 0.999), (0.0, 0.999)],
        constraints={
            "type": "ineq",
            "fun": lambda params: PERSISTENCE - params[0] - params[1],
            "jac": lambda _: np.array([-1.0, -1.0]),
        },
        options={"ftol": 1e-11, "maxiter": 200},
    )
    a, b = (float(one) for one in found.x)
    path = np.empty(len(u) + 1)
    dcc_cost(u, v, target, a, b, gradient, path)
    return a, b, path


def dcc_garch_ratio(book: Array, hedge: Array) -> float:
    """Forecast DCC ratio (one window)."""
    of_book, of_hedge = fit_garch(book), fit_garch(hedge)
    return float(fit_dcc(of_book, of_hedge)[2][-1]) * of_book.volatility / of_hedge.volatility


def dcc_garch(long_returns: Returns, hedge_returns: Returns) -> HedgeRatio:
    r"""Correlation and volatilities both move: the ratio forecast for the next session.

    .. math:: Q_{t+1} = (1 - a - b) S + a \varepsilon_t \varepsilon_t' + b Q_t, \quad
              h_{T+1} = \rho_{T+1} \, \sigma_{L,T+1} / \sigma_{B,T+1}

    with :math:`\rho` from Q scaled to a unit diagonal, `Q_1 = S`, two-step maximum likelihood. The standard error adds
    the parts' own as in `ccc_garch`. Raises `ShortHistoryError` below 250 sessions.

    References
    ----------
    Engle (2002), "Dynamic Conditional Correlation", J. Business and Economic Statistics 20(3).
    """
    given = history(long_returns, hedge_returns, least=LEAST_SESSIONS)
    of_book, of_hedge = fit_garch(given.book), fit_garch(given.hedge)
    a, b, path = fit_dcc(of_book, of_hedge)
    rho = float(path[-1])
    spread = float(np.hypot((1.0 - rho**2) / np.sqrt(given.n_sessions), _dcc_spread(of_book, of_hedge, a, b)))
    return given.result(
        rho * of_book.volatility / of_hedge.volatility,
        _stderr(of_book, of_hedge, rho, spread),
        _warning(of_book, of_hedge),
        correlation=rho,
        a=a,
        b=b,
        **_shown(of_book, of_hedge),
    )


def _correlation(of_book: Garch, of_hedge: Garch) -> float:
    return float(np.corrcoef(of_book.residuals, of_hedge.residuals)[0, 1])


def _warning(of_book: Garch, of_hedge: Garch) -> str:
    stuck = [name for name, one in (("book", of_book), ("hedge", of_hedge)) if one.params[1] < 1e-6]
    return f"no volatility clustering found in the {' and the '.join(stuck)}" if stuck else ""


def _shown(of_book: Garch, of_hedge: Garch) -> dict[str, float]:
    shown = {}
    for name, one in (("book", of_book), ("hedge", of_hedge)):
        shown[f"alpha_{name}"], shown[f"beta_{name}"] = float(one.params[1]), float(one.params[2])
        shown[f"volatility_{name}"] = one.volatility * float(np.sqrt(252.0))
    return shown


def _stderr(of_book: Garch, of_hedge: Garch, rho: float, spread: float) -> float:
    """Delta method on `rho sigma_L / sigma_B`, the three parts taken as independent."""
    scale = of_book.volatility / of_hedge.volatility
    logs = _log_volatility_variance(of_book) + _log_volatility_variance(of_hedge)
    return float(scale * np.sqrt(spread**2 + rho**2 * logs))


def _log_volatility_variance(one: Garch) -> float:
    """Sandwich variance of the log of the forecast volatility, from numerical derivatives."""
    from basket.hedge.garch_kernel import garch_cost

    n = len(one.squares)
    steps = np.array([STEP, STEP, STEP])
    unused, path, shifted = np.zeros(3), np.empty(n + 1), np.empty(n + 1)
    hessian, slopes = np.empty((3, 3)), np.empty((3, n + 1))
    garch_cost(one.squares, one.backcast, one.params, unused, path)
    for k in range(3):
        above, below = one.params.copy(), one.params.copy()
        above[k] += steps[k]
        below[k] = max(below[k] - steps[k], 0.0 if k else 1e-12)
        high, low = np.zeros(3), np.zeros(3)
        garch_cost(one.squares, one.backcast, above, high, shifted)
        slopes[k] = shifted
        garch_cost(one.squares, one.backcast, below, low, shifted)
        slopes[k] = (slopes[k] - shifted) / (above[k] - below[k])
        hessian[k] = (high - low) / (above[k] - below[k])
    hessian = 0.5 * (hessian + hessian.T)
    scores = 0.5 * (1.0 - one.squares / path[:-1]) / path[:-1] * slopes[:, :-1]
    bread = np.linalg.pinv(hessian)
    covariance = bread @ (scores @ scores.T) @ bread
    ahead = slopes[:, -1] / (2.0 * path[-1])
    return max(float(ahead @ covariance @ ahead), 0.0)


def _dcc_spread(of_book: Garch, of_hedge: Garch, a: float, b: float) -> float:
    """Standard error of the forecast correlation from that of `a` and `b`; 0 where they sit at a bound."""
    from basket.hedge.garch_kernel import dcc_cost

    if a < STEP or b < STEP or a + b > PERSISTENCE - STEP:
        return 0.0
    u, v = of_book.residuals, of_hedge.residuals
    target = np.array([np.mean(u * u), np.mean(u * v), np.mean(v * v)])
    path, unused = np.empty(len(u) + 1), np.zeros(2)

    def at(da: float, db: float) -> tuple[float, float]:
        return float(dcc_cost(u, v, target, a + da * STEP, b + db * STEP, unused, path)), float(path[-1])

    centre = at(0, 0)[0]
    hessian = np.empty((2, 2))
    hessian[0, 0] = (at(1, 0)[0] - 2 * centre + at(-1, 0)[0]) / STEP**2
    hessian[1, 1] = (at(0, 1)[0] - 2 * centre + at(0, -1)[0]) / STEP**2
    mixed = at(1, 1)[0] - at(1, -1)[0] - at(-1, 1)[0] + at(-1, -1)[0]
    hessian[0, 1] = hessian[1, 0] = mixed / (4.0 * STEP**2)
    slope = np.array([at(1, 0)[1] - at(-1, 0)[1], at(0, 1)[1] - at(0, -1)[1]]) / (2.0 * STEP)
    if np.linalg.eigvalsh(hessian).min() <= 0.0:
        return 0.0
    return float(np.sqrt(slope @ np.linalg.solve(hessian, slope)))
