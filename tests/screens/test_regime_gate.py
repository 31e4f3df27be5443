"""Percentiles of the past, the trigger with hysteresis, and the sizes that follow."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.errors import ConfigError
from screens.loading import load, validate_files
from screens.regime.gate import lagged, multiplier, schmitt, squeeze
from screens.regime.percentile import expanding_percentile
from screens.regime.rolling import compounded, rolling_sum, smoothed
from screens.regime.spec import RegimeSpec

GATE = {"on": 0.7, "off": 0.5, "on_days": 3, "off_days": 5, "hold": 10, "cool_down": 5}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 5), st.just(None)), min_size=1, max_size=60), st.integers(1, 10))
def test_expanding_percentile_is_the_rank_in_the_past(values, fewest):
    x = np.array([np.nan if v is None else float(v) for v in values])
    got = expanding_percentile(x, fewest)
    for t in range(len(x)):
        past = x[: t + 1][np.isfinite(x[: t + 1])]
        if np.isfinite(x[t]) and len(past) >= fewest:
            rank = pd.Series(past).rank(method="average").iloc[-1]
            assert got[t] == pytest.approx((rank - 0.5) / len(past))
        else:
            assert np.isnan(got[t])
    # what comes later changes nothing
    np.testing.assert_array_equal(expanding_percentile(np.append(x, 99.0), fewest)[:-1], got)


def test_the_gate_needs_three_sessions_on_and_five_off():
    score = np.array([0.8, 0.8, 0.6, 0.8, 0.8, 0.8] + [0.6] * 8 + [0.4] * 6)
    state = schmitt(score, **GATE)
    assert np.flatnonzero(state).tolist() == list(range(5, 18))  # on at the third in a row, off at the fifth below


def test_a_state_is_held_and_cools_down():
    score = np.array([0.9] * 3 + [0.1] * 12 + [0.9] * 12)
    state = schmitt(score, **GATE)
    on = np.flatnonzero(state)
    assert on[0] == 2
    assert state[2:12].all()  # held for ten sessions although the score fell at once
    assert not state[12:17].any()  # cools down for five
    assert state[17]  # the third high score in a row, and the cool-down over
    assert np.diff(state.astype(int)).tolist().count(1) == 2


def test_a_missing_score_breaks_a_run_and_changes_nothing():
    score = np.array([0.9, 0.9, np.nan, 0.9, 0.9, 0.9])
    assert schmitt(score, **GATE).tolist() == [False] * 5 + [True]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=120), st.integers(0, 12), st.integers(0, 8))
def test_switches_are_rare_and_causal(values, hold, cool_down):
    score = np.array(values)
    gate = GATE | {"hold": hold, "cool_down": cool_down}
    state = schmitt(score, **gate)
    switches = np.flatnonzero(np.diff(np.r_[False, state].astype(int)))
    assert len(switches) <= 1 + len(score) / max(min(hold, cool_down), 1)  # the first may come at once
    lengths = np.diff(switches)
    for place, length in zip(switches[:-1], lengths, strict=True):
        assert length >= (hold if state[place] else cool_down)
    cut = len(score) // 2
    np.testing.assert_array_equal(schmitt(score[:cut], **gate), state[:cut])
    np.testing.assert_array_equal(lagged(state, 1)[1:], state[:-1])


def test_multiplier_lies_between_its_floor_and_one_and_moves_in_steps():
    rng = np.random.default_rng(0)
    score = np.clip(0.5 + np.cumsum(rng.normal(0, 0.03, 300)), 0, 1)
    size = multiplier(score, low=0.3, high=0.7, floor=0.25, span=10, band=0.1)
    assert size.min() >= 0.25
    assert size.max() <= 1
    steps = np.abs(np.diff(size))
    assert (steps[steps > 0] > 0.1).all()
    assert multiplier(np.full(20, 0.9), low=0.3, high=0.7, floor=0.25, span=10, band=0.1)[-1] == 1


def test_squeeze_halves_the_hedge_for_ten_sessions():
    basket, market = np.zeros(40), np.zeros(40)
    basket[10] = 0.12
    factor = squeeze(basket, market)
    assert np.flatnonzero(factor == 0.5).tolist() == list(range(10, 24))  # five sessions of it, and nine after the last
    basket[10], market[10] = 0.12, 0.08  # the market ran as well: no squeeze
    assert (squeeze(basket, market) == 1).all()


def test_rolling_windows_with_a_hole_are_unknown():
    x = np.array([1.0, 2.0, np.nan, 4.0, 5.0, 6.0])
    np.testing.assert_array_equal(rolling_sum(x, 2), [np.nan, 3, np.nan, np.nan, 9, 11])
    np.testing.assert_allclose(compounded(np.array([0.1, -0.1, 0.2]), 2), [np.nan, -0.01, 0.08])
    wide = np.column_stack([x, x[::-1]])
    np.testing.assert_array_equal(rolling_sum(wide, 2)[:, 0], rolling_sum(x, 2))
    assert np.isnan(rolling_sum(np.ones(3), 5)).all()


def test_exponential_average_is_that_of_pandas():
    x = np.random.default_rng(1).normal(size=30)
    expected = pd.Series(x).ewm(span=10, adjust=False).mean()
    np.testing.assert_allclose(smoothed(x, 10), expected)


def broken(tmp_path, text: str) -> list[str]:
    file = tmp_path / "regime.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        load(file, RegimeSpec)
    return [str(problem).replace(str(tmp_path) + "/", "") for problem in error.value.problems]


def test_faults_of_a_regime_file_in_words(tmp_path):
    text = """\
kind: regime
name: x
signals:
  - {signal: dma_streek, weight: 1}
  - {signal: breadth, params: {windw: 50}}
  - {signal: user_series, weight: 0}
gate: {on: 0.4, off: 0.5}
"""
    problems = "\n".join(broken(tmp_path, text))
    assert "unknown signal 'dma_streek' (did you mean 'dma_streak'?)" in problems
    assert "breadth has no parameter 'windw' (did you mean 'window'?); it takes: window" in problems
    assert "user_series needs the parameter 'series'" in problems
    assert "on (0.4) must lie above off (0.5), or the gate flutters" in problems
    assert "regime.yaml:4" in problems
    assert "regime.yaml:5" in problems


def test_two_signals_need_two_names(tmp_path):
    text = "kind: regime\nname: x\nsignals:\n  - {signal: breadth}\n  - {signal: breadth, params: {window: 200}}\n"
    assert "two signals are called 'breadth'; give one of them a name" in "\n".join(broken(tmp_path, text))
    nothing = "kind: regime\nname: x\nsignals:\n  - {signal: breadth, weight: 0}\n"
    assert "no signal has a weight above 0: there is nothing to score" in "\n".join(broken(tmp_path, nothing))


def test_the_shipped_regime_is_valid():
    from pathlib import Path

    file = Path(__file__).parents[2] / "configs/regimes/fragility.yaml"
    assert validate_files([file]) == []
    spec = load(file, RegimeSpec)
    assert spec.gate.model_dump() == GATE | {"lag": 1}
