"""Ranks, percentiles and z-scores against formulas retyped here, scipy as an oracle, and planted faults."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from screens.ranks import ranks_of
from screens.scoring import (
    order_worst_first,
    percentiles,
    rank_z,
    standardise,
    value_z,
    weighted_mean,
    winsorise,
)

NAN = float("nan")
columns = st.lists(
    st.one_of(st.just(NAN), st.integers(-5, 5).map(float), st.floats(-1e6, 1e6)), min_size=1, max_size=60
)


def by_hand(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rank, percentile and z-score of figures that are all known: scipy's ranks and the formulas."""
    rank = stats.rankdata(values)
    n = values.size
    away = rank - (n + 1) / 2
    spread = np.sqrt((away**2).sum() / max(n - 1, 1))
    return rank, (rank - 0.5) / n, away / spread if spread > 0 else np.zeros(n)


@given(columns)
def test_ranks_are_scipys_average_ranks(values: list[float]) -> None:
    x = np.array(values)
    known = ~np.isnan(x)
    found = ranks_of(x)
    for figure, expected in zip((found.rank, found.percentile, found.z), by_hand(x[known]), strict=True):
        np.testing.assert_array_equal(figure[known], expected)
        assert np.isnan(figure[~known]).all()


@given(columns, st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_ranks_by_group_are_those_of_each_group_alone(values: list[float], seed: int, min_group: int) -> None:
    x = np.array(values)
    groups = np.random.default_rng(seed).integers(-1, 4, x.size)
    found = ranks_of(x, groups, min_group)
    known = ~np.isnan(x)
    expected = np.full((3, x.size), NAN)
    expected[:, known] = by_hand(x[known])  # without a group of enough figures: among all
    for group in range(4):
        inside = known & (groups == group)
        if inside.sum() >= min_group:
            expected[:, inside] = by_hand(x[inside])
    np.testing.assert_array_equal([found.rank, found.percentile, found.z], expected)


def test_figures_that_differ_in_their_last_bits_are_ranked_apart() -> None:
    rng = np.random.default_rng(0)
    close = np.ldexp(1.0 + rng.permutation(500) * 2.0**-52, 3)  # one after the other, in the three lowest bytes
    wide = rng.choice([-1.0, 1.0], 500) * np.exp(rng.uniform(-700, 700, 500))
    least, largest = np.nextafter(0.0, 1.0), np.finfo(float).max
    edges = np.array([0.0, -0.0, least, -least, largest, -largest, 0.0])
    for x in (close, -close, wide, edges, np.concatenate([close, wide, edges, wide])):
        np.testing.assert_array_equal(ranks_of(x).rank, stats.rankdata(x))


@given(st.lists(columns, min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_many_figures_at_once_are_ranked_as_one_by_one(figures: list[list[float]], seed: int) -> None:
    size = min(len(figure) for figure in figures)
    rows = np.array([figure[:size] for figure in figures])
    groups = np.random.default_rng(seed).integers(-1, 3, size)
    for codes in (None, groups):
        together = ranks_of(rows, codes, min_group=2)
        for row, alone in enumerate(ranks_of(figure, codes, min_group=2) for figure in rows):
            np.testing.assert_array_equal(together.z[row], alone.z)
            np.testing.assert_array_equal(together.percentile[row], alone.percentile)


@given(columns, st.integers(0, 2**32 - 1))
def test_no_bit_depends_on_the_order_of_names(values: list[float], seed: int) -> None:
    x = np.array(values)
    rng = np.random.default_rng(seed)
    groups, order = rng.integers(-1, 3, x.size), rng.permutation(x.size)
    for score in (
        lambda v, g: rank_z(v, g, 2),
        lambda v, g: value_z(v, g, 2),
        lambda v, g: percentiles(v, g, 2),
        lambda v, g: standardise(v),
        lambda v, g: winsorise(v, 0.1, 0.9),
    ):
        np.testing.assert_array_equal(score(x, groups)[order], score(x[order], groups[order]))


@given(columns)
def test_scores_rise_with_badness(values: list[float]) -> None:
    x = np.array(values)
    z, p = rank_z(x), percentiles(x)
    for i in range(x.size):
        for j in range(x.size):
            if x[i] < x[j]:
                assert p[i] < p[j]
                assert z[i] < z[j]
            elif x[i] == x[j]:
                assert p[i] == p[j]
                assert z[i] == z[j]


@given(columns)
def test_scores_are_finite_where_the_figure_is(values: list[float]) -> None:
    x = np.array(values)
    for score in (rank_z(x), value_z(x), percentiles(x), standardise(x)):
        np.testing.assert_array_equal(np.isnan(score), np.isnan(x))
        assert not np.isinf(score).any()


def test_rank_z_is_the_formula() -> None:
    x = np.array([3.0, 1.0, 2.0, 2.0, NAN, 100.0])
    r = np.array([4.0, 1.0, 2.5, 2.5, 5.0])
    expected = (r - r.mean()) / r.std(ddof=1)
    np.testing.assert_allclose(np.delete(rank_z(x), 4), expected, rtol=1e-14)


def test_percentile_is_the_formula() -> None:
    x = np.array([10.0, 30.0, 20.0, 20.0])
    np.testing.assert_array_equal(percentiles(x), [(1 - 0.5) / 4, (4 - 0.5) / 4, (2.5 - 0.5) / 4, (2.5 - 0.5) / 4])


@pytest.mark.parametrize("score", [rank_z, value_z, standardise])
def test_all_equal_scores_zero(score) -> None:
    np.testing.assert_array_equal(score(np.array([7.0, 7.0, NAN, 7.0])), [0.0, 0.0, NAN, 0.0])
    np.testing.assert_array_equal(score(np.array([7.0, NAN])), [0.0, NAN])
    assert np.isnan(score(np.array([NAN, NAN]))).all()


def test_all_equal_up_to_rounding_scores_zero() -> None:
    third = np.array([0.1 + 0.2, 0.3, 0.3, 0.3])
    np.testing.assert_array_equal(standardise(third), np.zeros(4))


def test_small_groups_take_the_figure_among_all() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 60.0, 70.0])
    groups = np.array([0, 0, 0, 0, 0, 1, 1])
    p = percentiles(x, groups, min_group=5)
    np.testing.assert_allclose(p[:5], (np.arange(1, 6) - 0.5) / 5)
    np.testing.assert_allclose(p[5:], [(6 - 0.5) / 7, (7 - 0.5) / 7])
    z = rank_z(x, groups, min_group=5)
    np.testing.assert_allclose(z[:5], (np.arange(1, 6) - 3) / np.arange(1, 6).std(ddof=1))
    np.testing.assert_allclose(z[5:], (np.array([6, 7]) - 4) / np.arange(1, 8).std(ddof=1))


def test_a_group_is_counted_by_who_has_the_metric() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0, NAN, 9.0, 8.0, 7.0, 6.0, 5.0])
    groups = np.array([0] * 5 + [1] * 5)
    p = percentiles(x, groups, min_group=5)
    np.testing.assert_allclose(p[:4], (np.array([1, 2, 3, 4]) - 0.5) / 9)  # four known: too few
    np.testing.assert_allclose(p[5:], (np.array([5, 4, 3, 2, 1]) - 0.5) / 5)


def test_unknown_group_is_ranked_among_all() -> None:
    x = np.arange(10.0)
    groups = np.array([-1] * 5 + [0] * 5)
    np.testing.assert_allclose(percentiles(x, groups)[:5], (np.arange(1, 6) - 0.5) / 10)


def test_value_z_clips_at_three() -> None:
    x = np.concatenate([np.zeros(50), [1e9]])
    assert value_z(x).max() == 3.0


def test_winsorise_puts_outer_tiers_at_the_quantiles() -> None:
    x = np.array([0.0, 10.0, 20.0, NAN, NAN])
    beyond = np.array([False, False, False, True, False])
    short = np.array([False, False, False, False, True])
    np.testing.assert_allclose(winsorise(x, 0.25, 0.75, beyond, short), [5.0, 10.0, 15.0, 15.0, 5.0])


def test_weighted_mean_needs_enough() -> None:
    scores = [np.array([1.0, 1.0, NAN]), np.array([4.0, NAN, NAN])]
    np.testing.assert_array_equal(weighted_mean(scores, [2.0, 1.0]), [2.0, 1.0, NAN])
    np.testing.assert_array_equal(weighted_mean(scores, [2.0, 1.0], fewest=2), [2.0, NAN, NAN])


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_ties_go_by_ticker(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tickers = np.array([f"T{i:02d}" for i in range(12)], dtype=object)
    scores = rng.integers(0, 3, 12).astype(float)
    order = rng.permutation(12)
    once = [str(t) for t in tickers[order_worst_first(scores, tickers)]]
    again = [str(t) for t in tickers[order][order_worst_first(scores[order], tickers[order])]]
    assert once == again == [t for _, t in sorted(zip(-scores, tickers, strict=True))]
