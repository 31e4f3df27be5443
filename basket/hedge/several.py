"""Ratios that look at more than two series: factor exposures, and several instruments at once.

1. `factor_neutral`: exposures of book and hedge to given factors; the ratio that leaves the least of them.
2. `multi_instrument`: least squares on the basket and further instruments, each ratio in a box, together under a gross
   limit: a small quadratic programme. Without limits it often goes *long* the basket once the index is in the set;
   `unconstrained` in the diagnostics shows that.
"""

from __future__ import annotations

import numpy as np

from basket.hedge.history import Array, Returns, ReturnsTable, history
from basket.hedge.result import DegenerateHedgeError, HedgeRatio
from market.errors import ConfigError

UPPER, GROSS = 2.0, 2.0  # dollars short per dollar of book, each and together
COLLINEAR = 1e8  # condition number of the instruments' correlation matrix
AT_BOUND = 1e-6
LEAST_SPARE = 10  # sessions beyond the number of slopes


def exposures(returns: Array, factors: Array) -> tuple[Array, Array]:
    """Slopes on the factors, an intercept beside them, shape (n_factors,), and the inverse of the factors' Gram."""
    moved = factors - factors.mean(axis=0)
    gram = moved.T @ moved
    if np.linalg.matrix_rank(moved) < moved.shape[1]:
        raise DegenerateHedgeError("the factors are collinear over these sessions")
    inverse = np.asarray(np.linalg.inv(gram), dtype=np.float64)
    return inverse @ (moved.T @ (returns - returns.mean())), inverse


def factor_neutral_ratio(
    book: Array, hedge: Array, factors: Array, weights: str | Array = "covariance", ridge: float = 0.0
) -> float:
    """The factor-neutral ratio (one window)."""
    return _factor_fit(book, hedge, _as_table(factors), weights, ridge)[0]


def factor_neutral(
    long_returns: Returns,
    hedge_returns: Returns,
    *,
    factors: ReturnsTable | Returns,
    weights: str | Array = "covariance",
    ridge: float = 0.0,
) -> HedgeRatio:
    r"""The ratio that leaves the least factor exposure.

    factors  factor returns, shape (n_sessions, n_factors)
    weights  what an exposure counts: `covariance` of the factors (then the hedged book's *systematic* variance is
             least), `identity`, or a matrix of shape (n_factors, n_factors)
    ridge    pulls the ratio to zero: the penalty on its square, in units of the weighted exposures

    .. math:: h = \arg\min_h (f_L - h f_B)' W (f_L - h f_B) + \lambda h^2
                = \frac{f_B' W f_L}{f_B' W f_B + \lambda}

    The standard error is that of the weighted exposure of `L - h B` (with `covariance`: two-stage least squares).
    Raises `DegenerateHedgeError` where the factors are collinear or the hedge has no exposure to them.
    """
    given = history(long_returns, hedge_returns, factors=factors)
    table = _as_table(given.others["factors"])
    if given.n_sessions < table.shape[1] + 10:
        raise DegenerateHedgeError(
            f"{table.shape[1]} factors need {table.shape[1] + 10} sessions, has {given.n_sessions}"
        )
    value, direction, of_book, of_hedge = _factor_fit(given.book, given.hedge, table, weights, ridge)
    left, inverse = exposures(given.book - value * given.hedge, table)
    moved = table - table.mean(axis=0)
    combined = given.book - value * given.hedge
    residual = combined - combined.mean() - moved @ left
    spread = float(residual @ residual) / (given.n_sessions - table.shape[1] - 1)
    names = given.names["factors"]
    return given.result(
        value,
        float(np.sqrt(spread * direction @ inverse @ direction)),
        exposures_book=dict(zip(names, map(float, of_book), strict=True)),
        exposures_hedge=dict(zip(names, map(float, of_hedge), strict=True)),
        exposures_left=dict(zip(names, map(float, left), strict=True)),
    )


def multi_instrument_ratio(
    book: Array,
    hedge: Array,
    instruments: Array,
    lower: float = 0.0,
    upper: float = UPPER,
    gross: float | None = GROSS,
    ridge: float = 0.0,
    cost: float = 0.0,
) -> Array:
    """Ratios of the hedge and of each further instrument, shape (1 + n_instruments,) (one window)."""
    design = np.column_stack([hedge, _as_table(instruments)])
    return _limited(book, design, lower, upper, gross, ridge, cost)


def multi_instrument(
    long_returns: Returns,
    hedge_returns: Returns,
    *,
    instruments: ReturnsTable | Returns,
    lower: float = 0.0,
    upper: float = UPPER,
    gross: float | None = GROSS,
    ridge: float = 0.0,
    cost: float = 0.0,
) -> HedgeRatio:
    r"""Least squares on the basket and further instruments under limits.

    instruments   simple total returns of what else may be shorted, shape (n_sessions, n_instruments)
    lower, upper  box of every ratio; a negative `lower` lets it go long
    gross         limit of the sum of the ratios; None: no limit; needs `lower` of zero or more
    ridge         penalty on the squared ratios, as a share of the mean variance of the instruments
    cost          penalty per dollar shorted, variance per session

    .. math:: \min_h \operatorname{Var}(L - X h) + \lambda \|h\|^2 + c' h, \quad
              l \le h_k \le u, \; \textstyle\sum h_k \le G

    `value` is the ratio of the hedge itself; `ratios` in the diagnostics holds all, `unconstrained` those without
    limits, `condition_number` that of the instruments' correlations. The standard error is that of least squares on
    the instruments off their bounds, and NaN where the hedge sits at one. Raises `DegenerateHedgeError` for collinear
    instruments without a ridge, `ConfigError` for limits that exclude each other.
    """
    given = history(long_returns, hedge_returns, instruments=instruments)
    further = _as_table(given.others["instruments"])
    design = np.column_stack([given.hedge, further])
    names = ("hedge", *given.names["instruments"])
    ratios = _limited(given.book, design, lower, upper, gross, ridge, cost)
    moved, answer = design - design.mean(axis=0), given.book - given.book.mean()
    free = (ratios > lower + AT_BOUND) & (ratios < upper - AT_BOUND)
    residual = answer - moved @ ratios
    stderr = float("nan")
    if free[0]:
        spread = float(residual @ residual) / max(given.n_sessions - 1 - int(free.sum()), 1)
        stderr = float(np.sqrt(spread * np.linalg.pinv(moved[:, free].T @ moved[:, free])[0, 0]))
    unlimited = np.linalg.lstsq(moved, answer, rcond=None)[0]
    at_gross = gross is not None and ratios.sum() > gross - AT_BOUND
    return given.result(
        float(ratios[0]),
        stderr,
        "" if free[0] else "the hedge's ratio sits at a bound",
        ratios=dict(zip(names, map(float, ratios), strict=True)),
        unconstrained=dict(zip(names, map(float, unlimited), strict=True)),
        condition_number=float(np.linalg.cond(np.corrcoef(design.T))),
        at_gross_limit=bool(at_gross),
        r_squared=1.0 - float(residual @ residual) / float(answer @ answer),
    )


def _factor_fit(
    book: Array, hedge: Array, factors: Array, weights: str | Array, ridge: float
) -> tuple[float, Array, Array, Array]:
    """Ratio, its derivative in the left-over exposures, and the exposures of book and hedge."""
    of_book, _ = exposures(book, factors)
    of_hedge, _ = exposures(hedge, factors)
    if isinstance(weights, str):
        if weights not in ("covariance", "identity"):
            raise ConfigError(f"factor_neutral: weights must be covariance, identity or a matrix, found {weights!r}")
        moved = factors - factors.mean(axis=0)
        matrix = moved.T @ moved / len(moved) if weights == "covariance" else np.eye(factors.shape[1])
    else:
        matrix = np.asarray(weights, dtype=np.float64)
        if matrix.shape != (factors.shape[1], factors.shape[1]):
            raise ConfigError(f"factor_neutral: weights of shape {matrix.shape} do not fit {factors.shape[1]} factors")
    energy = float(of_hedge @ matrix @ of_hedge) + ridge
    if energy <= 0.0 or not np.abs(of_hedge).max() > 1e-12:
        raise DegenerateHedgeError("the hedge has no exposure to these factors")
    direction = matrix @ of_hedge / energy
    return float(direction @ of_book), direction, of_book, of_hedge


def _limited(
    book: Array, design: Array, lower: float, upper: float, gross: float | None, ridge: float, cost: float
) -> Array:
    """The quadratic programme, on moments scaled to a unit hedge."""
    import clarabel
    from scipy import sparse

    k = design.shape[1]
    if not lower <= upper:
        raise ConfigError(f"multi_instrument: lower {lower} exceeds upper {upper}")
    if gross is not None and lower < 0.0:
        raise ConfigError("multi_instrument: a gross limit needs lower of zero or more; set gross to null")
    if gross is not None and k * lower > gross:
        raise ConfigError(f"multi_instrument: {k} ratios of at least {lower} exceed the gross limit {gross}")
    moved, answer = design - design.mean(axis=0), book - book.mean()
    covariance = moved.T @ moved / len(moved)
    size = float(np.trace(covariance)) / k
    if (
        ridge == 0.0
        and np.linalg.cond(covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))) > COLLINEAR
    ):
        raise DegenerateHedgeError("the instruments are collinear: leave one out or set a ridge")
    quadratic = 2.0 * (covariance / size + ridge * np.eye(k))
    linear = -2.0 * (moved.T @ answer) / len(moved) / size + cost / size
    rows = [np.eye(k), -np.eye(k)] + ([np.ones((1, k))] if gross is not None else [])
    limits = [np.full(k, upper), np.full(k, -lower)] + ([np.array([gross])] if gross is not None else [])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
    solver = clarabel.DefaultSolver(
        sparse.csc_matrix(np.triu(quadratic)),
        linear,
        sparse.csc_matrix(np.vstack(rows)),
        np.concatenate(limits),
        [clarabel.NonnegativeConeT(sum(len(one) for one in limits))],
        settings,
    )
    found = solver.solve()
    if "Solved" not in str(found.status):
        raise DegenerateHedgeError(f"the instruments' ratios could not be found: {found.status}")
    ratios = np.clip(np.asarray(found.x, dtype=np.float64), lower, upper)
    return np.where(ratios < lower + AT_BOUND, lower, ratios)  # what the solver leaves at a bound is no position


def _as_table(returns: Array) -> Array:
    return returns if returns.ndim == 2 else returns[:, None]
