"""The figures: what is drawn is what the frames hold."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtest.report.drawing import rounded, spread_apart
from backtest.report.evidence_figures import must_lose_first
from backtest.report.figures import FIGURES, figures
from backtest.report.numerals import numeral


@pytest.fixture(scope="module")
def drawn(synthetic_result):
    return figures(synthetic_result)


def test_every_figure_is_drawn(drawn):
    assert set(drawn) == set(FIGURES)


def test_every_figure_has_a_title_a_description_and_labels(drawn):
    for name, figure in drawn.items():
        assert figure.layout.title.text, name
        assert len(figure.layout.meta["description"]) > 15, name
        labelled = figure.layout.annotations or figure.layout.showlegend or len(figure.data) == 1
        assert labelled or name in {"attribution"}, name


def test_wealth_starts_at_one_hundred_and_ends_where_the_nav_does(drawn, synthetic_result):
    for trace in drawn["wealth"].data:
        assert trace.y[0] == 100
    nav = synthetic_result.nav["hedged"]
    hedged = next(t for t in drawn["wealth"].data if t.meta["role"] == "hedged")
    assert hedged.y[-1] == pytest.approx(100 * nav.iloc[-1] / nav.iloc[0], rel=1e-5)
    assert len(hedged.x) == len(nav)


def test_deepest_drawdown_is_the_summarys(drawn, synthetic_result):
    hedged = next(t for t in drawn["drawdowns"].data if t.meta["role"] == "hedged")
    assert min(hedged.y) == pytest.approx(synthetic_result.summary["sleeves"]["hedged"]["max_drawdown"], rel=1e-5)


def test_carry_ends_at_the_years_times_the_yearly_figure(drawn, synthetic_result):
    borrow = next(t for t in drawn["carry"].data if t.meta["role"] == "borrow")
    usd, average = synthetic_result.carry["borrow"].sum(), synthetic_result.nav["hedged"].mean()
    assert borrow.y[-1] == pytest.approx(usd / average * 1e4, rel=1e-5)


def test_attribution_bars_join_up(drawn, synthetic_result):
    """Each bar begins where the one before ended; the last is the total from zero."""
    bars = {y: (base, x) for t in drawn["attribution"].data for y, base, x in zip(t.y, t.base, t.x, strict=True)}
    total = synthetic_result.attribution.loc["total", "bps_per_year"]
    parts = [v for k, v in bars.items() if not k.startswith("Total")]
    ends = sorted(base + x for base, x in parts)
    assert any(abs(end - total) < 0.2 for end in ends)
    assert bars["Total: hedged − book"] == (0.0, pytest.approx(total, rel=1e-5))


def test_intervals_are_drawn_around_the_out_of_sample_point(drawn, synthetic_result):
    row = synthetic_result.effectiveness.loc["variance"]
    trace = next(t for t in drawn["effectiveness"].data if t.error_x.array is not None)
    assert trace.x[0] + trace.error_x.array[0] == pytest.approx(row["high"], rel=1e-5)
    assert trace.x[0] - trace.error_x.arrayminus[0] == pytest.approx(row["low"], rel=1e-5)


def test_must_lose_windows_come_first(synthetic_result):
    order = must_lose_first(synthetic_result.stress)["window"].tolist()
    assert order[:2] == ["Meme squeeze", "Junk rally"]
    assert order[2:] == ["COVID", "2022 bear", "Yen carry", "DeepSeek", "Tariffs"]


def test_figures_are_json_without_nan(drawn):
    for figure in drawn.values():
        json.loads(figure.to_json(), parse_constant=lambda c: pytest.fail(f"{c} in a figure"))


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0.01, 0.2))
def test_labels_never_collide_and_keep_their_order(places, gap):
    moved = spread_apart(places, gap)
    assert len(moved) == len(places)
    ordered = [moved[i] for i in np.argsort(places, kind="stable")]
    assert all(b - a >= gap - 1e-9 for a, b in pairwise(ordered))
    if all(b - a >= gap for a, b in pairwise(sorted(places))):
        assert moved == pytest.approx(places)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True)))
def test_rounding_keeps_six_digits_and_drops_what_is_not_finite(values):
    for value, short in zip(values, rounded(values), strict=True):
        assert (short is None) == (not np.isfinite(value))
        if short is not None:
            assert short == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(
    ("value", "style", "sign", "text"),
    [
        (0.1234, "percent", False, "12.3%"),
        (-0.1234, "percent", False, "−12.3%"),
        (0.1234, "percent", True, "+12.3%"),
        (-0.0001, "percent", False, "0.0%"),
        (0.0, "percent", True, "0.0%"),
        (float("nan"), "percent", False, "–"),
        (None, "usd", False, "–"),
        (True, "count", False, "–"),
        (-1_234_567_890.0, "usd", False, "−$1.2bn"),
        (-17.34, "bps", True, "−17.3"),
        (np.float64(2.0), "auto", False, "2"),
        (np.int64(1234), "count", False, "1,234"),
    ],
)
def test_numerals(value, style, sign, text):
    assert numeral(value, style, sign=sign) == text
