"""The first sentences of a report on planted results, for every sign that a result can have."""

from __future__ import annotations

import pandas as pd
import pytest

from backtest import verdict
from backtest.rivals import EQUAL_BETA, HOLD_LESS, MINIMUM_VARIANCE

BOOK = {"cagr": 0.12, "max_drawdown": -0.40}
HEDGED = {"cagr": 0.07, "max_drawdown": -0.25}
LESS = "Simply owning less at the same volatility"
SPY_SHORT, QQQ_SHORT = "shorting SPY at the same beta", "shorting QQQ at the same beta"
SPY, QQQ = f"short SPY, {EQUAL_BETA}", f"short QQQ, {EQUAL_BETA}"


def line(cagr: float, max_drawdown: float) -> dict[str, float]:
    return {"cagr": cagr, "max_drawdown": max_drawdown}


def effect(out: float = 0.5, low: float = 0.4, high: float = 0.6) -> pd.DataFrame:
    return pd.DataFrame({"out_of_sample": [out, 0.1], "low": [low, 0.0], "high": [high, 0.2]}, ["variance", "cvar_95"])


def spread(annual: float, t: float) -> pd.DataFrame:
    return pd.DataFrame({"benchmark": ["SPY"], "window": ["whole span"], "annual": [annual], "t": [t]})


def told(
    benchmarks: dict[str, dict[str, float]],
    hedged: dict[str, float] | None = None,
    of: pd.DataFrame | None = None,
    beyond: pd.DataFrame | None = None,
) -> list[str]:
    sleeves = {"book": BOOK, "hedged": hedged or HEDGED}
    text = verdict.answer(
        sleeves, effect() if of is None else of, pd.DataFrame() if beyond is None else beyond, benchmarks
    )
    return text.split(". ")


@pytest.mark.parametrize(
    ("benchmarks", "opens"),
    [
        ({SPY: line(0.09, -0.20), HOLD_LESS: line(0.05, -0.20)}, "Shorting SPY at the same beta did better"),
        (
            {SPY: line(0.05, -0.20), HOLD_LESS: line(0.09, -0.20)},
            f"{LESS} did better",
        ),
        (
            {SPY: line(0.08, -0.20), QQQ: line(0.09, -0.1), HOLD_LESS: line(0.10, -0.24)},
            f"{LESS}, {QQQ_SHORT} and {SPY_SHORT} did better",
        ),
        (
            {SPY: line(0.09, -0.30), HOLD_LESS: line(0.09, -0.30)},
            "Simply owning less, at the same volatility, kept more (9.0% a year against 7.0%), though it fell deeper",
        ),
        (
            {SPY: line(0.09, -0.30), HOLD_LESS: line(0.05, -0.30)},
            f"Neither {SPY_SHORT} nor simply owning less at the same volatility kept more and fell less",
        ),
        ({HOLD_LESS: line(0.05, -0.1)}, "Not even simply owning less at the same volatility kept more and fell less"),
        ({}, "Out of sample the hedge removed 50% of the book's variance"),
    ],
)
def test_what_is_simpler_and_better_comes_first(benchmarks: dict[str, dict[str, float]], opens: str) -> None:
    assert told(benchmarks)[0].startswith(opens)


def test_a_minimum_variance_short_is_not_of_equal_risk_and_never_named() -> None:
    benchmarks = {f"short SPY, {MINIMUM_VARIANCE}": line(0.30, -0.01), HOLD_LESS: line(0.05, -0.3)}
    assert "minimum" not in " ".join(told(benchmarks))


def test_a_fund_that_ended_before_the_run_is_not_compared_with_it() -> None:
    benchmarks = {f"short RSP, {EQUAL_BETA} (to 2026-03-03)": line(0.30, -0.01), HOLD_LESS: line(0.05, -0.3)}
    assert "RSP" not in " ".join(told(benchmarks))


@pytest.mark.parametrize(
    ("of", "says"),
    [
        (effect(0.5, 0.4, 0.6), "removed 50% of the book's variance (95 % interval 40% to 60% removed)"),
        (
            effect(0.1, -0.1, 0.3),
            "removed 10% of the book's variance (95 % interval −10% to 30% removed, so that",
        ),
        (
            effect(-0.1, -0.3, 0.1),
            "added 10% to the book's variance (95 % interval −30% to 10% removed, so that",
        ),
        (effect(-0.4, -0.6, -0.2), "added 40% to the book's variance (95 % interval −60% to −20% removed)"),
    ],
)
def test_variance_removed_and_added(of: pd.DataFrame, says: str) -> None:
    assert says in ". ".join(told({}, of=of))


def test_drawdown_and_growth_of_either_sign() -> None:
    worse = ". ".join(told({}, hedged=line(0.15, -0.5)))
    assert "deepened the deepest fall from −40% to −50%; it added 3.0% a year of growth" in worse
    assert "took the deepest fall from −40% to −25%; it cost 5.0% a year of growth" in ". ".join(told({}))


@pytest.mark.parametrize(
    ("annual", "t", "says"),
    [
        (0.03, 1.0, "paid +3.0% a year (t 1.0): no evidence that the names earn their place"),
        (-0.03, -1.0, "paid −3.0% a year (t −1.0): no evidence that the names earn their place"),
        (0.06, 2.5, "the names paid more than the index"),
        (-0.06, -2.5, "the index was the cheaper short"),
    ],
)
def test_the_spread_of_either_sign(annual: float, t: float, says: str) -> None:
    assert says in ". ".join(told({}, beyond=spread(annual, t)))
