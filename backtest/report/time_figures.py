"""Figures through time: wealth, drawdown, hedge ratio, effectiveness, exposures, carry.

1. Wealth of book, basket and hedged book starts at 100; the two plain alternatives run behind it in grey.
2. A drawdown is the fall from the running maximum of the same NAV.
3. Carry is cumulated profit and loss by kind, in basis points of the hedged account's average NAV: its end over the
   years is the figure of the cost table with the opposite sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from backtest.report.drawing import bands, finish, label_ends, line, plain, sessions_of
from backtest.report.numerals import numeral
from backtest.report.sketch import Sketch
from backtest.report.theme import LABELS

if TYPE_CHECKING:
    from backtest.result import Result

BEHIND = (("short SPY, equal beta", "Short SPY", "alternative"), ("hold less", "Hold less", "alternative2"))
CARRY_LABELS = {
    "trading": "Trading",
    "borrow": "Borrow",
    "dividends": "Dividends owed",
    "rebate": "Rebate",
    "interest": "Interest",
}


def wealth(result: Result) -> Sketch:
    """Growth of 100 on a log scale: equal steps are equal percentages."""
    growth = _growth(result)
    sketch = Sketch()
    ends = []
    for column, (label, role) in growth.items():
        strong = column == "hedged"
        sketch.add(line(growth_series(result, column), label, role, width=2.4 if strong else 1.5, hover=",.0f"))
        ends.append((label, role, growth_series(result, column).dropna().iloc[-1]))
    values = pd.concat([growth_series(result, c) for c in growth], axis=1)
    low, high = float(values.min().min()) * 0.96, float(values.max().max()) * 1.04
    ticks = nice_log_ticks(low, high)
    sketch.y(type="log", range=_log_range(low, high), tickvals=ticks, ticktext=[f"{t:,.0f}" for t in ticks])
    label_ends(sketch, ends, low, high, log=True)
    bands(sketch, _windows(result))
    last = {label: value for label, _, value in ends}
    description = "Growth of 100: " + ", ".join(f"{k} {v:,.0f}" for k, v in last.items()) + ". Stress windows shaded."
    return finish(sketch, "Growth of 100, all costs in", description, height=400, time=True, right=104)


def drawdowns(result: Result) -> Sketch:
    """How far below its own high each stood."""
    sketch = Sketch()
    ends = []
    falls = {name: drawdown(result.nav[name]) for name in ("book", "hedged")}
    if "hold less" in result.alternatives:
        falls["hold less"] = drawdown(result.alternatives["hold less"])
    for name, fall in falls.items():
        role = "alternative" if name == "hold less" else name
        label = LABELS.get(name, "Hold less")
        sketch.add(line(fall, label, role, fill=name == "hedged", width=1.8 if name == "hedged" else 1.3, hover=".1%"))
        ends.append((label, role, float(fall.iloc[-1])))
    low = min(float(f.min()) for f in falls.values()) * 1.05
    sketch.y(tickformat=".0%", range=[low, 0])
    label_ends(sketch, ends, low, 0.0)
    bands(sketch, _windows(result))
    description = "Deepest falls: " + ", ".join(
        f"{LABELS.get(k, k)} {numeral(f.min(), 'percent')} on {f.idxmin():%Y-%m-%d}" for k, f in falls.items()
    )
    return finish(sketch, "Drawdown from the running high", description + ".", time=True)


def hedge_ratio(result: Result) -> Sketch:
    """Dollars short per dollar of book: what the estimator asked for and what was held."""
    ratio = result.hedge_ratio
    sketch = Sketch()
    sketch.add(line(ratio["target"], "Estimate", "target", width=1.2, hover=".2f"))
    sketch.add(line(ratio["held"], "Held", "hedged", width=2.0, stepped=True, hover=".2f"))
    high = float(ratio.max().max()) * 1.08
    sketch.y(range=[0, high], tickformat=".1f")
    ends = [
        (label, role, last(ratio[c]))
        for c, label, role in (("target", "Estimate", "target"), ("held", "Held", "hedged"))
    ]
    label_ends(sketch, ends, 0.0, high)
    held = ratio["held"].dropna()
    description = (
        f"Held ratio between {held.min():.2f} and {held.max():.2f}, mean {held.mean():.2f}; last {held.iloc[-1]:.2f}."
    )
    return finish(sketch, "Hedge ratio: dollars short per dollar of book", description, height=280, time=True)


def rolling_effectiveness(result: Result) -> Sketch:
    """1 − Var(hedged)/Var(book) over trailing windows; below zero the hedge added risk."""
    frame = result.rolling
    sketch = Sketch()
    shown = [
        ("effectiveness_63", "63 sessions", "alternative", 1.1),
        ("effectiveness_252", "252 sessions", "hedged", 2.2),
    ]
    shown = [row for row in shown if row[0] in frame and frame[row[0]].notna().any()]
    for column, label, role, width in shown:
        sketch.add(line(frame[column], label, role, width=width, hover=".0%"))
    values = frame[[row[0] for row in shown]]
    low = max(-1.0, min(0.0, float(values.min().min()) * 1.05)) if len(shown) else 0.0
    sketch.y(tickformat=".0%", range=[low, 1])
    label_ends(sketch, [(label, role, last(frame[c])) for c, label, role, _ in shown], low, 1.0)
    sketch.rule(y=0)
    worst = values.min() if len(shown) else pd.Series(dtype=float)
    description = "Share of the book's variance removed; lowest " + ", ".join(
        f"{label} {numeral(worst[c], 'percent0')}" for c, label, _, _ in shown
    )
    return finish(sketch, "Rolling hedge effectiveness (variance)", description + ".", height=280, time=True)


def exposures(result: Result) -> Sketch:
    """Long, short, gross and net exposure as fractions of the hedged account's NAV."""
    frame = result.exposures
    sketch = Sketch()
    shown = (
        ("long", "Long", "book", 1.4),
        ("short", "Short", "basket", 1.4),
        ("gross", "Gross", "alternative", 1.1),
        ("net", "Net", "hedged", 2.0),
    )
    for column, label, role, width in shown:
        sketch.add(line(frame[column], label, role, width=width, hover=".0%"))
    low, high = float(frame.min().min()) * 1.05, float(frame.max().max()) * 1.05
    sketch.y(tickformat=".0%", range=[min(low, 0.0), high])
    label_ends(sketch, [(label, role, last(frame[c])) for c, label, role, _ in shown], min(low, 0.0), high)
    ends = ", ".join(f"{label} {numeral(last(frame[c]), 'percent0')}" for c, label, _, _ in shown)
    return finish(sketch, "Exposures, share of hedged NAV", f"At the end: {ends}.", height=280, time=True, zero=True)


def carry(result: Result) -> Sketch:
    """Cumulated carry of the hedge by kind; below zero it cost money."""
    total = result.carry.cumsum() / result.nav["hedged"].mean() * 1e4
    kinds = [k for k in CARRY_LABELS if k in total]
    sketch = Sketch()
    for kind in kinds:
        sketch.add(line(total[kind], CARRY_LABELS[kind], kind, width=1.6, hover=",.0f"))
    everything = total[kinds].sum(axis=1)
    sketch.add(line(everything, "All carry", "alternative", width=2.4, dash="dot", hover=",.0f"))
    low = min(float(total[kinds].min().min()), float(everything.min()), 0.0) * 1.05
    high = max(float(total[kinds].max().max()), float(everything.max()), 0.0) * 1.05 or 1.0
    sketch.y(tickformat=",.0f", range=[low, high])
    ends = [(CARRY_LABELS[k], k, last(total[k])) for k in kinds] + [("All carry", "alternative", last(everything))]
    label_ends(sketch, ends, low, high)
    words = ", ".join(f"{label} {numeral(value, 'count', sign=True)}" for label, _, value in ends)
    title = "Cumulated carry of the hedge, bps of its average NAV (up is income)"
    return finish(sketch, title, f"Cumulated basis points: {words}.", height=300, time=True, right=110, zero=True)


def drawdown(nav: pd.Series) -> pd.Series:
    """NAV over its running maximum, less one.

    >>> drawdown(pd.Series([1.0, 2.0, 1.0])).tolist()
    [0.0, 0.0, -0.5]
    """
    return nav / nav.cummax() - 1


def growth_series(result: Result, column: str) -> pd.Series:
    """One column of the NAV or of the alternatives, rebased to 100 at its first known value."""
    series = result.nav[column] if column in result.nav else result.alternatives[column]
    return series / series.dropna().iloc[0] * 100


def last(series: pd.Series) -> float:
    """The last known value, NaN for an empty series."""
    known = series.dropna()
    return float(known.iloc[-1]) if len(known) else float("nan")


def nice_log_ticks(low: float, high: float) -> list[float]:
    """Ticks of 1, 1.5, 2, 3, 5 and 7 times powers of ten inside a range.

    >>> nice_log_ticks(80, 320)
    [100.0, 150.0, 200.0, 300.0]
    """
    return [m * 10.0**e for e in range(-2, 9) for m in (1, 1.5, 2, 3, 5, 7) if low <= m * 10.0**e <= high]


def _growth(result: Result) -> dict[str, tuple[str, str]]:
    behind = {name: (label, role) for name, label, role in BEHIND if name in result.alternatives}
    front = {name: (LABELS[name], name) for name in ("basket", "book", "hedged")}
    return {name: pair for name, pair in (behind | front).items() if growth_series_known(result, name)}


def growth_series_known(result: Result, column: str) -> bool:
    """Whether a wealth line can be drawn at all."""
    series = result.nav[column] if column in result.nav else result.alternatives[column]
    return bool(series.notna().any())


def _log_range(low: float, high: float) -> list[float]:
    from math import log10

    return [log10(low), log10(high)]


def _windows(result: Result) -> list[tuple[str, str, str]]:
    stress = result.stress
    if stress.empty:
        return []
    days = [sessions_of(pd.Series(0, index=pd.DatetimeIndex(stress[c]))) for c in ("start", "end")]
    return list(zip(map(plain, stress["window"]), *days, strict=True))
