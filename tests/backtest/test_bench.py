"""The benchmark on a small task: its keys are a promise, its contenders agree to rounding, missing ones are said."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from backtest import bench as measuring
from backtest import cli, contenders
from backtest.contenders import Work

SMALL = Work(years=1, names=24, held_long=6, held_short=6)
PROMISED = {
    "per_variant_ms", "vectorbt_daily_ms", "bt_ms", "ratio_vectorbt", "ratio_bt", "memory_passes", "peak_mb",
    "max_nav_error", "sweep",
}  # fmt: skip


@pytest.fixture(scope="module")
def measured():
    """One run, without a process for each contender."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "apart", lambda function, *words: function(*words))
        patch.setattr(contenders, "STREAMED_BYTES", 2**20)
        stages: list[str] = []
        found = measuring.bench(SMALL, quick=True, progress=lambda stage, done, total: stages.append(stage))
        assert stages == ["the engine", "plain vectorbt", "bt", "a sweep"]
        yield found


def test_the_keys_are_those_promised(measured):
    assert set(measured) >= PROMISED
    assert set(measured["sweep"]) >= {"variants", "seconds", "peak_mb"}
    assert measured["sweep"]["variants"] == 1000
    assert measured["per_variant_ms"] > 0
    assert measured["ratio_vectorbt"] == pytest.approx(measured["vectorbt_daily_ms"] / measured["per_variant_ms"])
    assert measured["memory_passes"] == pytest.approx(measured["per_variant_ms"] / measured["memory_pass_ms"])


def test_all_contenders_have_the_same_nav(measured):
    pytest.importorskip("bt")
    names = [row["name"] for row in measured["contenders"]]
    assert {"engine", "vectorbt, daily rows", "bt"} <= set(names)
    assert measured["max_nav_error"] <= 1e-9
    assert 0 < measured["daily_portfolio_error"] <= 1e-9


def test_the_contenders_trade_and_differ_where_the_ratio_does():
    """An agreement of idle accounts would prove nothing."""
    ours = contenders.engine(SMALL, 2, repeats=1)["nav"]
    assert np.ptp(ours) > 0.01 * ours[0]
    account = contenders.frictionless(contenders.account_of(SMALL))
    low, high = contenders.variants_of(account, 2)
    assert low.shorts[0].ratio < high.shorts[0].ratio
    costly = contenders.simulate(contenders.account_of(SMALL))
    assert (np.abs([costly.trading.sum(), costly.dividends.sum(), costly.borrow.sum(), costly.rebate.sum()]) > 1).all()


def test_one_thread_and_two_find_the_same_figures(measured):
    assert measured["sweep"]["same_figures"] is True


def test_a_missing_contender_is_said_and_not_invented(monkeypatch):
    monkeypatch.setattr(measuring, "_here", lambda library: False)
    row = {"ms": 2.0, "pass_ms": 1.0, "single_ms": 3.0, "peak_mb": 4.0, "nav": np.ones(3), "n_variants": 1}
    table = {"variants": 5, "seconds": 1.0, "cpu_seconds": 1.0, "peak_mb": 1.0, "figures": np.ones(2)}
    answers = {"daily_portfolio_error": 1e-13, "screens_by_ratios": table}
    monkeypatch.setattr(measuring, "apart", lambda function, *_: answers.get(function.__name__, row))
    shown = CliRunner().invoke(cli.application(["bench"]), ["bench", "--quick"])
    assert shown.exit_code == 0, shown.output
    assert "bt is not installed" in shown.output
    found = measuring.bench(SMALL, quick=True)
    assert found["bt_ms"] is None
    assert found["ratio_bt"] is None
    assert [row["name"] for row in found["contenders"]] == ["engine", "vectorbt, daily rows"]


def test_the_scaling_plot_is_logarithmic_and_needs_no_network(tmp_path, monkeypatch):
    monkeypatch.setattr(
        measuring, "apart", lambda function, task, *_: {"ms": task.names / 100, "peak_mb": 1.0, "n_variants": 1}
    )
    rows = [row for scale in measuring.SCALES for row in measuring._scaling(Work(), scale)]
    assert len(rows) == sum(map(len, measuring.SCALES.values()))
    measuring.scaling_page({"scaling": rows}, tmp_path / "deep" / "scaling.html")
    page = (tmp_path / "deep" / "scaling.html").read_text()
    assert '"type":"log"' in page.replace(" ", "")
    assert "<script src=" not in page
    assert "cdn.plot.ly" not in page.split("plotly.js v")[0]
