from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basket.selection import blend_to_turnover_cap, choose

NOBODY = np.zeros(10, dtype=bool)


def held(*positions: int, n: int = 10) -> np.ndarray:
    out = np.zeros(n, dtype=bool)
    out[list(positions)] = True
    return out


RANKS = np.arange(1.0, 11.0)


def test_without_incumbents_the_first_by_rank() -> None:
    assert choose(RANKS, NOBODY, count=4, enter_rank=3, exit_rank=6).held.tolist() == [0, 1, 2, 3]


def test_an_incumbent_inside_the_band_stays_and_keeps_a_newcomer_out() -> None:
    assert sorted(choose(RANKS, held(5), count=4, enter_rank=3, exit_rank=6).held) == [0, 1, 2, 5]


def test_an_incumbent_beyond_the_band_leaves() -> None:
    assert sorted(choose(RANKS, held(6), count=4, enter_rank=3, exit_rank=6).held) == [0, 1, 2, 3]


def test_a_name_that_may_not_be_held_leaves_even_inside_its_minimum_hold() -> None:
    ranks = RANKS.copy()
    ranks[5] = np.nan
    age = np.ones(10, dtype=np.int64)
    assert 5 not in choose(ranks, held(5, 9), count=4, enter_rank=3, exit_rank=6, age=age, min_hold=4).held


def test_minimum_hold_beats_the_rank() -> None:
    age = np.where(held(9), 1, 0)
    assert sorted(choose(RANKS, held(9), count=4, enter_rank=3, exit_rank=6, age=age, min_hold=2).held) == [0, 1, 2, 9]
    age = np.where(held(9), 2, 0)
    assert 9 not in choose(RANKS, held(9), count=4, enter_rank=3, exit_rank=6, age=age, min_hold=2).held


def test_full_sectors_and_issuers_are_passed_over() -> None:
    sector = np.array([0, 0, 0, 1, 1, 1, -1, -1, -1, -1])
    chosen = choose(RANKS, NOBODY, count=6, enter_rank=6, exit_rank=6, sector=sector, max_per_sector=2)
    assert chosen.held.tolist() == [0, 1, 3, 4, 6, 7]
    assert chosen.passed_over.tolist() == [2, 5]
    issuer = np.array([0, 0, 1, 2, 3, 4, 5, 6, 7, 8])
    assert choose(RANKS, NOBODY, count=3, enter_rank=3, exit_rank=3, issuer=issuer, max_per_issuer=1).held.tolist() == [
        0,
        2,
        3,
    ]


@st.composite
def rebalances(draw):
    n = draw(st.integers(5, 40))
    ranks = np.array(draw(st.permutations(range(1, n + 1))), dtype=float)
    ranks[np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))] = np.nan
    incumbent = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    count = draw(st.integers(1, n))
    return ranks, incumbent, count, draw(st.integers(1, count)), draw(st.integers(count, n + 5))


@settings(max_examples=300, deadline=None)
@given(rebalances(), st.randoms(use_true_random=False))
def test_buffer_invariants(case, random) -> None:
    ranks, incumbent, count, enter, leave = case
    chosen = set(choose(ranks, incumbent, count=count, enter_rank=enter, exit_rank=leave).held.tolist())
    allowed = set(np.flatnonzero(~np.isnan(ranks)).tolist())
    assert chosen <= allowed
    assert len(chosen) == min(count, len(allowed))
    assert {i for i in allowed if ranks[i] <= enter} <= chosen
    band = {i for i in allowed if enter < ranks[i] <= leave}
    inside, outside = {i for i in band if incumbent[i]}, {i for i in band if not incumbent[i]}
    # Inside the band a newcomer is only bought once every incumbent of the band has kept its place.
    if outside & chosen:
        assert inside <= chosen
    # And an incumbent of the band only leaves for want of room, the worst rank first.
    for gone in inside - chosen:
        assert len(chosen) == count
        assert all(ranks[kept] < ranks[gone] for kept in chosen)
    order = list(range(len(ranks)))
    random.shuffle(order)
    shuffled = choose(ranks[order], incumbent[order], count=count, enter_rank=enter, exit_rank=leave).held
    assert {order[i] for i in shuffled.tolist()} == chosen


def test_turnover_cap_blends_from_drifted_weights() -> None:
    old, target = np.array([0.6, 0.4, 0.0]), np.array([0.0, 0.4, 0.6])
    weights, theta = blend_to_turnover_cap(target, old, 0.3, np.zeros(3, dtype=bool))
    assert theta == pytest.approx(0.5)
    np.testing.assert_allclose(weights, [0.3, 0.4, 0.3])
    assert 0.5 * np.abs(weights - old).sum() == pytest.approx(0.3)


def test_forced_deletions_do_not_count_against_the_cap() -> None:
    old, target = np.array([0.5, 0.25, 0.25]), np.array([0.0, 0.5, 0.5])
    weights, theta = blend_to_turnover_cap(target, old, 0.0, np.array([True, False, False]))
    np.testing.assert_allclose(weights, [0.0, 0.5, 0.5])
    assert theta == 1.0
