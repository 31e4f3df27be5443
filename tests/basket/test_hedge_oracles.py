"""Estimators against textbooks, published data sets and other libraries."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import linprog

import basket.hedge as hedge
from basket.hedge.bootstrap import optimal_block
from basket.hedge.garch import fit_garch
from basket.hedge.kalman import fit


@pytest.fixture(scope="module")
def returns() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(4)
    basket = random.standard_t(4, 500) * 0.01
    return 0.7 * basket + random.standard_t(4, 500) * 0.005, basket


def clustered(n: int, seed: int) -> np.ndarray:
    """A GARCH(1,1) with omega .03, alpha .08, beta .89 in units of one per cent."""
    random = np.random.default_rng(seed)
    variance, out = 1.0, []
    for _ in range(n):
        out.append(np.sqrt(variance) * random.normal())
        variance = 0.03 + 0.08 * out[-1] ** 2 + 0.89 * variance
    return np.array(out) * 0.01


def test_hull_jet_fuel_hedged_with_heating_oil() -> None:
    """Options, Futures and Other Derivatives, example 3.3: rho .928, sigma_F .0313, sigma_S .0263, ratio .78."""
    futures = [0.021, 0.035, -0.046, 0.001, 0.044, -0.029, -0.026, -0.029, 0.048, -0.006, -0.036, -0.011, 0.019]
    futures += [-0.027, 0.029]
    spot = [0.029, 0.020, -0.044, 0.008, 0.026, -0.019, -0.010, -0.007, 0.043, 0.011, -0.036, -0.018, 0.009]
    spot += [-0.032, 0.023]
    found = hedge.estimate("ols", spot, futures)
    assert round(found.value, 2) == 0.78
    assert found.value == pytest.approx(0.928 * 0.0263 / 0.0313, abs=0.003)
    assert found.diagnostics["r_squared"] == pytest.approx(0.928**2, abs=0.001)


def test_ols_value_and_errors_are_those_of_statsmodels(returns: tuple[np.ndarray, np.ndarray]) -> None:
    book, basket = returns
    model = sm.OLS(book, sm.add_constant(basket))
    found = hedge.estimate("ols", book, basket)
    assert found.value == pytest.approx(model.fit().params[1], rel=1e-12)
    assert found.stderr == pytest.approx(model.fit().bse[1], rel=1e-10)
    lag = found.diagnostics["newey_west_lag"]
    robust = model.fit(cov_type="HAC", cov_kwds={"maxlags": lag, "use_correction": False})
    assert found.diagnostics["stderr_newey_west"] == pytest.approx(robust.bse[1], rel=1e-9)


def test_huber_is_that_of_statsmodels(returns: tuple[np.ndarray, np.ndarray]) -> None:
    book, basket = returns
    oracle = sm.RLM(book, sm.add_constant(basket), M=sm.robust.norms.HuberT(1.345)).fit(tol=1e-12, maxiter=500)
    found = hedge.estimate("huber", book, basket)
    assert found.value == pytest.approx(oracle.params[1], rel=1e-8)
    assert found.stderr == pytest.approx(oracle.bse[1], rel=1e-8)


@pytest.mark.parametrize(
    ("tau", "intercept", "slope"),
    [
        (0.10, 110.1415742, 0.4017658),
        (0.25, 95.4835396, 0.4741032),
        (0.50, 81.4822474, 0.5601806),
        (0.75, 62.3965855, 0.6440141),
        (0.90, 67.3508721, 0.6862995),
    ],
)
def test_quantile_on_engels_food_expenditure(tau: float, intercept: float, slope: float) -> None:
    """The coefficients Koenker publishes for these data; standard errors from statsmodels."""
    data = sm.datasets.engel.load_pandas().data
    food, income = data["foodexp"].to_numpy(), data["income"].to_numpy()
    found = hedge.estimate("quantile", food, income, tau=tau)
    assert found.value == pytest.approx(slope, abs=5e-8)
    assert found.diagnostics["alpha"] == pytest.approx(intercept, abs=5e-6)
    oracle = sm.QuantReg(food, sm.add_constant(income)).fit(q=tau)
    # the two points on the line have residuals of either sign to rounding, and weights that differ by it
    assert found.stderr == pytest.approx(oracle.bse[1], rel=1e-2)


def test_total_least_squares_is_the_first_principal_axis(returns: tuple[np.ndarray, np.ndarray]) -> None:
    book, basket = returns
    _, vectors = np.linalg.eigh(np.cov(basket, book))
    axis = vectors[:, -1]
    assert hedge.estimate("tls", book, basket).value == pytest.approx(axis[1] / axis[0], rel=1e-10)


def test_convex_ratios_against_an_independent_solver(returns: tuple[np.ndarray, np.ndarray]) -> None:
    """skfolio states the same problems as portfolios with one unit of book and any amount of hedge."""
    from skfolio import RiskMeasure
    from skfolio.optimization import MeanRisk

    book, basket = returns
    table = pd.DataFrame({"book": book, "hedge": basket}, index=pd.bdate_range("2020-01-01", periods=len(book)))
    for measure, kind in (
        (RiskMeasure.CVAR, "min_cvar"),
        (RiskMeasure.SEMI_VARIANCE, "min_semivariance"),
        (RiskMeasure.MAX_DRAWDOWN, "min_drawdown"),
        (RiskMeasure.VARIANCE, "ols"),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = MeanRisk(
                risk_measure=measure,
                min_weights={"book": 1.0, "hedge": -5.0},
                max_weights={"book": 1.0, "hedge": 5.0},
                budget=None,
                cvar_beta=0.95,
            ).fit(table)
        assert hedge.estimate(kind, book, basket).value == pytest.approx(-model.weights_[1], abs=2e-4), kind


def test_cvar_against_the_linear_programme_of_rockafellar_and_uryasev(returns: tuple[np.ndarray, np.ndarray]) -> None:
    book, basket = returns
    n, alpha = len(book), 0.95
    # variables h, zeta, u_1..u_n: min zeta + sum u / ((1 - alpha) n), u >= -(L - h B) - zeta, u >= 0
    cost = np.r_[0.0, 1.0, np.full(n, 1.0 / ((1.0 - alpha) * n))]
    rows = np.column_stack([basket, -np.ones(n), -np.eye(n)])
    found = linprog(cost, A_ub=rows, b_ub=book, bounds=[(None, None), (None, None)] + [(0, None)] * n)
    mine = hedge.estimate("min_cvar", book, basket, alpha=alpha)
    assert mine.value == pytest.approx(found.x[0], abs=1e-8)
    assert mine.diagnostics["cvar"] == pytest.approx(-found.fun, abs=1e-12)


def test_drawdown_against_its_linear_programme(returns: tuple[np.ndarray, np.ndarray]) -> None:
    book, basket = returns[0][:200], returns[1][:200]
    n = len(book)
    long_sum, hedge_sum = np.cumsum(book), np.cumsum(basket)
    # variables h, d, M_1..M_n with M_0 = 0: M_t >= c_t, M_t >= M_{t-1}, M_t - c_t <= d, c = long_sum - h hedge_sum
    rows, right = [], []
    for t in range(n):
        peak = np.zeros(n)
        peak[t] = 1.0
        rows.append(np.r_[-hedge_sum[t], 0.0, -peak])
        right.append(-long_sum[t])
        before = peak.copy()
        if t:
            before[t - 1] = -1.0
        rows.append(np.r_[0.0, 0.0, -before])
        right.append(0.0)
        rows.append(np.r_[hedge_sum[t], -1.0, peak])
        right.append(long_sum[t])
    cost = np.r_[0.0, 1.0, np.zeros(n)]
    found = linprog(cost, A_ub=np.array(rows), b_ub=right, bounds=[(None, None)] * (n + 2))
    mine = hedge.estimate("min_drawdown", book, basket)
    assert mine.diagnostics["max_drawdown"] == pytest.approx(-found.fun, abs=1e-11)
    assert mine.diagnostics["left"] - 1e-7 <= found.x[0] <= mine.diagnostics["right"] + 1e-7


def test_first_lower_partial_moment_against_its_linear_programme(returns: tuple[np.ndarray, np.ndarray]) -> None:
    book, basket = returns
    n, target = len(book), 0.001
    # variables h, u_1..u_n: min sum u / n, u >= target - L + h B, u >= 0
    rows = np.column_stack([basket, -np.eye(n)])
    found = linprog(
        np.r_[0.0, np.full(n, 1.0 / n)], A_ub=rows, b_ub=book - target, bounds=[(None, None)] + [(0, None)] * n
    )
    mine = hedge.estimate("lower_partial_moment", book, basket, p=1.0, target=target)
    assert mine.diagnostics["moment"] == pytest.approx(found.fun, abs=1e-14)
    assert mine.value == pytest.approx(found.x[0], abs=1e-8)


def test_nile_local_level() -> None:
    """Durbin and Koopman: variances 15,099 and 1,469.1, log-likelihood -632.54; a level is a slope on ones."""
    volume = sm.datasets.nile.load_pandas().data["volume"].to_numpy(dtype=float)
    level, stderr, q, r, likelihood = fit(volume, np.ones(100), None, None, intercept=False)
    assert r == pytest.approx(15099.0, rel=1e-3)
    assert q == pytest.approx(1469.1, rel=1e-3)
    assert likelihood == pytest.approx(-632.54, abs=0.01)
    assert level == pytest.approx(798.37, abs=0.02)
    assert stderr == pytest.approx(63.50, abs=0.02)


def test_garch_is_that_of_arch() -> None:
    from arch import arch_model

    returns = clustered(1500, 1)
    scaled = (returns - returns.mean()) / returns.std()
    oracle = arch_model(scaled, mean="Zero", vol="GARCH", p=1, q=1, rescale=False)
    oracle = oracle.fit(disp="off", options={"ftol": 1e-12})
    found = fit_garch(returns)
    np.testing.assert_allclose(found.params, oracle.params.to_numpy(), atol=2e-4)
    ahead = float(oracle.forecast(horizon=1).variance.to_numpy()[-1, 0])
    assert found.variances[-1] / found.scale**2 == pytest.approx(ahead, rel=2e-3)


def test_constrained_least_squares_is_bounded_value_least_squares(returns: tuple[np.ndarray, np.ndarray]) -> None:
    from scipy.optimize import lsq_linear

    book, basket = returns
    random = np.random.default_rng(9)
    further = pd.DataFrame({"SPY": 0.8 * book + random.normal(0, 0.004, 500), "IWM": random.normal(0, 0.01, 500)})
    design = np.column_stack([basket, further.to_numpy()])
    oracle = lsq_linear(design - design.mean(axis=0), book - book.mean(), bounds=(0.0, 0.6), tol=1e-14)
    found = hedge.estimate("multi_instrument", book, basket, instruments=further.to_numpy(), upper=0.6, gross=None)
    np.testing.assert_allclose(list(found.diagnostics["ratios"].values()), oracle.x, atol=1e-7)


def test_block_length_is_that_of_arch() -> None:
    from arch.bootstrap import optimal_block_length

    random = np.random.default_rng(2)
    for n, decay in ((300, 0.0), (500, 0.5), (1700, 0.2), (1000, 0.9)):
        series = np.zeros(n)
        noise = random.normal(size=n)
        for t in range(1, n):
            series[t] = decay * series[t - 1] + noise[t]
        assert optimal_block(series) == pytest.approx(max(optimal_block_length(series).iloc[0, 0], 1.0), rel=1e-9)
