from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basket.weighting import (
    cap_power,
    covariance,
    equal,
    inverse_volatility,
    liquidity_limits,
    risk_parity,
    score_tilt,
)
from market.errors import DataError

RETURNS = np.random.default_rng(5).normal(0, 1, (120, 6)) @ np.diag([0.01, 0.02, 0.015, 0.03, 0.01, 0.04])


def test_equal_and_capitalisation() -> None:
    assert equal(4).tolist() == [0.25] * 4
    np.testing.assert_allclose(cap_power(np.array([6.0, 3.0, 1.0])), [0.6, 0.3, 0.1])
    np.testing.assert_allclose(cap_power(np.array([9.0, 4.0]), 0.5), [0.6, 0.4])
    # An unknown size counts as the smallest one known.
    np.testing.assert_allclose(cap_power(np.array([3.0, np.nan, 1.0])), [0.6, 0.2, 0.2])
    with pytest.raises(DataError, match="market capitalisation"):
        cap_power(np.array([np.nan]))


def test_inverse_volatility_by_hand() -> None:
    quiet, loud = np.array([0.01, -0.01, 0.01, -0.01]), np.array([0.02, -0.02, 0.02, -0.02])
    np.testing.assert_allclose(inverse_volatility(np.column_stack((quiet, loud)), 0), [2 / 3, 1 / 3])
    # Halfway between the two volatilities as the floor: 1/1.5 against 1/2.
    np.testing.assert_allclose(inverse_volatility(np.column_stack((quiet, loud)), 50), np.array([4, 3]) / 7)
    with_gap = np.column_stack((quiet, loud, np.full(4, np.nan)))
    assert inverse_volatility(with_gap, 0)[2] == pytest.approx((1 / 1.5) / (1 + 1 / 2 + 1 / 1.5))


def test_score_tilt_by_hand() -> None:
    weights = score_tilt(equal(2), np.array([1.0, 3.0]), 0.5)
    np.testing.assert_allclose(weights, np.array([np.exp(-0.5), np.exp(0.5)]) / (np.exp(-0.5) + np.exp(0.5)))
    np.testing.assert_allclose(score_tilt(equal(3), np.ones(3), 2.0), equal(3))


def test_covariance_is_ledoit_wolf() -> None:
    sklearn = pytest.importorskip("sklearn.covariance", reason="scikit-learn comes with skfolio, a development tool")
    np.testing.assert_allclose(covariance(RETURNS), sklearn.ledoit_wolf(RETURNS)[0], rtol=1e-10)


def test_risk_parity_is_that_of_skfolio() -> None:
    pytest.importorskip("skfolio", reason="a development tool")
    from skfolio import RiskMeasure
    from skfolio.optimization import RiskBudgeting

    model = RiskBudgeting(risk_measure=RiskMeasure.VARIANCE).fit(RETURNS)
    np.testing.assert_allclose(risk_parity(np.cov(RETURNS.T)), model.weights_, atol=2e-4)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 15))
def test_risk_parity_contributes_equally(seed: int, n: int) -> None:
    cov = covariance(np.random.default_rng(seed).standard_t(4, (60, n)) * 0.01)
    weights = risk_parity(cov)
    contribution = weights * (cov @ weights)
    np.testing.assert_allclose(contribution / contribution.sum(), 1 / n, rtol=1e-8)
    assert weights.sum() == pytest.approx(1)


def test_liquidity_limits() -> None:
    # A tenth of 50 m a day for five days is 25 m: a quarter of 100 m.
    np.testing.assert_allclose(liquidity_limits(np.array([50e6]), 0.10, 5, 100e6), [0.25])
