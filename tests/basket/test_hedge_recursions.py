"""Formulas and recursions typed again by hand; models simulated and recovered."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

import basket.hedge as hedge
from basket.hedge.garch import fit_dcc, fit_garch
from basket.hedge.kalman import kalman_path
from basket.hedge.matched import shrunk_beta


@pytest.fixture(scope="module")
def returns() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(11)
    market = random.normal(0.0004, 0.01, 400)
    basket = 1.3 * market + random.normal(0, 0.007, 400)
    return 0.9 * market + 0.1 * basket + random.normal(0, 0.005, 400), basket, market


def test_ewma_by_its_recursion(returns: tuple[np.ndarray, ...]) -> None:
    book, basket, _ = returns
    covariance, variance = book[0] * basket[0], basket[0] ** 2
    for x, y in zip(book[1:], basket[1:], strict=True):
        covariance = 0.94 * covariance + 0.06 * x * y
        variance = 0.94 * variance + 0.06 * y * y
    assert hedge.estimate("ewma", book, basket).value == pytest.approx(covariance / variance, rel=1e-12)
    assert "seed" in hedge.estimate("ewma", book[:20], basket[:20]).diagnostics["warning"]


def test_blume_and_the_original_numbers(returns: tuple[np.ndarray, ...]) -> None:
    book, basket, _ = returns
    raw = hedge.estimate("ols", book, basket)
    assert hedge.estimate("blume", book, basket).value == pytest.approx(0.33 + 0.67 * raw.value, rel=1e-14)
    original = hedge.estimate("blume", book, basket, intercept=0.343, slope=0.677)
    assert original.value == pytest.approx(0.343 + 0.677 * raw.value, rel=1e-14)
    assert original.stderr == pytest.approx(0.677 * raw.stderr, rel=1e-12)


def test_vasicek_fixture_and_weights(returns: tuple[np.ndarray, ...]) -> None:
    assert shrunk_beta(1.8, 0.4, prior=1.1, prior_variance=0.09) == pytest.approx(1.352, abs=1e-12)
    book, basket, _ = returns
    raw = hedge.estimate("ols", book, basket)
    found = hedge.estimate("vasicek", book, basket, prior=1.1, prior_variance=0.0004)
    by_hand = (0.0004 * raw.value + raw.stderr**2 * 1.1) / (0.0004 + raw.stderr**2)
    assert found.value == pytest.approx(by_hand, rel=1e-12)
    assert hedge.estimate("vasicek", book, basket, prior=1.1, prior_variance=0.0).value == pytest.approx(1.1)


def test_vasicek_prior_from_peers_subtracts_the_noise(returns: tuple[np.ndarray, ...]) -> None:
    book, basket, _ = returns
    random = np.random.default_rng(3)
    true = random.normal(0.8, 0.2, 30)
    peers = basket[:, None] * true + random.normal(0, 0.02, (400, 30))
    fits = [hedge.estimate("ols", one, basket) for one in peers.T]
    spread = np.var([one.value for one in fits], ddof=1) - np.mean([one.stderr**2 for one in fits])
    found = hedge.estimate("vasicek", book, basket, peers=peers)
    assert found.diagnostics["prior"] == pytest.approx(np.mean([one.value for one in fits]), rel=1e-10)
    assert found.diagnostics["prior_variance"] == pytest.approx(spread, rel=1e-8)
    alike = (
        basket[:, None] * 0.8
        + random.normal(0, 0.02, (400, 5)) * 1e-9
        + np.random.default_rng(1).normal(0, 0.03, (400, 1))
    )
    nowhere = hedge.estimate("vasicek", book, basket, peers=alike)
    assert nowhere.diagnostics["prior_variance"] == 0.0
    assert nowhere.value == pytest.approx(nowhere.diagnostics["prior"])


def test_beta_matched_by_hand(returns: tuple[np.ndarray, ...]) -> None:
    book, basket, market = returns
    slopes = [np.cov(one, market)[0, 1] / np.var(market, ddof=1) for one in (book, basket)]
    raw = hedge.estimate("beta_matched", book, basket, market=market, prior_variance=None)
    assert raw.value == pytest.approx(slopes[0] / slopes[1], rel=1e-12)
    errors = [sm.OLS(one, sm.add_constant(market)).fit().bse[1] for one in (book, basket)]
    shrunk = [(0.09 * b + s**2) / (0.09 + s**2) for b, s in zip(slopes, errors, strict=True)]
    found = hedge.estimate("beta_matched", book, basket, market=market)
    assert found.value == pytest.approx(shrunk[0] / shrunk[1], rel=1e-10)


def test_scholes_williams_by_its_three_regressions(returns: tuple[np.ndarray, ...]) -> None:
    book, basket, _ = returns

    def slope(y: np.ndarray, x: np.ndarray) -> float:
        return sm.OLS(y, sm.add_constant(x)).fit().params[1]

    total = slope(book[1:], basket[:-1]) + slope(book, basket) + slope(book[:-1], basket[1:])
    rho = np.corrcoef(basket[1:], basket[:-1])[0, 1]
    found = hedge.estimate("scholes_williams", book, basket)
    assert found.value == pytest.approx(total / (1 + 2 * rho), rel=1e-10)


def test_dimson_is_the_sum_of_a_multiple_regression(returns: tuple[np.ndarray, ...]) -> None:
    book, basket, _ = returns
    oracle = sm.OLS(book[1:], sm.add_constant(np.column_stack([basket[1:], basket[:-1]]))).fit()
    found = hedge.estimate("dimson", book, basket)
    assert found.value == pytest.approx(oracle.params[1:].sum(), rel=1e-10)
    together = oracle.t_test([0, 1, 1])
    assert found.stderr == pytest.approx(float(np.squeeze(together.sd)), rel=1e-10)


def test_late_prices_are_recovered_where_least_squares_is_not() -> None:
    random = np.random.default_rng(5)
    true = random.normal(0, 0.01, 20_000)
    book = 0.8 * (0.6 * true[1:] + 0.4 * true[:-1])  # two fifths of the book trades a session late
    late = hedge.estimate("dimson", book, true[1:]).value
    assert late == pytest.approx(0.8, abs=0.01)
    assert hedge.estimate("scholes_williams", book, true[1:]).value == pytest.approx(0.8, abs=0.02)
    assert hedge.estimate("ols", book, true[1:]).value == pytest.approx(0.48, abs=0.01)


def test_mean_variance_by_hand_and_its_limit(returns: tuple[np.ndarray, ...]) -> None:
    book, basket, _ = returns
    covariance, variance = np.cov(book, basket, ddof=0)[0, 1], np.var(basket)
    found = hedge.estimate("mean_variance", book, basket, gamma=4.0, carry=0.02, expected_return=0.10)
    assert found.value == pytest.approx((covariance - 0.12 / 252 / 4.0) / variance, rel=1e-12)
    sample = hedge.estimate("mean_variance", book, basket, gamma=4.0, carry=0.02)
    assert sample.value == pytest.approx((covariance - (basket.mean() + 0.02 / 252) / 4.0) / variance, rel=1e-12)
    patient = hedge.estimate("mean_variance", book, basket, gamma=1e12, carry=0.02)
    assert patient.value == pytest.approx(hedge.estimate("ols", book, basket).value, rel=1e-9)


def test_downside_beta_is_not_the_lower_partial_moment(returns: tuple[np.ndarray, ...]) -> None:
    book, basket, _ = returns
    bad = basket < 0
    by_hand = np.cov(book[bad], basket[bad])[0, 1] / np.var(basket[bad], ddof=1)
    found = hedge.estimate("downside_beta", book, basket)
    assert found.value == pytest.approx(by_hand, rel=1e-12)
    assert found.diagnostics["n_bad"] == bad.sum()
    assert abs(found.value - hedge.estimate("lower_partial_moment", book, basket).value) > 1e-3


def test_kalman_by_its_matrices(returns: tuple[np.ndarray, ...]) -> None:
    book, basket, _ = returns
    q, r = 2e-4, 4e-5
    # a wide prior instead of the exact start, and the textbook's covariance update
    state, covariance = np.zeros(2), np.eye(2) * 1e6
    for y, x in zip(book, basket, strict=True):
        z = np.array([1.0, x])
        predicted = covariance + np.diag([0.0, q])
        variance = z @ predicted @ z + r
        gain = predicted @ z / variance
        state = state + gain * (y - z @ state)
        covariance = predicted - np.outer(gain, z @ predicted)
    found = hedge.estimate("kalman", book, basket, q=q, r=r)
    assert found.value == pytest.approx(state[1], rel=1e-6)
    assert found.stderr == pytest.approx(np.sqrt(covariance[1, 1]), rel=1e-5)


def test_kalman_that_does_not_walk_is_least_squares_at_every_session(returns: tuple[np.ndarray, ...]) -> None:
    book, basket, _ = returns
    path = kalman_path(book, basket, 0.0, 1e-5)
    for t in (3, 10, 100, 399):
        assert path[t] == pytest.approx(np.polyfit(basket[: t + 1], book[: t + 1], 1)[0], rel=1e-8)
    still = hedge.estimate("kalman", book, basket, q=0.0)
    assert still.stderr == pytest.approx(hedge.estimate("ols", book, basket).stderr, rel=1e-9)


def test_kalman_recovers_a_drifting_ratio_and_its_variances() -> None:
    random = np.random.default_rng(8)
    n, q, r = 4000, 4e-4, 3.6e-5
    basket = random.normal(0, 0.012, n)
    true = 0.7 + np.cumsum(random.normal(0, np.sqrt(q), n))
    book = true * basket + random.normal(0, np.sqrt(r), n)
    found = hedge.estimate("kalman", book, basket)
    assert found.diagnostics["q"] == pytest.approx(q, rel=0.5)
    assert found.diagnostics["r"] == pytest.approx(r, rel=0.08)
    path = kalman_path(book, basket, found.diagnostics["q"], found.diagnostics["r"])
    missed = path[200:] - true[200:]
    assert np.sqrt(np.mean(missed**2)) < 1.3 * found.stderr + 0.02
    assert abs(found.value - true[-1]) < 4 * found.stderr
    walking = hedge.estimate("kalman", book, basket, random_alpha=True)
    assert walking.diagnostics["log_likelihood"] >= found.diagnostics["log_likelihood"] - 1e-3


def correlated(n: int, a: float, b: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two returns whose correlation follows Engle's recursion, volatilities by GARCH."""
    random = np.random.default_rng(seed)
    target = np.array([[1.0, 0.6], [0.6, 1.0]])
    state, variance = target.copy(), np.ones(2)
    out, rhos = np.empty((n, 2)), np.empty(n)
    for t in range(n):
        rhos[t] = state[0, 1] / np.sqrt(state[0, 0] * state[1, 1])
        standard = np.linalg.cholesky([[1.0, rhos[t]], [rhos[t], 1.0]]) @ random.normal(size=2)
        out[t] = np.sqrt(variance) * standard
        variance = 0.05 + 0.06 * out[t] ** 2 + 0.89 * variance
        state = (1 - a - b) * target + a * np.outer(standard, standard) + b * state
    return out[:, 0] * 0.01, out[:, 1] * 0.012, rhos


def test_dcc_recovers_its_parameters_and_the_correlation() -> None:
    book, basket, rhos = correlated(4000, 0.04, 0.94, 6)
    a, b, path = fit_dcc(fit_garch(book), fit_garch(basket))
    assert a == pytest.approx(0.04, abs=0.015)
    assert b == pytest.approx(0.94, abs=0.03)
    assert np.corrcoef(path[:-1], rhos)[0, 1] > 0.9
    assert np.abs(path[:-1] - rhos).mean() < 0.04


def test_dcc_and_ccc_by_their_recursions() -> None:
    book, basket, _ = correlated(800, 0.05, 0.9, 7)
    found = hedge.estimate("dcc_garch", book, basket)
    volatilities, residuals = [], []
    for series in (book, basket):
        garch = fit_garch(series)
        omega, alpha, beta = garch.params
        scaled = (series - series.mean()) / series.std()
        weights = 0.94 ** np.arange(75)
        backcast = np.sum(scaled[:75] ** 2 * weights) / weights.sum()
        variance, standard = omega + (alpha + beta) * backcast, []
        for one in scaled:
            standard.append(one / np.sqrt(variance))
            variance = omega + alpha * one**2 + beta * variance
        volatilities.append(np.sqrt(variance) * series.std())
        residuals.append(np.array(standard))
    u = np.column_stack(residuals)
    target = u.T @ u / len(u)
    state = target.copy()
    a, b = found.diagnostics["a"], found.diagnostics["b"]
    for one in u:
        state = (1 - a - b) * target + a * np.outer(one, one) + b * state
    rho = state[0, 1] / np.sqrt(state[0, 0] * state[1, 1])
    assert found.value == pytest.approx(rho * volatilities[0] / volatilities[1], rel=1e-9)
    constant = hedge.estimate("ccc_garch", book, basket)
    by_hand = np.corrcoef(u.T)[0, 1] * volatilities[0] / volatilities[1]
    assert constant.value == pytest.approx(by_hand, rel=1e-9)
    assert 0 < constant.stderr < 0.3
    assert 0 < found.stderr < 0.3


def test_factor_neutral_with_the_factors_own_covariance_is_two_stage_least_squares(
    returns: tuple[np.ndarray, ...],
) -> None:
    book, basket, market = returns
    factors = np.column_stack([market, np.random.default_rng(2).normal(0, 0.006, 400)])
    first = sm.OLS(basket, sm.add_constant(factors)).fit().fittedvalues
    second = sm.OLS(book, sm.add_constant(first)).fit()
    found = hedge.estimate("factor_neutral", book, basket, factors=factors)
    assert found.value == pytest.approx(second.params[1], rel=1e-10)
    residual = book - found.value * basket
    residual = residual - residual.mean()
    by_hand = np.sqrt(residual @ residual / 397 / np.sum((first - first.mean()) ** 2))
    assert found.stderr == pytest.approx(by_hand, rel=0.02)
    plain = hedge.estimate("factor_neutral", book, basket, factors=factors, weights="identity")
    f_long, f_hedge = (sm.OLS(one, sm.add_constant(factors)).fit().params[1:] for one in (book, basket))
    assert plain.value == pytest.approx(f_hedge @ f_long / (f_hedge @ f_hedge), rel=1e-10)


def test_volatility_parity_by_hand(returns: tuple[np.ndarray, ...]) -> None:
    book, basket, _ = returns
    assert hedge.estimate("volatility_parity", book, basket).value == pytest.approx(
        book.std() / basket.std(), rel=1e-12
    )


def test_rolling_is_least_squares_on_the_last_sessions(returns: tuple[np.ndarray, ...]) -> None:
    book, basket, _ = returns
    by_hand = hedge.estimate("ols", book[-252:], basket[-252:])
    found = hedge.estimate("rolling", book, basket)
    assert found.value == by_hand.value
    assert found.n_sessions == 252
    assert hedge.estimate("rolling", book, basket, window=60).n_sessions == 60
