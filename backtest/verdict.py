"""The answer in one sentence, with its interval, and whether something simpler did better.

1. First whether something simpler of equal risk did better: an index short at equal beta, or owning less at equal
   volatility, that kept more and fell less. Owning less that kept more but fell deeper is named as what it is.
2. What the hedge removed, out of sample, with the 95 % interval; what it cost a year, as the difference of growth.
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
from backtest.report.numerals import true_minus
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
    told = []
    better = simpler_and_better(hedged, benchmarks)
    if better:
        names = _listed([_named(name) for name in better])
        told.append(f"{names[0].upper()}{names[1:]} did better: more return and a shallower drawdown than this hedge.")
    elif (less := benchmarks.get(HOLD_LESS)) is not None and less["cagr"] > hedged["cagr"]:
        told.append(
            f"Simply owning less, at the same volatility, kept more ({less['cagr']:.1%} a year against "
            f"{hedged['cagr']:.1%}), though it fell deeper ({less['max_drawdown']:.0%} against "
            f"{hedged['max_drawdown']:.0%})."
        )
    elif compared := [name for name in benchmarks if name.endswith(EQUAL_BETA) or name == HOLD_LESS]:
        names = _listed([_named(name) for name in compared], "nor")
        told.append(
            f"{'Neither ' if len(compared) > 1 else 'Not even '}{names} kept more and fell less than this hedge."
        )
    told.append(_removed(effectiveness.loc[["variance"]].iloc[0], book, hedged))
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
    return true_minus(" ".join(told))


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


def _removed(row: pd.Series, book: Figures, hedged: Figures) -> str:
    """What the hedge did to variance, to the deepest fall, and to growth, whichever the signs."""
    given_up = book["cagr"] - hedged["cagr"]
    out, low, high = (float(row[name]) for name in ("out_of_sample", "low", "high"))
    did = f"removed {out:.0%} of" if out >= 0 else f"added {-out:.0%} to"
    unsure = "" if low > 0 or high < 0 else ", so that nothing is proven"
    shallower = hedged["max_drawdown"] >= book["max_drawdown"]
    return (
        f"Out of sample the hedge {did} the book's variance (95 % interval {low:.0%} to {high:.0%} removed{unsure}) "
        f"and {'took' if shallower else 'deepened'} the deepest fall from {book['max_drawdown']:.0%} to "
        f"{hedged['max_drawdown']:.0%}; it {'cost' if given_up >= 0 else 'added'} {abs(given_up):.1%} a year of growth "
        f"({book['cagr']:.1%} without it, {hedged['cagr']:.1%} with it)."
    )


def _listed(names: list[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"


def _named(name: str) -> str:
    if name == HOLD_LESS:
        return "simply owning less at the same volatility"
    ticker = name.removeprefix("short ").partition(",")[0]
    return f"shorting {ticker} at the same beta"
