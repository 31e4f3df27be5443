"""The answer in one sentence, with its interval, and whether something simpler did better.

1. What the hedge removed, out of sample, with the 95 % interval; what it cost a year, as the difference of growth.
2. Where an index short at equal beta, or owning less at equal volatility, kept more and fell less, that comes first.
3. Whether the basket paid anything beyond that index short: the spread and its t-statistic.
4. With a tactical overlay: what it came to, and whether its timing paid beyond holding as much hedge all along.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from backtest.evaluate.spread import WHOLE
from backtest.overlay import tactical_name
from backtest.rivals import EQUAL_BETA, HOLD_LESS

if TYPE_CHECKING:
    from backtest.result import Json

SIGNIFICANT_T = 1.96

Figures = Mapping[str, float]


def simpler_and_better(hedged: Figures, benchmarks: Mapping[str, Figures]) -> list[str]:
    """Alternatives of equal risk with more growth and a shallower drawdown than the hedged book, best growth first."""
    equal_risk = [name for name in benchmarks if name.endswith(EQUAL_BETA) or name == HOLD_LESS]
    better = [
        name
        for name in equal_risk
        if benchmarks[name]["cagr"] > hedged["cagr"] and benchmarks[name]["max_drawdown"] > hedged["max_drawdown"]
    ]
    return sorted(better, key=lambda name: -benchmarks[name]["cagr"])


def answer(
    sleeves: Mapping[str, Figures],
    effectiveness: pd.DataFrame,
    spread: pd.DataFrame,
    benchmarks: Mapping[str, Figures],
    overlay: Mapping[str, Json] | None = None,
) -> str:
    """The report's first sentences."""
    book, hedged = sleeves["book"], sleeves["hedged"]
    row = effectiveness.loc["variance"]
    told = []
    better = simpler_and_better(hedged, benchmarks)
    if better:
        names = " and ".join(_named(name) for name in better)
        told.append(f"{names[0].upper()}{names[1:]} did better: more return and a shallower drawdown than this hedge.")
    given_up = book["cagr"] - hedged["cagr"]
    told.append(
        f"Out of sample the hedge removed {row['out_of_sample']:.0%} of the book's variance "
        f"(95 % interval {row['low']:.0%} to {row['high']:.0%}) and took the deepest fall from "
        f"{book['max_drawdown']:.0%} to {hedged['max_drawdown']:.0%}; "
        f"it {'cost' if given_up >= 0 else 'added'} {abs(given_up):.1%} a year of growth "
        f"({book['cagr']:.1%} without it, {hedged['cagr']:.1%} with it)."
    )
    whole = spread[(spread["window"] == WHOLE) & (spread["benchmark"] == "SPY")] if len(spread) else spread
    if len(whole):
        annual, t = float(whole["annual"].iloc[0]), float(whole["t"].iloc[0])
        if np.isfinite(t):
            found = (
                "no evidence that the names earn their place"
                if abs(t) < SIGNIFICANT_T
                else ("the names paid more than the index" if annual > 0 else "the index was the cheaper short")
            )
            told.append(f"Against an equal-beta SPY short the basket paid {annual:+.1%} a year (t {t:.1f}): {found}.")
    if overlay is not None:
        told.append(_timing(overlay, benchmarks))
    return " ".join(told)


def _timing(overlay: Mapping[str, Json], benchmarks: Mapping[str, Figures]) -> str:
    line = benchmarks[tactical_name(str(overlay["mode"]))]
    beyond = cast(Mapping[str, float], overlay["against_mean_size"])
    annual, t = beyond["annual"], beyond["t"]
    found = (
        "no evidence of timing"
        if not abs(t) >= SIGNIFICANT_T
        else ("its timing paid" if annual > 0 else "its timing cost money")
    )
    return (
        f"Switched by the tape the hedged book grew {line['cagr']:.1%} a year with a deepest fall of "
        f"{line['max_drawdown']:.0%}, on {overlay['switches']} switches; against as much hedge held all along that is "
        f"{annual:+.1%} a year (t {t:.1f}): {found}."
    )


def _named(name: str) -> str:
    if name == HOLD_LESS:
        return "simply owning less, at the same volatility,"
    ticker = name.removeprefix("short ").partition(",")[0]
    return f"shorting {ticker} at the same beta"
