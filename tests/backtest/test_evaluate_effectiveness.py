"""Effectiveness: by hand, on planted data with a known answer, in and out of sample, and quickly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from backtest.evaluate import effectiveness as of
from basket.hedge import measures
from basket.hedge.measures import ratio_effectiveness, saved_points
from market.errors import DataError


@pytest.fixture(scope="module")
def returns() -> tuple[pd.Series, pd.Series]:
    random = np.random.default_rng(31)
    sessions = pd.bdate_range("2018-01-02", periods=1500)
    basket = pd.Series(random.standard_t(5, 1500) * 0.008, sessions)
    return 0.8 * basket + pd.Series(random.normal(0.0004, 0.005, 1500), sessions), basket


def test_in_sample_effectiveness_of_least_squares_is_r_squared(returns: tuple[pd.Series, pd.Series]) -> None:
    book, basket = returns
    static = of.in_sample_hedged("ols", book, basket)
    table = of.effectiveness(book, static, in_sample=static, n_draws=0)
    r_squared = np.corrcoef(book, basket)[0, 1] ** 2
    assert table.loc["variance", "in_sample"] == pytest.approx(r_squared, rel=1e-12)
    assert table.loc["variance", "out_of_sample"] == pytest.approx(r_squared, rel=1e-12)
    assert np.isnan(table.loc["variance", "low"])


def test_every_measure_is_the_same_ratio_by_hand(returns: tuple[pd.Series, pd.Series]) -> None:
    book, basket = returns
    hedged = book - 0.6 * basket
    table = of.effectiveness(book, hedged, n_draws=50)
    nav = {name: np.r_[1.0, np.cumprod(1 + one)] for name, one in (("book", book), ("hedged", hedged))}
    falls = {name: (one / np.maximum.accumulate(one) - 1).min() for name, one in nav.items()}
    assert table.loc["max_drawdown", "out_of_sample"] == pytest.approx(1 - falls["hedged"] / falls["book"], rel=1e-12)
    assert table.loc["max_drawdown", "difference_points"] == pytest.approx(falls["hedged"] - falls["book"], rel=1e-12)
    tails = {name: np.sort(one.to_numpy())[:75].mean() for name, one in (("book", book), ("hedged", hedged))}
    assert table.loc["cvar_95", "out_of_sample"] == pytest.approx(1 - tails["hedged"] / tails["book"], rel=1e-12)
    assert table.loc["cvar_95", "difference_points"] == pytest.approx(tails["hedged"] - tails["book"], rel=1e-12)
    volatilities = (book.std() - hedged.std()) * np.sqrt(252)
    assert table.loc["variance", "difference_points"] == pytest.approx(volatilities, rel=1e-12)
    assert list(table.columns[:5]) == ["in_sample", "out_of_sample", "low", "high", "difference_points"]
    assert {"variance", "semivariance", "cvar_95", "max_drawdown"} <= set(table.index)


def test_a_hedge_that_adds_risk_is_negative_and_not_clipped(returns: tuple[pd.Series, pd.Series]) -> None:
    book, basket = returns
    table = of.effectiveness(book, book + basket, n_draws=0)
    assert (table["out_of_sample"] < -0.5).all()
    assert (table["difference_points"] < 0).all()


def test_holding_half_scores_three_quarters_of_the_variance(returns: tuple[pd.Series, pd.Series]) -> None:
    book, _ = returns
    table = of.effectiveness(book, 0.5 * book, n_draws=100)
    assert table.loc["variance", "out_of_sample"] == pytest.approx(0.75)
    assert table.loc["variance", ["low", "high"]].tolist() == pytest.approx([0.75, 0.75])
    assert table.loc["cvar_95", "out_of_sample"] == pytest.approx(0.5)


def test_intervals_hold_the_truth_and_drawdowns_are_wide(returns: tuple[pd.Series, pd.Series]) -> None:
    book, basket = returns
    truth = 1 - 0.005**2 / (0.64 * 0.008**2 * 5 / 3 + 0.005**2)
    for kind in ("percentile", "bca"):
        table = of.effectiveness(book, book - 0.8 * basket, n_draws=500, interval=kind)
        assert table.loc["variance", "low"] < truth < table.loc["variance", "high"]
        width = table["high"] - table["low"]
        assert width["max_drawdown"] > 4 * width["variance"]
    again = of.effectiveness(book, book - 0.8 * basket, n_draws=500, interval="bca")
    pd.testing.assert_frame_equal(table, again)


def test_rolling_table_by_hand(returns: tuple[pd.Series, pd.Series]) -> None:
    book, basket = returns
    table = of.rolling_table(book, book - 0.7 * basket, basket)
    assert list(table.columns) == ["effectiveness_63", "effectiveness_252", "correlation_63", "beta_63"]
    part, hedged = book.iloc[-63:], (book - 0.7 * basket).iloc[-63:]
    assert table["effectiveness_63"].iloc[-1] == pytest.approx(1 - hedged.var() / part.var(), rel=1e-8)
    slope = np.polyfit(basket.iloc[-63:], part, 1)[0]
    assert table["beta_63"].iloc[-1] == pytest.approx(slope, rel=1e-8)
    assert table["effectiveness_252"].iloc[:251].isna().all()


def test_missing_sessions_and_short_histories(returns: tuple[pd.Series, pd.Series]) -> None:
    book, basket = returns
    holed = book.copy()
    holed.iloc[10] = np.nan
    table = of.effectiveness(holed, book - 0.7 * basket, n_draws=0)
    kept = book.drop(book.index[10])
    assert table.loc["variance", "risk_book"] == pytest.approx(kept.var(), rel=1e-12)
    assert table.attrs["n_sessions"] == 1499
    with pytest.raises(DataError, match="20 sessions"):
        of.effectiveness(book.iloc[:10], basket.iloc[:10])


def test_no_risk_has_no_effectiveness() -> None:
    assert np.isnan(ratio_effectiveness(0.0, 0.1))
    assert saved_points("cvar_95", 0.03, 0.01) == pytest.approx(0.02)


def test_intervals_of_two_thousand_draws_hold_the_estimate(returns: tuple[pd.Series, pd.Series]) -> None:
    book, basket = returns
    hedged = book - 0.8 * basket
    table = of.effectiveness(book, hedged, n_draws=2000)
    assert (table["low"] <= table["out_of_sample"]).all()
    assert set(table.index) == set(measures.RISKS)
