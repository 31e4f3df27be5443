"""The table of all estimators: the same sessions, honest refusals, a paired test with the right size."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import basket.hedge as hedge
from basket.hedge import measures
from basket.hedge.bootstrap import bca_interval, percentile_interval, stationary_rows
from market.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def data() -> tuple[pd.Series, pd.Series, pd.Series]:
    random = np.random.default_rng(21)
    sessions = pd.bdate_range("2018-01-02", periods=900)
    market = pd.Series(random.standard_t(5, 900) * 0.008, sessions)
    basket = 1.3 * market + pd.Series(random.normal(0, 0.008, 900), sessions)
    return market + pd.Series(random.normal(0.0003, 0.004, 900), sessions), basket, market


@pytest.fixture(scope="module")
def table(data: tuple[pd.Series, pd.Series, pd.Series]) -> pd.DataFrame:
    book, basket, market = data
    return hedge.compare(book, basket, market=market, step=21, n_draws=300)


def test_every_estimator_has_a_row_and_those_that_cannot_run_a_reason(table: pd.DataFrame) -> None:
    assert list(table.index) == list(hedge.ESTIMATORS)
    idle = table[table["reason"] != ""]
    assert set(idle.index) == {"mean_variance", "factor_neutral", "multi_instrument"}
    assert "needs gamma and carry" in idle.loc["mean_variance", "reason"]
    assert "needs factors" in idle.loc["factor_neutral", "reason"]
    assert idle["ratio_mean"].isna().all()
    ran = table[table["reason"] == ""]
    assert ran.drop(columns=["reason", "p_value"]).notna().all(axis=None)
    assert (ran["variance_low"] <= ran["variance_out_of_sample"]).all()
    assert (ran["variance_out_of_sample"] <= ran["variance_high"]).all()


def test_a_row_by_hand(data: tuple[pd.Series, pd.Series, pd.Series], table: pd.DataFrame) -> None:
    book, basket, _ = data
    path = hedge.walk_forward("ols", book, basket, step=21)
    hedged = hedge.hedged_returns(book, basket, path)
    # judged where all hold a ratio that begin in time: the last of them is `rolling`
    sessions = book.index[hedge.walk_forward("rolling", book, basket, step=21).index[0] < book.index]
    assert table.attrs["n_sessions"] == len(sessions)
    held = hedge.held_ratio(path["target"], sessions)
    by_hand = 1 - (book[sessions] - held * basket[sessions]).var() / book[sessions].var()
    row = table.loc["ols"]
    assert row["variance_out_of_sample"] == pytest.approx(by_hand, rel=1e-12)
    assert hedged[sessions].std() * np.sqrt(252) == pytest.approx(row["volatility"], rel=1e-12)
    assert row["turnover_per_year"] == pytest.approx(held.diff().abs().sum() * 252 / len(sessions), rel=1e-12)
    assert row["cost_bps_per_year"] == pytest.approx(5 * row["turnover_per_year"], rel=1e-12)
    static = hedge.estimate("ols", book[sessions], basket[sessions])
    assert row["variance_in_sample"] == pytest.approx(static.diagnostics["r_squared"], rel=1e-10)
    together = table[table["judged_from"] == table.attrs["start"]]
    assert row["variance_in_sample"] == pytest.approx(together["variance_in_sample"].max(), rel=1e-12)


def test_several_instruments_are_judged_together(data: tuple[pd.Series, pd.Series, pd.Series]) -> None:
    book, basket, market = data
    found = hedge.compare(
        book, basket, instruments=pd.DataFrame({"SPY": market}), kinds=["ols", "multi_instrument"], step=21, n_draws=300
    )
    assert found.loc["multi_instrument", "variance_out_of_sample"] > 0.05 + found.loc["ols", "variance_out_of_sample"]
    assert found.loc["multi_instrument", "p_value"] < 0.02
    path = hedge.walk_forward("multi_instrument", book, basket, params={"instruments": market.to_frame("SPY")}, step=63)
    assert {"raw", "target", "raw:SPY", "target:SPY", "refused"} == set(path.columns)
    with pytest.raises(ConfigError, match="give `instruments`"):
        hedge.hedged_returns(book, basket, path)


def test_settings_and_data_that_cannot_hold(data: tuple[pd.Series, pd.Series, pd.Series]) -> None:
    book, basket, _ = data
    with pytest.raises(ConfigError, match="step"):
        hedge.compare(book, basket, step=0)
    with pytest.raises(ConfigError, match="did you mean"):
        hedge.compare(book, basket, kinds=["olss"])
    with pytest.raises(DataError, match="no estimator can run"):
        hedge.compare(book[:50], basket[:50], kinds=["ols", "kalman"])
    with pytest.raises(DataError, match="60 are needed"):
        hedge.compare(book[:180], basket[:180], kinds=["ols", "blume"])
    short = hedge.compare(book[:440], basket[:440], kinds=["ols", "quantile"])
    assert "60 are needed" in short.loc["quantile", "reason"]  # and does not take the others down with it
    assert short.loc["ols", "reason"] == ""


def test_one_that_begins_late_is_judged_on_its_own_sessions_beside_the_reference(
    data: tuple[pd.Series, pd.Series, pd.Series], table: pd.DataFrame
) -> None:
    book, basket, _ = data
    late = table.loc["quantile"]
    assert late["judged_from"] > table.attrs["start"] == table.loc["ols", "judged_from"]
    path = {kind: hedge.walk_forward(kind, book, basket, step=21) for kind in ("quantile", "ols")}
    hedged = pd.DataFrame({kind: hedge.hedged_returns(book, basket, one) for kind, one in path.items()}).dropna()
    assert str(hedged.index[0].date()) == late["judged_from"]
    own = book[hedged.index]
    assert late["variance_out_of_sample"] == pytest.approx(1 - hedged["quantile"].var() / own.var(), rel=1e-12)
    moved = ((hedged - hedged.mean()) ** 2).mean()
    assert late["variance_vs_reference"] == pytest.approx((moved["quantile"] - moved["ols"]) / own.var(ddof=0))
    assert late["hedge_annual"] == pytest.approx(252 * (hedged["quantile"] - own).mean())


def test_carry_may_move_through_time_and_only_the_last_one_known_counts(
    data: tuple[pd.Series, pd.Series, pd.Series],
) -> None:
    book, basket, _ = data
    carry = pd.Series(np.linspace(-0.05, 0.05, len(book)), book.index)
    fixed = {"gamma": 4.0, "expected_return": 0.05}
    path = hedge.walk_forward("mean_variance", book, basket, step=50, params={**fixed, "carry": carry})["raw"]
    for stamp, value in path.items():
        before = book.index < stamp
        window = np.flatnonzero(before)[-252:]
        now = float(carry[before].iloc[-1])
        plain = hedge.estimate("mean_variance", book.iloc[window], basket.iloc[window], carry=now, **fixed)
        assert value == pytest.approx(plain.value, rel=1e-12)
    whole = hedge.estimate("mean_variance", book, basket, carry=carry, **fixed)
    assert whole.value == hedge.estimate("mean_variance", book, basket, carry=0.05, **fixed).value
    assert whole.diagnostics["carry"] == 0.05


def test_the_paired_test_rejects_five_per_cent_of_equal_hedges_and_nearly_all_worse_ones() -> None:
    random = np.random.default_rng(5)
    sessions = pd.bdate_range("2020-01-01", periods=250)
    equal, worse = [], []
    for _ in range(120):
        shared = random.normal(0, 0.006, 250)
        first = pd.Series(shared + random.normal(0, 0.004, 250), sessions)
        second = pd.Series(shared + random.normal(0, 0.004, 250), sessions)
        equal.append(hedge.paired_test(first, second, n_draws=199).p_value)
        worse.append(hedge.paired_test(first, 1.4 * second, n_draws=199).p_value)
    assert np.mean(np.array(equal) < 0.05) < 0.12
    assert np.mean(np.array(worse) < 0.05) > 0.85
    found = hedge.paired_test(first, 2 * second)
    assert found.low < found.difference < found.high < 0


def test_rows_of_the_stationary_bootstrap() -> None:
    rows = stationary_rows(500, 400, 10.0, seed=1)
    assert rows.shape == (400, 500)
    assert rows.min() == 0
    assert rows.max() == 499
    follows = (np.diff(rows, axis=1) % 500 == 1).mean()
    assert follows == pytest.approx(1 - 1 / 10 + 1 / 10 / 500, abs=0.003)
    counts = np.bincount(rows.ravel(), minlength=500)
    assert counts.std() / counts.mean() < 0.2
    np.testing.assert_array_equal(rows, stationary_rows(500, 400, 10.0, seed=1))
    assert not np.array_equal(rows, stationary_rows(500, 400, 10.0, seed=2))


def test_intervals_cover_a_correlation_of_squares() -> None:
    """Ninety-five per cent intervals of a variance ratio, over and over, on independent normal returns."""
    random = np.random.default_rng(0)
    covered = {"percentile": 0, "bca": 0}
    for _ in range(120):
        book = random.normal(0, 0.01, 150)
        hedged = 0.5 * book + random.normal(0, 0.005, 150)
        rows = stationary_rows(150, 300, 1.0, seed=int(random.integers(1e9)))
        draws = 1 - hedged[rows].var(axis=1) / book[rows].var(axis=1)
        value = 1 - hedged.var() / book.var()
        left = np.array([1 - np.delete(hedged, k).var() / np.delete(book, k).var() for k in range(150)])
        for name, (low, high) in (
            ("percentile", percentile_interval(draws)),
            ("bca", bca_interval(draws, value, left)),
        ):
            covered[name] += low <= 0.5 <= high
    assert all(0.87 <= count / 120 <= 0.99 for count in covered.values())


def test_risk_measures_by_hand() -> None:
    returns = np.array([0.01, -0.03, 0.02, -0.01, 0.00, 0.03, -0.02, 0.01, 0.01, -0.04])
    assert measures.variance(returns) == pytest.approx(returns.var(ddof=1))
    below = np.minimum(returns - returns.mean(), 0)
    assert measures.semivariance(returns) == pytest.approx((below**2).mean())
    assert measures.cvar(returns, 0.75) == pytest.approx((-0.04 - 0.03 + 0.5 * -0.02) / 2.5)
    assert measures.cvar(returns, 0.95) == pytest.approx(-0.04)
    nav = np.r_[1.0, np.cumprod(1 + returns)]
    falls = nav / np.maximum.accumulate(nav) - 1
    assert measures.max_drawdown(returns) == pytest.approx(falls.min())
    assert measures.ulcer(returns) == pytest.approx(np.sqrt((falls[1:] ** 2).mean()))
    stacked = np.vstack([returns, returns[::-1], 2 * returns])
    for risk in measures.RISKS.values():
        np.testing.assert_allclose(risk(stacked), [float(risk(one)) for one in stacked], rtol=1e-14)
