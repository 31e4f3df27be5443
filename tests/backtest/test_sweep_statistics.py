"""What many trials prove: noise must look like noise, skill like skill, and failures count."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from backtest.evaluate.inference import probabilistic_sharpe, sharpe_moments
from backtest.sweep_statistics import _part, evidence

SESSIONS = pd.bdate_range("2020-01-02", periods=640)
CASH = pd.Series(0.0, index=SESSIONS)


def planted(seed: int, n_variants: int = 20, skill: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Accounts and their benchmark hedges: a shared book, and independent noise in each; the first may have skill."""
    rng = np.random.default_rng(seed)
    book = rng.normal(0.0, 0.01, (len(SESSIONS), 1))
    own = rng.normal(0.0, 0.01, (len(SESSIONS), n_variants))
    own[:, 0] += skill
    frame = pd.DataFrame(book + own, index=SESSIONS, columns=range(n_variants))
    return frame, pd.DataFrame(np.repeat(book, n_variants, axis=1), index=SESSIONS, columns=range(n_variants))


@pytest.fixture(scope="module")
def noise():
    """Many sweeps without any skill in them."""
    return [evidence(*planted(seed), CASH, 20) for seed in range(10)]


def test_the_best_of_noise_is_called_noise(noise):
    deflated, pbo = [], []
    for found in noise:
        over = found.told["deflated_sharpe"]["over_benchmark"]["trials"]
        deflated.append(over["chance"])
        pbo.append(found.told["overfitting"]["over_benchmark"]["pbo"])
        assert over["chance"] == found.columns["deflated_over_benchmark"].max()
    assert 0.3 < np.mean(deflated) < 0.7, "the best of noise should look like the best of noise"
    assert np.mean(np.array(deflated) > 0.95) <= 0.1
    assert 0.4 < np.mean(pbo) < 0.6, "ranking noise says nothing about the other half"


def test_taken_alone_the_best_of_noise_would_have_convinced():
    """Without counting trials the same winners pass: the deflation is what catches them."""
    alone = []
    for seed in range(10):
        returns, rivals = planted(seed)
        active = returns - rivals
        alone.append(max(probabilistic_sharpe(sharpe_moments(active[k])) for k in active))
    assert np.mean(np.array(alone) > 0.95) > 0.8


def test_no_variant_of_noise_beats_the_benchmark_in_most_sweeps(noise):
    tests = [found.told["tests"] for found in noise]
    assert np.mean([len(t["return"]["winners"]) > 0 for t in tests]) <= 0.25
    assert np.mean([t["return"]["superior"] for t in tests]) > 0.25


def test_skill_survives_the_deflation():
    returns, rivals = planted(3, skill=0.002)
    found = evidence(returns, rivals, CASH, 20)
    over = found.told["deflated_sharpe"]["over_benchmark"]["trials"]
    assert over["variant"] == 0
    assert over["chance"] > 0.99
    assert found.told["overfitting"]["over_benchmark"]["pbo"] < 0.05
    assert found.told["tests"]["return"]["winners"] == [0]


def test_failed_trials_raise_the_bar():
    returns, rivals = planted(5)
    few, many = (evidence(returns, rivals, CASH, n).told["deflated_sharpe"] for n in (20, 400))
    assert many["over_cash"]["trials"]["best_by_luck"] > few["over_cash"]["trials"]["best_by_luck"]
    assert many["over_cash"]["trials"]["chance"] < few["over_cash"]["trials"]["chance"]
    assert many["over_cash"]["effective_trials"] == few["over_cash"]["effective_trials"]


def test_copies_of_one_variant_are_one_trial():
    returns, rivals = planted(6, n_variants=3)
    rng = np.random.default_rng(1)
    copies = pd.concat([returns + rng.normal(0, 1e-4, returns.shape) for _ in range(10)], axis=1)
    copies.columns = range(30)
    beside = pd.concat([rivals] * 10, axis=1).set_axis(copies.columns, axis=1)
    assert evidence(copies, beside, CASH, 30).clusters == 3


def test_accounts_equal_to_their_benchmark_prove_nothing():
    returns, _ = planted(7, n_variants=2)
    found = evidence(returns, returns.copy(), CASH, 2)
    assert found.told["deflated_sharpe"]["over_benchmark"]["trials"]["chance"] is None
    assert found.told["tests"] is None


def test_a_single_survivor_has_no_rank_to_overfit():
    returns, rivals = planted(8, n_variants=1)
    found = evidence(returns, rivals, CASH, 5)
    assert found.told["overfitting"] == {"over_cash": None, "over_benchmark": None}
    assert np.isnan(found.pbo)
    assert found.clusters == 1
    assert evidence(returns.iloc[:, :0], rivals.iloc[:, :0], CASH, 5).clusters == 0


def test_large_sweeps_are_tested_on_a_part_that_does_not_look_at_results():
    returns, _ = planted(9, n_variants=40)
    part = _part(returns, 10)
    shifted = _part(returns + np.linspace(0, 1, 40), 10)
    assert list(part.columns) == list(shifted.columns)
    assert part.shape[1] == 10
