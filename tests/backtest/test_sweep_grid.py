"""The grammar of sweeps: how values are written, which variants follow, and what is said of wrong ones."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from backtest.patching import PatchError, patched
from backtest.spec import RunSpec
from backtest.sweep_grid import grid, units_of
from backtest.sweep_spec import Range, Sample, SweepSpec
from market.errors import ConfigError
from screens.loading import load, validate_files

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a run of two fixed lists, and a function that writes a sweep of it."""
    configs = tmp_path_factory.mktemp("project") / "configs"
    configs.mkdir()
    (configs / "book.yaml").write_text(
        "kind: book\nname: book\nsource: {kind: fixed, tickers: [AAPL, MSFT]}\nweights: {scheme: equal}\n"
    )
    (configs / "screened.yaml").write_text("kind: basket\nname: screened\nscreen: screen.yaml\n")
    (configs / "screen.yaml").write_text((CONFIGS / "screens" / "zombies.yaml").read_text())
    (configs / "run.yaml").write_text("kind: run\nname: base\nbook: book.yaml\nbasket: screened.yaml\n")

    def write(body: str, name: str = "sweep.yaml") -> Path:
        path = configs / name
        path.write_text(f"kind: sweep\nname: tried\nrun: run.yaml\n{body}")
        return path

    return write


def test_a_range_holds_both_ends_and_stays_whole_where_it_can():
    assert Range.model_validate({"from": 60, "to": 120, "step": 20}).values() == (60, 80, 100, 120)
    assert all(isinstance(v, int) for v in Range.model_validate({"from": 60, "to": 120, "step": 20}).values())
    assert Range.model_validate({"from": 0.1, "to": 0.5, "count": 5}).values() == (0.1, 0.2, 0.3, 0.4, 0.5)
    assert Range.model_validate({"from": 0, "to": 1, "step": 0.4}).values() == (0.0, 0.4, 0.8)


def test_a_sample_repeats_with_its_seed_and_follows_its_scale():
    even = Sample(low=1, high=9, draws=400, seed=3)
    assert even.values() == Sample(low=1, high=9, draws=400, seed=3).values()
    assert even.values() != Sample(low=1, high=9, draws=400, seed=4).values()
    draw = random.Random(3)
    assert even.values()[:3] == tuple(1 + 8 * draw.random() for _ in range(3))
    logs = [math.log10(v) for v in Sample(low=0.01, high=100, draws=2000, log=True).values()]
    assert all(-2 <= v <= 2 for v in logs)
    assert abs(sum(logs) / len(logs)) < 0.1  # half of them below 1
    assert set(Sample(low=1, high=4, draws=50, whole=True).values()) == {1, 2, 3, 4}


def test_all_combinations_in_the_order_written(project):
    spec = load(project("vary:\n  hedge.window: [126, 252]\n  multiple: {from: 0.5, to: 1.0, step: 0.5}\n"), SweepSpec)
    assert grid(spec) == [
        {"hedge.window": 126, "multiple": 0.5},
        {"hedge.window": 126, "multiple": 1.0},
        {"hedge.window": 252, "multiple": 0.5},
        {"hedge.window": 252, "multiple": 1.0},
    ]


def test_draws_take_a_part_without_repeating(project):
    body = "vary:\n  multiple: {from: 0, to: 1, count: 101}\n  costs.commission_bps: [0, 1, 2]\n"
    every = grid(load(project(body), SweepSpec))
    some = grid(load(project(body + "draws: 40\n"), SweepSpec))
    assert len(every) == 303
    assert len(some) == 40
    assert len({tuple(v.items()) for v in some}) == 40
    assert [v for v in every if v in some] == some  # in the order of the grid
    assert some != grid(load(project(body + "draws: 40\nseed: 8\n"), SweepSpec))


def test_a_unit_asks_its_screen_one_question(project):
    body = (
        "vary:\n  multiple: [0.5, 1.0]\n  screen.selection.count: [20, 30]\n  hedge.window: [126, 252]\n"
        "  basket.weights.name_cap: [0.1, 0.2]\n"
    )
    path = project(body)
    (path.parent / "screened.yaml").write_text(
        "kind: basket\nname: screened\nscreen: screen.yaml\nweights: {scheme: equal}\n"
    )
    variants = grid(load(path, SweepSpec))
    units = units_of(variants)
    assert sorted(n for unit in units for n in unit.variants) == list(range(16))
    assert [{variants[n]["screen.selection.count"] for n in unit.variants} for unit in units] == [{20}, {30}]
    caps = [variants[n]["basket.weights.name_cap"] for n in units[0].variants]
    assert caps == sorted(caps)  # a basket's variants stand beside each other


def test_variants_of_one_basket_are_cut_into_pieces(project):
    spec = load(project("vary:\n  multiple: {from: 0, to: 1, count: 250}\n"), SweepSpec)
    assert [len(unit.variants) for unit in units_of(grid(spec))] == [100, 100, 50]


def test_every_error_at_its_own_line_and_all_at_once(project):
    path = project(
        "vary:\n"
        "  hedge.windw: [126]\n"
        "  hedge.estimator: [ols, olz]\n"
        "  screen: [screen.yaml, scren.yaml]\n"
        "  span.start: ['2020-01-02']\n"
        "  costs.commission_bps: [0.5, -3]\n"
        "  multiple: [1, 20]\n"
        "  basket.schedule.signal_lag: {from: 60, to: 70, step: 5}\n"
        "  book: [run.yaml]\n"
    )
    told = {(p.line, p.message) for p in validate_files([path])}
    assert (5, "no field 'windw' (did you mean 'window'?)") in told
    assert any(line == 6 and "found 'olz' (did you mean 'ols'?)" in text for line, text in told)
    assert any(line == 7 and "file 'scren.yaml' not found" in text for line, text in told)
    assert (8, "'span' cannot vary: it is the same for all variants of a sweep") in told
    assert (9, "must be at least 0, found -3") in told
    assert (10, "expected a number from 0 to 10, found 20") in told
    assert (11, "must be at most 63, found 70") in told
    assert any(line == 12 and "is of kind run; expected book" in text for line, text in told)
    assert len(told) == 8
    with pytest.raises(ConfigError):
        load(path, SweepSpec)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("vary: {}\n", "at least 1"),
        ("vary: {multiple: []}\n", "at least 1"),
        ("vary: {multiple: {from: 1, to: 0, step: 0.1}}\n", "must be more than from"),
        ("vary: {multiple: {from: 0, to: 1}}\n", "give step or count"),
        ("vary: {multiple: {low: 0, high: 1, draws: 5, log: true}}\n", "a log scale begins above 0"),
        ("vary: {multiple: {from: 0, to: 1, count: 2000}, hedge.band: {from: 0, to: 1, count: 2000}}\n", "at most"),
        ("vary: {multiple: [1]}\nrank_by: alpha\n", "expected one of"),
        ("vary: {hedge.window: [252], hedge: [1]}\n", "expected a mapping"),
    ],
)
def test_a_wrong_axis_is_refused_with_its_reason(project, body, text):
    problems = validate_files([project(body)])
    assert problems
    assert any(text in p.message for p in problems), problems


def test_values_that_fit_only_together_are_no_error(project):
    """A window of 60 is too short for 126 sessions at least, which varies as well."""
    path = project("vary:\n  hedge.window: [60, 252]\n  hedge.min_sessions: [50, 126]\n")
    assert validate_files([path]) == []
    base = load(path, SweepSpec).base()
    assert base.with_values({"hedge.window": 60, "hedge.min_sessions": 50}).run.hedge.window == 60
    with pytest.raises(ValueError, match="min_sessions"):
        base.with_values({"hedge.window": 60, "hedge.min_sessions": 126})


def test_a_patched_spec_keeps_what_it_was_given_and_is_asked_every_rule_again(project):
    run = load(project("vary: {multiple: [1]}\n").parent / "run.yaml", RunSpec)
    changed = patched(run, {"hedge.window": 300, "hedge.bounds.1": 1.5, "costs.commission_bps": 2.0})
    assert changed.hedge.window == 300
    assert changed.hedge.bounds == (0.0, 1.5)
    assert changed.basket == run.basket
    assert run.hedge.window == 252
    with pytest.raises(ValueError, match="must rise"):
        patched(run, {"hedge.bounds": [2, 1]})
    with pytest.raises(PatchError, match="varies itself"):
        patched(run, {"hedge": {}, "hedge.window": 300})
    with pytest.raises(PatchError, match="counted from 0"):
        patched(run, {"hedge.bounds.2": 1.5})


def test_the_shipped_sweeps_are_fine_and_say_how_many_they_try():
    for path in sorted((CONFIGS / "sweeps").glob("*.yaml")):
        assert validate_files([path]) == []
        assert grid(load(path, SweepSpec))
        assert "not a way to choose" in path.read_text().lower()
