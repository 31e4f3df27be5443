"""Performance by hand, and its conventions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from backtest.evaluate import performance as of
from market.errors import DataError


def nav_of(returns: list[float]) -> pd.Series:
    sessions = pd.bdate_range("2024-01-01", periods=len(returns) + 1)
    return pd.Series(100.0 * np.cumprod([1.0, *(1.0 + np.array(returns))]), sessions)


def test_growth_is_over_calendar_time() -> None:
    nav = pd.Series([100.0, 121.0], pd.to_datetime(["2020-01-01", "2021-12-31"]))  # 730 days
    assert of.cagr(nav) == pytest.approx(1.21 ** (365.25 / 730) - 1, rel=1e-14)


def test_a_drawdown_by_hand() -> None:
    nav = pd.Series([100.0, 120.0, 90.0, 110.0, 66.0, 130.0], pd.bdate_range("2024-01-01", periods=6))
    assert of.max_drawdown(nav) == pytest.approx(66 / 120 - 1, rel=1e-14)
    depths = [0, 0, 90 / 120 - 1, 110 / 120 - 1, 66 / 120 - 1, 0]
    assert of.ulcer(nav) == pytest.approx(np.sqrt(np.mean(np.square(depths))), rel=1e-14)
    assert of.days_under_water(nav) == (nav.index[5] - nav.index[1]).days


def test_cvar_counts_the_boundary_return_by_its_fraction() -> None:
    returns = np.arange(30) / 1000.0 - 0.010  # the worst 1.5 of 30
    assert of.cvar_95(returns) == pytest.approx((-0.010 + 0.5 * -0.009) / 1.5, rel=1e-12)


def test_sharpe_over_a_daily_series() -> None:
    sessions = pd.bdate_range("2024-01-01", periods=4)
    returns = pd.Series([0.01, -0.02, 0.03, 0.00], sessions)
    cash = pd.Series([0.001, 0.0, 0.002, 0.001], sessions)
    excess = np.array([0.009, -0.02, 0.028, -0.001])
    assert of.sharpe(returns, cash) == pytest.approx(excess.mean() / excess.std(ddof=1) * np.sqrt(252), rel=1e-12)
    with pytest.raises(DataError, match="2024-01-04"):
        of.sharpe(returns, cash.iloc[:3])


def test_cash_accrues_the_rate_known_before_over_calendar_days() -> None:
    sessions = pd.DatetimeIndex(["2024-01-05", "2024-01-08", "2024-01-09"])  # Friday, Monday, Tuesday
    rate = pd.Series([0.036, 0.072], pd.DatetimeIndex(["2024-01-04", "2024-01-08"]))
    np.testing.assert_allclose(of.daily_risk_free(rate, sessions), [0.0, 0.036 * 3 / 360, 0.072 / 360], rtol=1e-14)


def test_beta_and_volatility() -> None:
    sessions = pd.bdate_range("2024-01-01", periods=5)
    market = pd.Series([0.01, -0.02, 0.03, 0.00, 0.01], sessions)
    assert of.beta_to_market(1.5 * market + 0.001, market) == pytest.approx(1.5, rel=1e-12)
    assert of.volatility(market) == pytest.approx(market.std() * np.sqrt(252), rel=1e-14)


def test_a_ruined_account_has_no_performance() -> None:
    nav = nav_of([0.1, -0.2, 0.1])
    nav.iloc[2] = 0.0
    with pytest.raises(DataError, match="not positive on 2024-01-03"):
        of.performance(nav)


def test_the_summary_line_has_every_promised_field() -> None:
    nav = nav_of([0.01, -0.02, 0.03, 0.00, 0.01])
    line = of.performance(nav, 0.0, of.returns_of(nav))
    assert set(line) >= {"cagr", "volatility", "sharpe", "max_drawdown", "cvar_95", "beta_to_market"}
    assert line["max_drawdown"] < 0
    assert line["cvar_95"] < 0
    assert line["beta_to_market"] == pytest.approx(1.0)


def test_many_accounts_at_once_are_each_themselves() -> None:
    draw = np.random.default_rng(5)
    sessions = pd.bdate_range("2021-01-04", periods=400)
    nav = 1e8 * np.cumprod(1 + draw.normal(0.0004, 0.01, (7, 400)), axis=1)
    market = pd.Series(draw.normal(0, 0.01, 400), index=sessions)
    risk_free = pd.Series(1e-4, index=sessions)
    together = of.performance_of_many(nav, sessions, risk_free, market)
    for k, row in enumerate(nav):
        alone = of.performance(pd.Series(row, index=sessions), risk_free, market)
        for measure in together:
            assert together[measure].iloc[k] == pytest.approx(alone[str(measure)], rel=1e-12), measure
