"""The best of many: the right size where all are equal, power where one is better, and another library's answer."""

from __future__ import annotations

import numpy as np
import pytest
from arch.bootstrap import SPA

from basket.hedge.best_of_many import best_of_many
from basket.hedge.bootstrap import stationary_rows


def losses(seed: int, gain: float = 0.0, n: int = 400, k: int = 12) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    shared = random.normal(0, 1, n)
    found = {f"e{i}": 0.7 * shared + random.normal(0, 1, n) for i in range(k)}
    found["e3"] = found["e3"] - gain
    return found


def test_equal_ones_are_told_apart_one_time_in_twenty_and_a_better_one_nearly_always() -> None:
    rows = stationary_rows(400, 199, 1.0, 5)
    equal = [best_of_many(losses(seed), rows)[1] for seed in range(40)]
    assert np.mean(np.array(equal) < 0.05) < 0.15
    better = [best_of_many(losses(seed, 0.35), rows) for seed in range(20)]
    assert np.mean([p < 0.05 for _, p in better]) > 0.85
    assert np.mean([name == "e3" for name, _ in better]) > 0.85


def test_the_naive_p_of_the_best_is_far_too_small() -> None:
    """Picking the best first and testing it alone finds something in nearly every other set of equals."""
    rows = stationary_rows(400, 199, 1.0, 5)
    naive = []
    for seed in range(40):
        every = losses(seed)
        naive.append(min(best_of_many({name: gap}, rows)[1] for name, gap in every.items()))
    assert np.mean(np.array(naive) < 0.05) > 0.25


@pytest.mark.parametrize(("seed", "gain"), [(1, 0.0), (2, 0.1), (4, 0.15)])
def test_against_the_test_for_superior_predictive_ability_of_arch(seed: int, gain: float) -> None:
    every = losses(seed, gain)
    table = np.column_stack(list(every.values()))
    oracle = SPA(np.zeros(len(table)), table, block_size=5, reps=1500, seed=11, studentize=True)
    oracle.compute()
    _, p = best_of_many(every, stationary_rows(400, 1500, 5.0, 9))
    assert p == pytest.approx(float(oracle.pvalues["upper"]), abs=0.06)


def test_those_that_never_differ_are_left_out() -> None:
    rows = stationary_rows(400, 99, 1.0, 5)
    every = losses(1)
    assert best_of_many({**every, "same": np.zeros(400)}, rows) == best_of_many(every, rows)
    name, p = best_of_many({"same": np.zeros(400)}, rows)
    assert name == ""
    assert np.isnan(p)
