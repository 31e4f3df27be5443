"""Figures of evidence: effectiveness with intervals, alternatives, spread over an index, attribution, stress, tape.

1. A point is what was measured, the bar around it the 95 % interval; an interval across zero is evidence of nothing.
2. Must-lose windows (the squeeze, the junk rally) come first: a hedge that shows no loss there is not one.
3. Attribution runs from the long side to the total and adds up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from backtest.report.drawing import dots, finish, plain, rounded
from backtest.report.numerals import is_number, numeral
from backtest.report.theme import LIGHT

if TYPE_CHECKING:
    from backtest.result import Result

MEASURES = {
    "variance": "Variance",
    "semivariance": "Semivariance",
    "cvar_95": "CVaR 95 %",
    "max_drawdown": "Maximum drawdown",
}
INDEX_SHIFT = 0.26
NORMAL_95 = 1.959964  # two-sided 95 % quantile of the normal


def effectiveness(result: Result) -> go.Figure:
    """1 − risk(hedged)/risk(book), in sample and out of sample, with the bootstrap interval."""
    frame = result.effectiveness
    names = [MEASURES.get(str(m), plain(m)) for m in frame.index]
    out = frame["out_of_sample"].astype(float)
    figure = go.Figure()
    figure.add_trace(dots(rounded(frame["in_sample"]), names, "In sample", "alternative", hollow=True, size=11))
    figure.add_trace(
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
    _axis_of_names(figure, names)
    low = min(0.0, float(frame[["low", "in_sample", "out_of_sample"]].min().min()))
    figure.update_xaxes(tickformat=".0%", range=[low - 0.04, max(1.0, float(frame["high"].max())) + 0.02])
    _zero(figure)
    words = "; ".join(
        f"{n} {numeral(o, 'percent0')} ({numeral(lo, 'percent0')} to {numeral(hi, 'percent0')})"
        for n, o, lo, hi in zip(names, out, frame["low"], frame["high"], strict=True)
    )
    title = "Share of the book's risk removed"
    return finish(
        figure, title, f"Out of sample: {words}.", height=70 + 52 * len(names) + 40, legend=True, left=128, right=20
    )


def alternatives(result: Result) -> go.Figure:
    """The hedge beside everything simpler: return kept and worst fall, one row each."""
    rows = alternative_rows(result.summary)
    rows = [(plain(name), role, values) for name, role, values in rows]
    names = [name for name, _, _ in rows]
    figure = make_subplots(
        rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.06, subplot_titles=("CAGR", "Maximum drawdown")
    )
    for column, key in ((1, "cagr"), (2, "max_drawdown")):
        for role in ("alternative", "book", "hedged"):
            chosen = [(n, f[key]) for n, r, f in rows if r == role and is_number(f.get(key))]
            if not chosen:
                continue
            labels, values = zip(*chosen, strict=True)
            figure.add_trace(dots(rounded(values), labels, role, role, size=11), row=1, col=column)
        ranges = [(n, f[key]) for n, _, f in rows if isinstance(f.get(key), dict)]
        for name, band in ranges:
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
            figure.add_trace(point, row=1, col=column)
    _axis_of_names(figure, names)
    figure.update_xaxes(tickformat=".0%", nticks=4, tickangle=0, showgrid=True)
    description = "; ".join(
        f"{n}: CAGR {numeral(f.get('cagr'), 'percent')}, drawdown {numeral(f.get('max_drawdown'), 'percent')}"
        for n, _, f in rows
        if is_number(f.get("cagr"))
    )
    finish(
        figure, "The hedge beside simpler choices", description + ".", height=110 + 27 * len(names), left=172, right=20
    )
    for note in figure.layout.annotations:
        note.update(font={"size": 12}, x=note.x, name="role:text")
    return figure


def spread(result: Result) -> go.Figure:
    """What the basket paid beyond an equal-beta index short, per year, by window."""
    frame = result.spread
    figure = go.Figure()
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
        role = ("hedged", "alternative")[min(place, 1)]
        figure.add_trace(dots(rounded(part["annual"]), heights, f"over short {plain(index)}", role, plus=half))
    _axis_of_names(figure, names)
    figure.update_yaxes(type="linear", tickvals=list(range(len(names))))
    figure.update_xaxes(tickformat=".0%")
    figure.update_traces(hovertemplate="%{x:.1%} a year<extra>%{fullData.name}</extra>")
    _zero(figure)
    words = "; ".join(
        f"{getattr(r, 'benchmark', 'SPY')} {r.window}: {numeral(r.annual, 'percent', sign=True)} a year, "
        f"t {numeral(r.t, 'ratio')}"
        for r in frame.itertuples()
    )
    title = "Spread over an equal-beta index short, a year (95 % interval)"
    return finish(figure, title, words + ".", height=90 + 46 * len(names), legend=len(indices) > 1, left=150, right=20)


def attribution(result: Result) -> go.Figure:
    """Where hedged less book came from, in basis points of average book NAV a year; the bars add up to the total."""
    frame = result.attribution
    value = frame["bps_per_year"].astype(float)
    parts = value.drop("total", errors="ignore")
    parts = parts[(parts.abs() > 0.05) | (parts.index == "short")]
    start = parts.cumsum().shift(fill_value=0.0)
    rows = [(plain(k).capitalize(), start[k], parts[k]) for k in parts.index]
    if "total" in value:
        rows.append(("Total: hedged − book", 0.0, value["total"]))
    figure = go.Figure()
    for role, test in (("gain", lambda v: v >= 0), ("loss", lambda v: v < 0)):
        chosen = [row for row in rows if test(row[2])]
        figure.add_trace(
            go.Bar(
                y=[r[0] for r in chosen],
                x=rounded([r[2] for r in chosen]),
                base=rounded([r[1] for r in chosen]),
                orientation="h",
                width=0.62,
                name=role,
                marker={"color": LIGHT[role]},
                text=[numeral(r[2], "bps", sign=True) for r in chosen],
                textposition="outside",
                cliponaxis=False,
                hovertemplate="%{y}: %{text} bps a year<extra></extra>",
                meta={"role": role},
            )
        )
    _axis_of_names(figure, [r[0] for r in rows])
    edges = [r[1] for r in rows] + [r[1] + r[2] for r in rows] or [0.0]
    pad = 0.3 * (max(edges) - min(edges) or 1.0)  # room for the numbers beside the bars on a phone
    figure.update_xaxes(
        tickformat=",.0f",
        range=[min(edges) - (pad if min(edges) < 0 else 0), max(edges) + (pad if max(edges) > 0 else 0)],
    )
    _zero(figure)
    words = ", ".join(f"{name} {numeral(v, 'bps', sign=True)}" for name, _, v in rows)
    title = "Where hedged less book came from, bps of book NAV a year"
    return finish(figure, title, f"{words}.", height=90 + 34 * len(rows), left=150, right=24)


def stress(result: Result) -> go.Figure:
    """Each window: the book, the hedged book and what the basket itself did."""
    frame = must_lose_first(result.stress)
    names = [f"{'▼ ' if must else ''}{plain(w)}" for w, must in zip(frame["window"], _must(frame), strict=True)]
    figure = go.Figure()
    for name, book, hedged in zip(names, frame["book"], frame["hedged"], strict=True):
        figure.add_trace(
            go.Scatter(
                x=rounded([book, hedged]),
                y=[name, name],
                mode="lines",
                line={"color": LIGHT["alternative2"], "width": 3},
                showlegend=False,
                hoverinfo="skip",
                meta={"role": "alternative2"},
            )
        )
    figure.add_trace(dots(rounded(frame["basket"]), names, "Basket (long)", "basket", hollow=True, size=9))
    if "short_spy_equal_beta" in frame:
        figure.add_trace(
            dots(rounded(frame["short_spy_equal_beta"]), names, "Book with SPY short", "alternative", size=8)
        )
    figure.add_trace(dots(rounded(frame["book"]), names, "Book", "book", size=12))
    figure.add_trace(dots(rounded(frame["hedged"]), names, "Hedged book", "hedged", size=12))
    _axis_of_names(figure, names)
    figure.update_xaxes(tickformat=".0%")
    _zero(figure)
    words = "; ".join(
        f"{w}: book {numeral(b, 'percent')}, hedged {numeral(h, 'percent')}, basket {numeral(s, 'percent')}"
        for w, b, h, s in zip(frame["window"], frame["book"], frame["hedged"], frame["basket"], strict=True)
    )
    title = "Named windows (▼: the hedge must lose here)"
    return finish(figure, title, words + ".", height=100 + 40 * len(names), legend=True, left=130, right=20)


def sectors(result: Result) -> go.Figure:
    """The current basket by sector."""
    weight = result.constituents.groupby("sector")["weight"].sum().sort_values(ascending=False)
    names = [plain(s) or "unknown" for s in weight.index]
    figure = go.Figure(
        go.Bar(
            x=rounded(weight),
            y=names,
            orientation="h",
            width=0.62,
            marker={"color": LIGHT["basket"]},
            text=[numeral(v, "percent0") for v in weight],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.1%}<extra></extra>",
            meta={"role": "basket"},
        )
    )
    _axis_of_names(figure, names)
    figure.update_xaxes(tickformat=".0%", range=[0, float(weight.max() or 1) * 1.15])
    words = ", ".join(f"{n} {numeral(v, 'percent0')}" for n, v in zip(names, weight, strict=True))
    return finish(figure, "The basket by sector", words + ".", height=50 + 27 * len(names), left=172, right=40)


def tape(result: Result) -> go.Figure:
    """Where each fragility signal stands in its own history; to the right is more fragile."""
    frame = result.regime[result.regime["percentile"].notna()]
    names = [plain(s) for s in frame["signal"]]
    figure = go.Figure(dots(rounded(frame["percentile"]), names, "percentile", "hedged", size=12, hover=".0%"))
    for name, value in zip(names, frame["percentile"], strict=True):
        figure.add_shape(
            type="line",
            x0=0,
            x1=value,
            y0=name,
            y1=name,
            line={"width": 2, "color": LIGHT["alternative2"]},
            layer="below",
        )
    _axis_of_names(figure, names)
    figure.update_xaxes(tickformat=".0%", range=[0, 1.03])
    words = ", ".join(f"{n} {numeral(v, 'percent0')}" for n, v in zip(names, frame["percentile"], strict=True))
    title = "Fragility signals: percentile of their own past"
    return finish(figure, title, words + ".", height=90 + 30 * len(names), left=172, right=20)


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


def _axis_of_names(figure: go.Figure, names: Sequence[str]) -> None:
    """Names down the page in the given order; long ones break over two lines."""
    order = list(dict.fromkeys(names))[::-1]
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=order,
        range=[-0.6, len(order) - 0.4],
        tickmode="array",
        tickvals=order,
        ticktext=[_broken(n) for n in order],
        showgrid=True,
    )


def _broken(name: str, width: int = 24) -> str:
    if len(name) <= width:
        return name
    at = name.rfind(" ", 0, width) if " " in name[:width] else width
    return f"{name[:at]}<br>{name[at:].strip()}"


def _zero(figure: go.Figure) -> None:
    figure.add_vline(x=0, line={"width": 1, "color": "rgba(128,136,146,0.7)"})
