"""The run's grammar: what it refuses, in words, before anything is read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import get_args

import pytest

import market
from backtest.legs import build_legs, check_sessions
from backtest.spec import EstimatorName, Hedge, RunSpec, Span
from basket.hedge import ESTIMATORS
from market.calendar import sessions_between
from market.errors import ConfigError
from screens.loading import load, validate_files

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
FLAGSHIP = CONFIGS / "runs" / "low_quality_vs_mega_cap.yaml"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(CONFIGS, tmp_path / "configs")
    return tmp_path / "configs" / "runs" / FLAGSHIP.name


def broken(file: Path, before: str, after: str) -> list[str]:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))
    return [str(problem).rpartition("configs/")[2] for problem in validate_files([file])]


def test_estimator_names_are_those_of_the_registry() -> None:
    assert set(get_args(EstimatorName)) == set(ESTIMATORS)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("estimator: ols", "estimator: olz", "hedge.estimator: expected one of dollar_neutral"),
        ("band: 0.05", "bend: 0.05", "hedge.bend: unknown key 'bend' (did you mean 'band'?)"),
        ("min_sessions: 120", "min_sessions: 500", "min_sessions: 500 is more than the window of 252 sessions"),
        ("bounds: [0, 2]", "bounds: [2, 1]", "bounds: [2.0, 1.0] must rise from 0 or more to 5 or less"),
        ("start: null, end: null", "start: 2022-01-01, end: 2021-01-01", "the span must end after it starts"),
        ("../baskets/low_quality.yaml", "../baskets/low_qualty.yaml", "file '../baskets/low_qualty.yaml' not found"),
        ("../baskets/low_quality.yaml", "../books/mega_cap.yaml", "is of kind book; expected basket"),
        ("initial_nav: 100.0e+6", "initial_nav: -5", "initial_nav: "),
        ("commission_bps: 0.5", "commission_bps: some", "costs.commission_bps: expected a number, found 'some'"),
        ("debit_spread_bps: 50", "debit_spread_bps: debit.csv", "cash.debit_spread_bps: file 'debit.csv' not found"),
    ],
)
def test_a_mistake_is_told_with_its_line(copied: Path, before: str, after: str, told: str) -> None:
    problems = broken(copied, before, after)
    assert any(told in problem for problem in problems), problems
    assert all(problem.startswith(f"runs/{copied.name}:") for problem in problems)


def test_all_mistakes_come_at_once(copied: Path) -> None:
    broken(copied, "estimator: ols", "estimator: olz")
    broken(copied, "check: weekly", "check: weakly")
    assert len(broken(copied, "market: SPY", "markt: SPY")) == 3


def test_fifty_names_do_not_fit_under_one_percent(copied: Path) -> None:
    basket = copied.parents[1] / "baskets" / "low_quality.yaml"
    basket.write_text(basket.read_text().replace("name_cap: 0.04", "name_cap: 0.01"))
    (problem,) = validate_files([copied])
    assert "name_cap: 0.01 cannot hold 40 names at a sum of 1" in str(problem)
    assert "needs at least 0.025" in str(problem)


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (Span(start="2015-01-01"), "2015-01-01 is before the data, which begin on 2018-01-02"),
        (Span(end="2030-01-01"), "2030-01-01 is after the data, which end on 2026-05-29"),
    ],
)
def test_a_span_outside_the_data(span: Span, told: str) -> None:
    spec = load(FLAGSHIP, RunSpec).model_copy(update={"span": span})
    with pytest.raises(ConfigError, match=told):
        build_legs(spec, market.open("sample"))


def test_an_unknown_benchmark_is_named() -> None:
    spec = load(FLAGSHIP, RunSpec).model_copy(update={"benchmarks": ("SPYY",)})
    with pytest.raises(ConfigError, match=r"no prices of SPYY; did you mean SYY or SPY\?"):
        build_legs(spec, market.open("sample"))


def test_checks_fall_on_the_last_session_of_a_week_or_month() -> None:
    sessions = sessions_between("2024-03-20", "2024-04-12")  # Good Friday is 29 March
    weekly = [f"{day:%m-%d}" for day in check_sessions("weekly", sessions)]
    assert weekly == ["03-22", "03-28", "04-05", "04-12"]
    assert [f"{day:%m-%d}" for day in check_sessions("monthly", sessions)] == ["03-28"]
    assert len(check_sessions("daily", sessions)) == len(sessions)
    assert len(check_sessions("rebalance", sessions)) == 0


def test_window_holds_the_least_sessions() -> None:
    with pytest.raises(ValueError, match="more than the window"):
        Hedge(window=60, min_sessions=120)
