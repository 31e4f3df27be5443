from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import basket
from basket.variants import best_quality, random_histories, random_returns, todays_members
from market.errors import InfeasibleError

BASKET = "kind: basket\nname: b\nscreen: screens/wild.yaml\nschedule: {frequency: monthly, signal_lag: 1}\n"


@pytest.fixture
def built(planted, write):
    return basket.build(write("b.yaml", BASKET), planted, start="2023-01-10")


def test_best_quality_holds_the_names_ranked_last(built) -> None:
    best = best_quality(built)
    for number, pool in enumerate(built.pools[:1]):
        ranks = pool.rank[np.flatnonzero(best.history.weights[number])]
        assert sorted(ranks) == [pool.size - 3, pool.size - 2, pool.size - 1, pool.size]
    assert not set(best.weights.columns[best.weights.iloc[0] > 0]) & set(
        built.weights.columns[built.weights.iloc[0] > 0]
    )
    assert len(best.changes) > 0


def test_random_draws_obey_the_rules_and_repeat(built) -> None:
    draws = random_returns(built, 20, seed=7)
    assert draws.shape == (len(built.returns), 20)
    pd.testing.assert_frame_equal(draws, random_returns(built, 20, seed=7))
    np.testing.assert_array_equal(random_returns(built, 3, seed=7).to_numpy(), draws.to_numpy()[:, :3])
    assert not np.allclose(random_returns(built, 3, seed=8).to_numpy(), draws.to_numpy()[:, :3])
    for history in random_histories(built, 5, seed=7):
        np.testing.assert_allclose(history.weights.sum(axis=1), 1.0, atol=1e-12)
        for number, pool in enumerate(built.pools):
            held = np.flatnonzero(history.weights[number])
            assert held.size == 4
            assert np.isfinite(pool.rank[held]).all()


def test_each_name_is_drawn_as_often_as_another(built) -> None:
    first = np.mean([history.weights[0] > 0 for history in random_histories(built, 300, seed=1)], axis=0)
    may = np.isfinite(built.pools[0].rank)
    assert first[~may].sum() == 0
    expected = 4 / may.sum()
    assert np.abs(first[may] - expected).max() < 4 * np.sqrt(expected * (1 - expected) / 300)


def test_members_of_today_have_always_been_members(planted) -> None:
    hindsight = todays_members(planted, "idx")
    assert "S02" in planted.members_on("idx", "2023-01-10")
    assert "S02" not in hindsight.members_on("idx", "2023-01-10")
    assert hindsight.members_on("idx", planted.start) == planted.members_on("idx", planted.end)


def test_best_names_that_the_caps_cannot_hold_are_told_with_the_way_out(planted, write) -> None:
    """The first four names are of three sectors, the last four of two, and twice 40 % are not enough."""
    text = BASKET.replace(
        "screen: screens/wild.yaml\n", "source: {kind: fixed, tickers: [S00, S01, S02, S08, S03, S04, S06, S10]}\n"
    )
    rules = "selection: {count: 4, max_borrow_fee: 1.0}\nweights: {scheme: equal, name_cap: 0.4, sector_cap: 0.4}\n"
    built = basket.build(write("b.yaml", text + rules), planted, start="2023-01-10")
    with pytest.raises(InfeasibleError, match=r"the best names behind the gate of b: .*best_quality: false"):
        best_quality(built)
