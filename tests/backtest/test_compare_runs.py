"""Finished runs side by side."""

from __future__ import annotations

import json

import pytest

from backtest.artifacts import MANIFEST, SUMMARY, write
from backtest.compare import compare, flat
from backtest.report.comparison_page import render
from market.errors import ConfigError


@pytest.fixture
def runs(make_result, tmp_path):
    """Two runs that differ in the window of the hedge, in their seed, and so in their figures."""
    first, second = make_result(), make_result(seed=12)
    second.spec = second.spec.model_copy(update={"hedge": {"estimator": "ols", "window": 126, "band": 0.05}})
    return [write(first, tmp_path / "a"), write(second, tmp_path / "b")], (first, second)


def test_figures_are_the_summaries(runs):
    directories, results = runs
    found = compare(directories)
    expected = tuple(r.summary["sleeves"]["hedged"]["cagr"] for r in results)
    assert found.figures["/sleeves/hedged/cagr"] == expected
    assert expected[0] != expected[1]


def test_only_what_differs_in_the_config_is_named(runs):
    found = compare(runs[0])
    assert found.config == {"hedge.window": (252, 126)}
    assert found.same_span


def test_runs_of_one_name_are_told_apart_by_their_directories(runs):
    assert compare(runs[0]).runs == ("low_quality_vs_mega_cap (a)", "low_quality_vs_mega_cap (b)")


def test_different_spans_are_said(runs):
    directories, _ = runs
    path = directories[0] / SUMMARY
    summary = json.loads(path.read_text())
    summary["span"]["end"] = "2024-12-31"
    path.write_text(json.dumps(summary))
    assert not compare(directories).same_span


def test_an_older_run_without_some_figures_is_compared_all_the_same(runs):
    directories, _ = runs
    path = directories[1] / SUMMARY
    summary = json.loads(path.read_text())
    del summary["sleeves"]["hedged"]["sharpe"], summary["turnover"]
    path.write_text(json.dumps(summary))
    found = compare(directories)
    assert found.figures["/sleeves/hedged/sharpe"][1] is None


def test_what_is_not_a_run_is_refused(runs, tmp_path):
    with pytest.raises(ConfigError, match="at least two"):
        compare(runs[0][:1])
    with pytest.raises(ConfigError, match="not a finished run"):
        compare([runs[0][0], tmp_path / "nowhere"])


def test_flat_keeps_lists_and_empty_values():
    assert flat({"a": {"b": None, "c": [1, {"d": 2}]}}) == {"a.b": None, "a.c": [1, {"d": 2}]}


def test_a_damaged_manifest_is_named(runs):
    directories, _ = runs
    for content in ("{", "[]", "null", '{"config": []}', '{"files": [1]}'):
        (directories[1] / MANIFEST).write_text(content)
        with pytest.raises(ConfigError, match=MANIFEST):
            compare(directories)
    (directories[1] / MANIFEST).write_text('{"config": {}, "files": [1], "data": 3}')
    assert compare(directories).config["data"][1] == 3


def test_the_page_shows_what_the_table_shows_and_marks_what_differs(runs, tmp_path):
    directories, _ = runs
    summary = json.loads((directories[1] / SUMMARY).read_text())
    summary["answer"] = "<script>alert(1)</script>"
    (directories[1] / SUMMARY).write_text(json.dumps(summary))
    found = compare(directories)
    page = render(found, tmp_path / "pages" / "comparison.html")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace("http-equiv", "")
    assert 'href="../a/report.html"' in page
    assert "<mark>126</mark>" in page
    assert "<mark>252</mark>" not in page
    for pointer, values in found.figures.items():
        for value in values:
            assert f'<data value="{value}" data-key="{pointer}">' in page
