"""Figures of evidence: effectiveness with intervals, alternatives, spread over an index, attribution, stress, tape.

1. A point is what was measured, the bar around it the 95 % interval; an interval across zero is evidence of nothing.
2. Must-lose windows (the squeeze, the junk rally) come first: a hedge that shows no loss there is not one.
3. Attribution runs from the long side to the total and adds up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from backtest.report.drawing import bars, dots, finish, plain, rounded
from backtest.report.numerals import is_number, numeral
from backtest.report.sketch import Sketch
from backtest.report.theme import LIGHT

if TYPE_CHECKING:
    from backtest.result import Result

MEASURES = {
    "variance": "Variance",
    "semivariance": "Semivariance",
    "cvar_95": "CVaR 95 %",
    "max_drawdown": "Maximum drawdown",
    "value_at_risk_95": "VaR 95 %",
    "ulcer": "Ulcer index",
}
DRAWN = ("variance", "semivariance", "cvar_95", "max_drawdown")  # the others stand in the table
INDEX_SHIFT = 0.26
NORMAL_95 = 1.959964  # two-sided 95 % quantile of the normal


def effectiveness(result: Result) -> Sketch:
    """1 − risk(hedged)/risk(book), in sample and out of sample, with the bootstrap interval."""
    frame = result.effectiveness.loc[[m for m in DRAWN if m in result.effectiveness.index]]
    names = [MEASURES.get(str(m), plain(m)) for m in frame.index]
    out = frame["out_of_sample"].astype(float)
    sketch = Sketch()
    sketch.add(dots(rounded(frame["in_sample"]), names, "In sample", "alternative", hollow=True, size=11))
    sketch.add(
        dots(
            rounded(out),
            names,
            "Out of sample, 95 % interval",
            "hedged",
            size=11,
            minus=rounded(out - frame["low"]),
            plus=rounded(frame["high"] - out),
        )
    )
    _axis_of_names(sketch, names)
    low = min(0.0, float(frame[["low", "in_sample", "out_of_sample"]].min().min()))
    sketch.x(tickformat=".0%", range=[low - 0.04, max(1.0, float(frame["high"].max())) + 0.02])
    _zero(sketch)
    words = "; ".join(
        f"{n} {numeral(o, 'percent0')} ({numeral(lo, 'percent0')} to {numeral(hi, 'percent0')})"
        for n, o, lo, hi in zip(names, out, frame["low"], frame["high"], strict=True)
    )
    title = "Share of the book's risk removed"
    return finish(
        sketch, title, f"Out of sample: {words}.", height=70 + 52 * len(names) + 40, legend=True, left=128, right=20
    )


def alternatives(result: Result) -> Sketch:
    """The hedge beside everything simpler: return kept and worst fall, one row each."""
    rows = alternative_rows(result.summary)
    rows = [(plain(name), role, values) for name, role, values in rows]
    names = [name for name, _, _ in rows]
    sketch = Sketch()
    sketch.layout |= {
        "xaxis": {"domain": [0.0, 0.47]},
        "xaxis2": {"domain": [0.53, 1.0], "anchor": "y"},
    }
    for axis, key, title in (("x", "cagr", "CAGR"), ("x2", "max_drawdown", "Maximum drawdown")):
        for role in ("alternative", "book", "hedged"):
            chosen = [(n, f[key]) for n, r, f in rows if r == role and is_number(f.get(key))]
            if chosen:
                labels, values = zip(*chosen, strict=True)
                sketch.add(dots(rounded(values), labels, role, role, size=11) | {"xaxis": axis})
        for name, band in [(n, f[key]) for n, _, f in rows if isinstance(f.get(key), dict)]:
            middle = band.get("p50", (band["p5"] + band["p95"]) / 2)
            point = dots(
                [middle],
                [name],
                "median of the draws, 5–95 %",
                "alternative",
                size=7,
                minus=[middle - band["p5"]],
                plus=[band["p95"] - middle],
            )
            sketch.add(point | {"xaxis": axis})
        place = {"x": 0.235 if axis == "x" else 0.765, "y": 1, "xref": "paper", "yref": "paper"}
        place |= {"xanchor": "center", "yanchor": "bottom"}
        sketch.annotations.append({**place, "text": title, "showarrow": False, "name": "role:text"})
    _axis_of_names(sketch, names)
    sketch.x(tickformat=".0%", nticks=4, tickangle=0, showgrid=True)
    description = "; ".join(
        f"{n}: CAGR {numeral(f.get('cagr'), 'percent')}, drawdown {numeral(f.get('max_drawdown'), 'percent')}"
        for n, _, f in rows
        if is_number(f.get("cagr"))
    )
    height = 110 + 34 * len(names)
    return finish(sketch, "The hedge beside simpler choices", description + ".", height=height, left=172, right=20)


def spread(result: Result) -> Sketch:
    """What the basket paid beyond an equal-beta index short, per year, by window."""
    frame = result.spread
    sketch = Sketch()
    indices = list(dict.fromkeys(frame["benchmark"])) if "benchmark" in frame else ["SPY"]
    names = [plain(w) for w in dict.fromkeys(frame["window"])]
    for place, index in enumerate(indices):
        part = frame[frame["benchmark"] == index] if "benchmark" in frame else frame
        half = [
            NORMAL_95 * abs(a / t) if is_number(t) and abs(t) > 1e-9 else None
            for a, t in zip(part["annual"], part["t"], strict=True)
        ]
        shift = INDEX_SHIFT * ((len(indices) - 1) / 2 - place)  # the indices of a window beside one another
        heights = [len(names) - 1 - names.index(plain(w)) + shift for w in part["window"]]
        role = ("hedged", "alternative", "alternative2")[min(place, 2)]
        points = dots(rounded(part["annual"]), heights, f"over short {plain(index)}", role, plus=half)
        sketch.add(points | {"hovertemplate": "%{x:.1%} a year<extra>%{fullData.name}</extra>"})
    _axis_of_names(sketch, names)
    sketch.y(type="linear", tickvals=list(range(len(names))))
    sketch.x(tickformat=".0%")
    _zero(sketch)
    words = "; ".join(
        f"{getattr(r, 'benchmark', 'SPY')} {r.window}: {numeral(r.annual, 'percent', sign=True)} a year, "
        f"t {numeral(r.t, 'ratio')}"
        for r in frame.itertuples()
    )
    title = "Spread over an equal-beta index short, a year (95 % interval)"
    return finish(sketch, title, words + ".", height=90 + 46 * len(names), legend=len(indices) > 1, left=150, right=20)


def attribution(result: Result) -> Sketch:
    """Where hedged less book came from, in basis points of average NAV a year; the bars add up to the total."""
    frame = result.attribution
    value = frame["bps_per_year"].astype(float)
    parts = value.drop("total", errors="ignore")
    parts = parts[(parts.abs() > 0.05) | (parts.index == "short")]
    start = parts.cumsum().shift(fill_value=0.0)
    rows = [(plain(k).capitalize(), start[k], parts[k]) for k in parts.index]
    if "total" in value:
        rows.append(("Total: hedged − book", 0.0, value["total"]))
    sketch = Sketch()
    for role, test in (("gain", lambda v: v >= 0), ("loss", lambda v: v < 0)):
        chosen = [row for row in rows if test(row[2])]
        texts = [numeral(r[2], "bps", sign=True) for r in chosen]
        lengths, starts = rounded([r[2] for r in chosen]), rounded([r[1] for r in chosen])
        sketch.add(bars([r[0] for r in chosen], lengths, texts, role, starts))
    _axis_of_names(sketch, [r[0] for r in rows])
    edges = [r[1] for r in rows] + [r[1] + r[2] for r in rows] or [0.0]
    pad = 0.3 * (max(edges) - min(edges) or 1.0)  # room for the numbers beside the bars on a phone
    sketch.x(
        tickformat=",.0f",
        range=[min(edges) - (pad if min(edges) < 0 else 0), max(edges) + (pad if max(edges) > 0 else 0)],
    )
    _zero(sketch)
    words = ", ".join(f"{name} {numeral(v, 'bps', sign=True)}" for name, _, v in rows)
    title = "Where hedged less book came from, bps of average NAV a year"
    return finish(sketch, title, f"{words}.", height=90 + 34 * len(rows), left=150, right=24)


def stress(result: Result) -> Sketch:
    """Each window: the book, the hedged book and what the basket itself did."""
    frame = must_lose_first(result.stress)
    names = [f"{'▼ ' if must else ''}{plain(w)}" for w, must in zip(frame["window"], _must(frame), strict=True)]
    sketch = Sketch()
    for name, book, hedged in zip(names, frame["book"], frame["hedged"], strict=True):
        link = {"color": LIGHT["alternative2"], "width": 3}
        sketch.add(
            {
                "type": "scatter",
                "x": rounded([book, hedged]),
                "y": [name, name],
                "mode": "lines",
                "line": link,
                "showlegend": False,
                "hoverinfo": "skip",
                "meta": {"role": "alternative2"},
            }
        )
    sketch.add(dots(rounded(frame["basket"]), names, "Basket (long)", "basket", hollow=True, size=9))
    if "short_spy_equal_beta" in frame:
        sketch.add(dots(rounded(frame["short_spy_equal_beta"]), names, "Book with SPY short", "alternative", size=8))
    sketch.add(dots(rounded(frame["book"]), names, "Book", "book", size=12))
    sketch.add(dots(rounded(frame["hedged"]), names, "Hedged book", "hedged", size=12))
    _axis_of_names(sketch, names)
    sketch.x(tickformat=".0%")
    _zero(sketch)
    words = "; ".join(
        f"{w}: book {numeral(b, 'percent')}, hedged {numeral(h, 'percent')}, basket {numeral(s, 'percent')}"
        for w, b, h, s in zip(frame["window"], frame["book"], frame["hedged"], frame["basket"], strict=True)
    )
    title = "Named windows (▼: the hedge must lose here)"
    return finish(sketch, title, words + ".", height=100 + 40 * len(names), legend=True, left=130, right=20)


def sectors(result: Result) -> Sketch:
    """The current basket by sector."""
    weight = result.constituents.groupby("sector")["weight"].sum().sort_values(ascending=False)
    names = [plain(s) or "unknown" for s in weight.index]
    sketch = Sketch()
    sketch.add(bars(names, rounded(weight), [numeral(v, "percent0") for v in weight], "basket"))
    _axis_of_names(sketch, names)
    sketch.x(tickformat=".0%", range=[0, float(weight.max() or 1) * 1.15])
    words = ", ".join(f"{n} {numeral(v, 'percent0')}" for n, v in zip(names, weight, strict=True))
    return finish(sketch, "The basket by sector", words + ".", height=50 + 27 * len(names), left=172, right=40)


def tape(result: Result) -> Sketch:
    """Where each fragility signal stands in its own history; to the right is more fragile."""
    frame = result.regime[result.regime["percentile"].notna()]
    names = [plain(s) for s in frame["signal"]]
    sketch = Sketch()
    sketch.add(dots(rounded(frame["percentile"]), names, "percentile", "hedged", size=12, hover=".0%"))
    for name, value in zip(names, frame["percentile"], strict=True):
        ends = {"x0": 0, "x1": rounded([value])[0], "y0": name, "y1": name}
        sketch.shapes.append({"type": "line", **ends, "line": {"width": 2, "color": LIGHT["alternative2"]}})
    _axis_of_names(sketch, names, width=30)
    sketch.x(tickformat=".0%", range=[0, 1.03])
    words = ", ".join(f"{n} {numeral(v, 'percent0')}" for n, v in zip(names, frame["percentile"], strict=True))
    title = "Fragility signals: percentile of their own past"
    # low rows, names on one line: the whole of it has to fit one sheet of paper
    return finish(sketch, title, words + ".", height=50 + 18 * len(names), left=190, right=20)


def alternative_rows(summary: dict) -> list[tuple[str, str, dict]]:
    """`(name, role, figures)`: the hedged book and the book first, then every benchmark and placebo."""
    sleeves = summary.get("sleeves") or {}
    rows = [("Hedged book", "hedged", sleeves.get("hedged") or {}), ("Book alone", "book", sleeves.get("book") or {})]
    for group, prefix in (("benchmarks", ""), ("placebos", "placebo: ")):
        for name, figures in (summary.get(group) or {}).items():
            label = prefix + str(name).removeprefix("placebo: ").replace("_", " ")
            if isinstance(figures, dict) and "cagr" in figures:
                rows.append((label[:1].upper() + label[1:], "alternative", figures))
    return rows


def must_lose_first(stress: pd.DataFrame) -> pd.DataFrame:
    """Must-lose windows first, then by date."""
    if stress.empty:
        return stress
    order = pd.DataFrame({"later": [not m for m in _must(stress)], "start": pd.to_datetime(stress["start"]).to_numpy()})
    return stress.iloc[order.sort_values(["later", "start"], kind="stable").index]


def _must(frame: pd.DataFrame) -> list[bool]:
    return [bool(v) for v in frame["must_lose"]] if "must_lose" in frame else [False] * len(frame)


def _axis_of_names(sketch: Sketch, names: Sequence[str], width: int = 24) -> None:
    """Names down the page in the given order; long ones break over two lines."""
    order = list(dict.fromkeys(names))[::-1]
    sketch.y(
        type="category",
        categoryorder="array",
        categoryarray=order,
        range=[-0.6, len(order) - 0.4],
        tickmode="array",
        tickvals=order,
        ticktext=[_broken(n, width) for n in order],
        showgrid=True,
    )


def _broken(name: str, width: int) -> str:
    if len(name) <= width:
        return name
    at = name.rfind(" ", 0, width) if " " in name[:width] else width
    return f"{name[:at]}<br>{name[at:].strip()}"


def _zero(sketch: Sketch) -> None:
    sketch.rule(x=0)
