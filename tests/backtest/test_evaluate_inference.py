"""Sharpe inference and overfitting against the papers' own numbers and against known truths."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from backtest.evaluate import inference as of
from backtest.evaluate import overfitting
from market.errors import ConfigError, DataError


def test_probabilistic_sharpe_of_the_papers_hedge_fund() -> None:
    """Bailey and Lopez de Prado (2012): monthly SR .458, 24 months, skewness -2.448, kurtosis 10.164: PSR(0) = .913."""
    moments = of.SharpeMoments(0.458, -2.448, 10.164, 24)
    assert of.probabilistic_sharpe(moments) == pytest.approx(0.913, abs=0.001)
    normal = of.SharpeMoments(0.458, 0.0, 3.0, 24)
    assert of.probabilistic_sharpe(normal) == pytest.approx(0.982, abs=0.001)


def test_deflated_sharpe_of_the_papers_strategy() -> None:
    """Bailey and Lopez de Prado (2014): SR 2.5 a year, 1,250 days, skewness -3, kurtosis 10, 100 trials: DSR .9004."""
    moments = of.SharpeMoments(2.5 / np.sqrt(250), -3.0, 10.0, 1250)
    assert of.expected_best_sharpe(0.5 / 250, 100) == pytest.approx(0.1132, abs=1e-4)
    assert of.deflated_sharpe(moments, 0.5 / 250, 100) == pytest.approx(0.9004, abs=1e-4)
    assert of.deflated_sharpe(moments, 0.5 / 250, 1) == of.probabilistic_sharpe(moments)


def test_minimum_track_record_of_the_paper() -> None:
    """Daily normal returns, Sharpe 2 a year against 1: 2.73 years."""
    moments = of.SharpeMoments(2 / np.sqrt(252), 0.0, 3.0, 1000)
    assert of.minimum_track_record(moments, 1 / np.sqrt(252)) / 252 == pytest.approx(2.73, abs=0.005)
    assert of.minimum_track_record(moments, 3 / np.sqrt(252)) == np.inf
    enough = of.SharpeMoments(moments.sharpe, 0.0, 3.0, round(of.minimum_track_record(moments)))
    assert of.probabilistic_sharpe(enough) == pytest.approx(0.95, abs=2e-3)


def test_moments_use_plain_kurtosis_and_per_session_sharpe() -> None:
    returns = np.random.default_rng(1).normal(0.001, 0.01, 200_000)
    moments = of.sharpe_moments(returns)
    assert moments.sharpe == pytest.approx(0.1, abs=0.01)
    assert moments.kurtosis == pytest.approx(3.0, abs=0.05)
    with pytest.raises(DataError):
        of.sharpe_moments(np.full(10, 0.01))


def test_sharpe_difference_has_the_right_size_and_power() -> None:
    random = np.random.default_rng(3)
    sessions = pd.bdate_range("2020-01-01", periods=400)
    equal, better = [], []
    for _ in range(60):
        shared = random.normal(0, 0.008, 400)
        first = pd.Series(0.0003 + shared + random.normal(0, 0.006, 400), sessions)
        second = pd.Series(0.0003 + shared + random.normal(0, 0.006, 400), sessions)
        equal.append(of.sharpe_difference(first, second, n_draws=150, mean_block=5).p_value)
        better.append(of.sharpe_difference(first + 0.0018, second, n_draws=150, mean_block=5).p_value)
    assert np.mean(np.array(equal) < 0.05) <= 0.15
    assert np.mean(np.array(better) < 0.05) > 0.85
    found = of.sharpe_difference(first + 0.0018, second)
    assert found.low < found.difference < found.high
    assert found.difference == pytest.approx(
        (first + 0.0018).mean() / first.std(ddof=0) - second.mean() / second.std(ddof=0), rel=1e-10
    )


def test_overfitting_of_noise_is_one_half_on_average_and_of_skill_none() -> None:
    random = np.random.default_rng(0)
    noise = [overfitting.probability_of_overfitting(random.normal(size=(320, 20)), 8).pbo for _ in range(80)]
    assert np.mean(noise) == pytest.approx(0.5, abs=0.06)
    assert np.std(noise) > 0.1  # one matrix says little
    skill = random.normal(size=(640, 20))
    skill[:, 4] += 0.5
    found = overfitting.probability_of_overfitting(skill, 8)
    assert found.pbo == 0.0
    assert found.loss_share == 0.0
    assert found.n_splits == 70


def test_overfitting_by_its_definition() -> None:
    table = np.random.default_rng(5).normal(0.0002, 0.01, (120, 6))
    found = overfitting.probability_of_overfitting(pd.DataFrame(table), 6)
    blocks, logits = np.split(table, 6), []
    for half in combinations(range(6), 3):
        inside = np.vstack([blocks[k] for k in half])
        outside = np.vstack([blocks[k] for k in range(6) if k not in half])
        best = np.argmax(inside.mean(axis=0) / inside.std(axis=0))
        ranks = pd.Series(outside.mean(axis=0) / outside.std(axis=0)).rank()
        share = ranks[best] / 7
        logits.append(np.log(share / (1 - share)))
    np.testing.assert_allclose(found.logits, logits, rtol=1e-9, atol=1e-12)
    assert found.pbo == pytest.approx(np.mean(np.array(logits) <= 0))


def test_overfitting_refuses_what_it_cannot_split() -> None:
    table = np.random.default_rng(5).normal(size=(40, 3))
    with pytest.raises(ConfigError, match="even"):
        overfitting.probability_of_overfitting(table, 5)
    with pytest.raises(DataError, match="two configurations"):
        overfitting.probability_of_overfitting(table[:, :1], 4)
    with pytest.raises(DataError, match="32 sessions"):
        overfitting.probability_of_overfitting(table[:20], 16)
    table[3, 1] = np.nan
    with pytest.raises(DataError, match="every session"):
        overfitting.probability_of_overfitting(table, 4)


def test_reality_check_finds_the_one_that_is_better() -> None:
    random = np.random.default_rng(8)
    sessions = pd.bdate_range("2020-01-01", periods=400)
    benchmark = pd.Series(random.normal(0, 0.01, 400) ** 2, sessions)
    noise = pd.DataFrame(random.normal(0, 0.01, (400, 6)) ** 2, sessions, columns=list("abcdef"))
    assert overfitting.best_of_many(benchmark, noise, n_draws=150).superior > 0.05
    better = noise.assign(g=0.4 * benchmark)
    found = overfitting.best_of_many(benchmark, better, n_draws=150)
    assert found.superior < 0.01
    assert "g" in found.winners


def test_trials_that_move_together_count_once() -> None:
    random = np.random.default_rng(2)
    alike = random.normal(size=(500, 1)) + 0.1 * random.normal(size=(500, 10))
    apart = random.normal(size=(500, 4))
    assert overfitting.effective_trials(np.column_stack([alike, apart])) == 5
    assert overfitting.effective_trials(apart[:, :1]) == 1
