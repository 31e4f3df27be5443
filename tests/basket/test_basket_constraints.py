from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basket.caps import cap_weights
from basket.constraints import least_loosening, minimal_conflict, solve
from basket.rules import Rule, TurnoverRule, exposure_band, group_cap, limits, name_cap, sectors_near
from market.errors import InfeasibleError

NAMES = [f"N{i:02d}" for i in range(20)]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_caps_alone_agree_with_the_closed_form(seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = rng.dirichlet(np.ones(20))
    groups = rng.integers(0, 4, 20)
    labels = [f"S{g}" for g in groups]
    exact = cap_weights(base, 0.09, groups.astype(np.int64), np.full(4, 0.45))
    found = solve(base, [name_cap(NAMES, 0.09), group_cap("sector cap", labels, 0.45)])
    np.testing.assert_allclose(found.weights, exact, atol=2e-6)
    assert found.weights.sum() == pytest.approx(1, abs=1e-12)


def test_weights_on_a_line_by_hand() -> None:
    # Two names, beta 0.8 and 1.4, target exactly 1.1: half and half.
    beta = exposure_band("beta", np.array([0.8, 1.4]), 1.1, 0.0)
    np.testing.assert_allclose(solve(np.array([0.9, 0.1]), [beta]).weights, [0.5, 0.5], atol=1e-7)


def test_minimum_variance_of_two_uncorrelated_names() -> None:
    found = solve(np.ones(2), [], covariance=np.diag([0.04, 0.01]))
    np.testing.assert_allclose(found.weights, [0.2, 0.8], atol=1e-7)
    assert solve(np.ones(2), [name_cap(["a", "b"], 0.7)], covariance=np.diag([0.04, 0.01])).weights[1] == pytest.approx(
        0.7
    )


def test_minimum_variance_is_that_of_skfolio() -> None:
    pytest.importorskip("skfolio", reason="a development tool")
    from skfolio.optimization import MeanRisk

    returns = np.random.default_rng(1).normal(0, 0.01, (300, 8)) @ np.random.default_rng(2).normal(0, 1, (8, 8))
    model = MeanRisk(max_weights=0.3).fit(returns)
    found = solve(np.ones(8), [name_cap(NAMES[:8], 0.3)], covariance=np.cov(returns.T))
    np.testing.assert_allclose(found.weights, model.weights_, atol=1e-4)


def test_turnover_is_measured_against_the_drifted_weights() -> None:
    previous = np.array([0.6, 0.4, 0.0])
    rule = TurnoverRule("turnover cap 20 %", previous, 0.0, 0.20)
    found = solve(np.array([0.1, 0.1, 0.8]), [rule])
    assert 0.5 * np.abs(found.weights - previous).sum() == pytest.approx(0.20, abs=1e-7)
    assert found.bound == {"turnover cap 20 %": ["turnover"]}
    # Weight held in names that are no candidates any more uses up the cap.
    with pytest.raises(InfeasibleError, match="turnover cap"):
        solve(np.ones(3), [TurnoverRule("turnover cap 20 %", previous * 0.5, 0.5, 0.20)])


def test_what_binds_is_told() -> None:
    found = solve(np.array([0.5, 0.2, 0.2, 0.1]), [name_cap(list("abcd"), 0.35)])
    np.testing.assert_allclose(found.weights, [0.35, 0.26, 0.26, 0.13], atol=1e-7)
    assert found.bound == {"name cap 35 %": ["a"]}


def test_sectors_stay_near_the_books() -> None:
    labels = ["Tech"] * 3 + ["Energy"] * 3
    found = solve(np.ones(6), [sectors_near(labels, {"Tech": 0.9, "Energy": 0.1}, 0.1)])
    assert found.weights[:3].sum() == pytest.approx(0.8, abs=1e-6)


def test_soft_rules_give_way_by_priority_and_no_further_than_needed() -> None:
    beta = np.array([0.8, 1.0, 1.2])
    low = exposure_band("beta", beta, 0.8, 0.05, priority=2)
    high = exposure_band("beta of the book", beta, 1.2, 0.05, priority=1)
    found = solve(np.ones(3), [low, high])
    assert found.weights @ beta == pytest.approx(1.15, abs=1e-4)
    assert found.broken == {"beta 0.8 ± 0.05": pytest.approx(0.30, abs=1e-4)}


def test_a_conflict_is_told_in_words_and_is_minimal() -> None:
    halves = ["a"] * 10 + ["b"] * 10
    beta = np.linspace(0.5, 1.5, 20)
    rules = [group_cap("sector cap", halves, 0.6), name_cap(NAMES, 0.04), exposure_band("beta", beta, 1.0, 0.2)]
    with pytest.raises(InfeasibleError, match="with 20 names this rule cannot hold: name cap 4 %"):
        solve(np.ones(20), rules)
    with pytest.raises(InfeasibleError, match=r"Loosen it by 0\.01, or hold more names"):  # 20 at 5 % are 1
        solve(np.ones(20), rules)
    rules = [group_cap("sector cap", halves, 0.95), name_cap(NAMES, 0.06), exposure_band("beta", beta, 1.4, 0.05)]
    with pytest.raises(InfeasibleError, match="with 20 names these rules cannot all hold: name cap 6 %; beta"):
        solve(np.ones(20), rules)
    with pytest.raises(
        InfeasibleError, match=r"rest possible: name cap 6 % by 0\.0\d+, or beta 1\.4 ± 0\.05 by 0\.\d+"
    ):
        solve(np.ones(20), rules)


def loosened(rule, amount: float):
    if isinstance(rule, TurnoverRule):
        return replace(rule, cap=rule.cap + amount)
    return replace(rule, lower=rule.lower - amount, upper=rule.upper + amount)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_removing_any_rule_of_a_conflict_makes_the_rest_feasible(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = NAMES[:10]
    previous = rng.dirichlet(np.ones(10))
    rules = [
        name_cap(names, rng.uniform(0.08, 0.2)),
        group_cap("sector cap", [f"S{g}" for g in rng.integers(0, 3, 10)], rng.uniform(0.25, 0.6)),
        exposure_band("beta", rng.normal(1, 0.3, 10), rng.uniform(0.6, 1.6), 0.05),
        exposure_band("size", rng.normal(0, 1, 10), rng.uniform(-1, 1), 0.05),
        TurnoverRule("turnover cap", previous, 0.0, rng.uniform(0.01, 0.5)),
        limits("liquidity", names, rng.uniform(0, 0.3, 10)),
    ]
    conflict = minimal_conflict(10, rules)
    if not conflict:
        weights = solve(np.ones(10), rules).weights
        assert all(rule.excess(weights) < 1e-6 for rule in rules)
        return
    assert minimal_conflict(10, conflict) == conflict
    for rule, amount in zip(conflict, least_loosening(10, conflict), strict=True):
        for share, holds in ((1 + 1e-4, True), (0.98, False)):
            loose = loosened(rule, amount * share)
            assert (minimal_conflict(10, [loose if other is rule else other for other in conflict]) == []) == holds
    for rule in conflict:
        assert minimal_conflict(10, [other for other in conflict if other is not rule]) == []


def test_an_exposure_that_is_missing_counts_as_the_average() -> None:
    rule = exposure_band("beta", np.array([1.0, np.nan, 2.0]), 1.5, 0.1)
    assert rule.rows[0].tolist() == [1.0, 1.5, 2.0]


def test_a_hundred_constrained_rebalances_of_a_hundred_names_hold_every_rule() -> None:
    rng = np.random.default_rng(0)
    names = [f"N{i}" for i in range(100)]
    labels = [f"S{i % 10}" for i in range(100)]
    beta, size, momentum = rng.normal(1.1, 0.3, 100), rng.normal(0, 1, 100), rng.normal(0, 1, 100)
    previous = np.full(100, 0.01)
    for _ in range(100):
        rules: list[Rule | TurnoverRule] = [
            name_cap(names, 0.03),
            group_cap("sector cap", labels, 0.25),
            exposure_band("beta", beta, 1.2, 0.02),
            exposure_band("size", size, 0.0, 0.1),
            exposure_band("momentum", momentum, 0.1, 0.1),
            TurnoverRule("turnover cap", previous, 0.0, 0.3),
        ]
        before, previous = previous, solve(rng.dirichlet(np.ones(100)), rules).weights
        assert previous.sum() == pytest.approx(1.0)
        assert previous.max() <= 0.03 + 1e-6
        assert abs(beta @ previous - 1.2) <= 0.02 + 1e-6
        assert np.abs(previous - before).sum() / 2 <= 0.3 + 1e-6


def test_soft_rules_far_out_of_reach_give_way_one_rebalance_after_another() -> None:
    """There is one way only to break the first rules least, and the program must find it, rebalance after rebalance."""
    rng = np.random.default_rng(0)
    names, labels = [f"N{i}" for i in range(100)], [f"S{i % 10}" for i in range(100)]
    beta, size, momentum = rng.normal(1.1, 0.3, 100), rng.normal(0, 1, 100), rng.normal(0, 1, 100)
    previous = np.full(100, 0.01)
    reached = 0.0
    for _ in range(8):
        rules: list[Rule | TurnoverRule] = [
            name_cap(names, 0.03),
            group_cap("sector cap", labels, 0.25),
            exposure_band("beta", beta, 1.9, 0.02, priority=1),
            exposure_band("size", size, 2.0, 0.1, priority=2),
            exposure_band("momentum", momentum, 0.1, 0.1, priority=3),
            TurnoverRule("turnover cap", previous, 0.0, 0.3),
        ]
        found = solve(rng.dirichlet(np.ones(100)), rules)
        assert found.weights.max() <= 0.03 + 2e-6
        assert np.abs(found.weights - previous).sum() / 2 <= 0.3 + 2e-6
        # The first priority comes nearer each time, as far as the turnover lets it.
        assert beta @ found.weights >= reached - 1e-5
        assert found.broken["beta 1.9 ± 0.02"] == pytest.approx(1.88 - beta @ found.weights, abs=1e-6)
        reached, previous = beta @ found.weights, found.weights
    best = np.sort(beta)[::-1]
    # At last the caps alone limit it: 33 names at 3 % and one at 1 %, as the sectors allow.
    assert reached <= 0.03 * best[:33].sum() + 0.01 * best[33] + 1e-5
    assert reached >= 0.95 * (0.03 * best[:33].sum() + 0.01 * best[33])


def test_of_several_conflicts_the_smallest_is_told() -> None:
    """The cap alone cannot hold; that the two bands cannot either is the longer story, whatever the order."""
    beta = np.linspace(0.5, 1.5, 20)
    rules = [name_cap(NAMES, 0.04), exposure_band("beta", beta, 0.7, 0.05), exposure_band("market", beta, 1.3, 0.05)]
    for order in (rules, rules[::-1], [rules[1], rules[0], rules[2]]):
        assert [rule.name for rule in minimal_conflict(20, order)] == ["name cap 4 %"]
    assert [rule.name for rule in minimal_conflict(20, rules[1:])] == [rule.name for rule in rules[1:]]
