"""Walk-forward: stamped before, cut like the returns, banded; garbage after a session changes nothing up to it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import basket.hedge as hedge
from basket.hedge.walk import regularise
from market.errors import ConfigError, DataError


def planted(n: int = 600, seed: int = 3) -> tuple[pd.Series, pd.Series]:
    random = np.random.default_rng(seed)
    sessions = pd.bdate_range("2018-01-02", periods=n)
    basket = pd.Series(random.normal(0.0004, 0.012, n), sessions)
    return 0.7 * basket + pd.Series(random.normal(0.0003, 0.006, n), sessions), basket


def test_the_ratio_stamped_t_is_the_estimate_on_the_window_before_t() -> None:
    book, basket = planted()
    path = hedge.walk_forward("ols", book, basket, window=100, step=7, band=0.0, bounds=(-9, 9), min_sessions=100)
    assert path.index[0] == book.index[100]
    assert list(path.index) == list(book.index[100::7])
    for session in (path.index[0], path.index[11], path.index[-1]):
        k = book.index.get_loc(session)
        by_hand = np.cov(book.iloc[k - 100 : k], basket.iloc[k - 100 : k])
        assert path.loc[session, "raw"] == pytest.approx(by_hand[0, 1] / by_hand[1, 1], rel=1e-12)
        assert path.loc[session, "target"] == path.loc[session, "raw"]


def test_purge_leaves_out_the_most_recent_sessions() -> None:
    book, basket = planted()
    path = hedge.walk_forward("ols", book, basket, window=100, purge=10, min_sessions=100)
    assert path.index[0] == book.index[110]
    by_hand = np.cov(book.iloc[:100], basket.iloc[:100])
    assert path["raw"].iloc[0] == pytest.approx(by_hand[0, 1] / by_hand[1, 1], rel=1e-12)


def test_dates_given_are_the_refits_even_after_the_last_return_or_between_sessions() -> None:
    book, basket = planted(300)
    tomorrow = book.index[-1] + pd.Timedelta(days=1)
    path = hedge.walk_forward(
        "ols", book, basket, window=252, dates=["2018-01-03", book.index[200], tomorrow], min_sessions=126
    )
    assert list(path.index) == [book.index[200], tomorrow]
    whole = hedge.estimate("ols", book.iloc[-252:], basket.iloc[-252:])
    assert path.loc[tomorrow, "raw"] == pytest.approx(whole.value, rel=1e-12)


def test_band_bounds_and_step() -> None:
    raw = np.array([np.nan, 0.80, 0.8499, 0.8501, np.nan, 3.0, 3.0, 3.0, -1.0])
    got = regularise(raw, band=0.05, bounds=(0.0, 2.0), max_step=0.5)
    np.testing.assert_allclose(got, [np.nan, 0.80, 0.80, 0.8501, 0.8501, 1.3501, 1.8501, 2.0, 1.5])


def test_the_held_ratio_starts_the_session_after_its_stamp() -> None:
    sessions = pd.bdate_range("2020-01-01", periods=6)
    targets = pd.Series([0.5, 0.9], index=[sessions[1], sessions[4]])
    held = hedge.held_ratio(targets, sessions)
    np.testing.assert_allclose(held, [np.nan, np.nan, 0.5, 0.5, 0.5, 0.9])


def test_hedged_returns_by_hand_with_the_cost_of_a_change() -> None:
    sessions = pd.bdate_range("2020-01-01", periods=5)
    book = pd.Series([0.01, 0.02, -0.01, 0.00, 0.03], sessions)
    basket = pd.Series([0.02, 0.01, -0.02, 0.01, 0.01], sessions)
    path = pd.DataFrame({"raw": [0.5, 1.0], "target": [0.5, 1.0]}, index=[sessions[0], sessions[2]])
    got = hedge.hedged_returns(book, basket, path, cost_bps=10)
    np.testing.assert_allclose(got, [0.02 - 0.005, -0.01 + 0.01, 0.0 - 0.01 - 0.5e-3, 0.03 - 0.01], atol=1e-15)


def test_a_session_without_both_returns_is_dropped_not_zeroed() -> None:
    book, basket = planted(200)
    holed = book.copy()
    holed.iloc[50] = np.nan
    path = hedge.walk_forward("ols", holed, basket, window=60, dates=[book.index[80]], min_sessions=60)
    kept = [k for k in range(80) if k != 50][-60:]
    by_hand = np.cov(book.iloc[kept], basket.iloc[kept])
    assert path["raw"].iloc[0] == pytest.approx(by_hand[0, 1] / by_hand[1, 1], rel=1e-12)


def test_a_hedge_that_stands_still_is_refused_with_a_reason_and_the_target_kept() -> None:
    book, basket = planted(400)
    basket.iloc[150:300] = 0.001
    path = hedge.walk_forward("ols", book, basket, window=60, step=5, min_sessions=60)
    stuck = path[path["refused"] != ""]
    assert len(stuck)
    assert stuck["raw"].isna().all()
    assert stuck["target"].notna().all()
    assert stuck["target"].nunique() == 1


def test_settings_that_cannot_hold_are_config_errors() -> None:
    book, basket = planted(200)
    for wrong in ({"step": 0}, {"purge": -1}, {"band": -0.1}, {"bounds": (1, 0)}, {"max_step": 0.0}, {"window": 0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            hedge.walk_forward("ols", book, basket, **wrong)
    with pytest.raises(ConfigError, match="did you mean 'ols'"):
        hedge.walk_forward("olss", book, basket)
    with pytest.raises(DataError, match="126 sessions are needed"):
        hedge.walk_forward("ols", book.iloc[:100], basket.iloc[:100])
    with pytest.raises(DataError, match="pandas Series"):
        hedge.walk_forward("ols", book.to_numpy(), basket.to_numpy())
