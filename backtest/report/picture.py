"""Figures as still pictures, for pages that run no JavaScript: GitHub, mail, print, any notebook without plotly.

1. A figure is drawn from the same plain data as the interactive one (`sketch`), by matplotlib, without a browser.
2. Margins, heights and positions are those of the page, in CSS pixels; the picture is drawn at one and a half times.
3. Paper is transparent and text a grey that can be read on white and on black.
4. The same data give the same bytes: no date and no software name inside.
"""

from __future__ import annotations

import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from backtest.report.drawing import finish, label_ends, line
from backtest.report.sketch import Sketch, Trace
from backtest.report.theme import LIGHT, NEUTRAL_TEXT
from market.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Formatter

WIDTH = 760  # CSS pixels: the text column of a notebook
CSS_DPI = 96
SHARPNESS = 1.5  # picture pixels per CSS pixel
POINTS = 72 / CSS_DPI  # per CSS pixel
COLOURS = 64
WIDER = 1.1  # matplotlib's own type, beside the page's
GREY = (128 / 255, 136 / 255, 146 / 255)
DASHES = {"solid": "-", "dot": ":", "dash": "--"}
ROLES = ("hedged", "basket", "book", "trading", "dividends", "alternative", "alternative2")
ANCHORS = {"left": "left", "center": "center", "right": "right", "middle": "center", "bottom": "bottom", "top": "top"}
Part = Mapping[str, object]


@dataclass(frozen=True)
class Picture:
    """A still figure that any notebook shows; its text is the description in words.

    png: bytes at 1.5 picture pixels per CSS pixel. width, height: CSS pixels.
    """

    title: str
    description: str
    png: bytes = field(repr=False)
    width: int = WIDTH
    height: int = 330

    def __repr__(self) -> str:
        return f"{self.title}. {self.description}".strip()

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        return self.png, {"width": self.width, "height": self.height}


def picture(sketch: Sketch) -> Picture:
    """A sketch as a still picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / CSS_DPI, sketch.height / CSS_DPI))
    FigureCanvasAgg(figure)
    figure.patch.set_alpha(0.0)
    paper, axes = _axes(figure, sketch)
    for trace in sketch.data:
        axis = axes.get(str(trace.get("xaxis", "x")).replace("x", "xaxis", 1), axes["xaxis"])
        _trace(axis, trace, _categories(sketch))
    _shapes(axes["xaxis"], sketch)
    for key, axis in axes.items():
        _finish_axis(axis, sketch.layout[key], sketch.layout["yaxis"], labelled=key == "xaxis")
    _words(figure, paper, sketch)
    return Picture(sketch.title, sketch.description, _small_png(figure), height=sketch.height)


def lines(frame: pd.DataFrame, title: str = "", unit: str = ".2f", height: int = 320) -> Picture:
    """Columns of a frame through time, each named at its end.

    frame: sessions x up to seven columns; NaN leaves a gap. unit: a format of the axis, such as `.0%`.
    Raises `ConfigError` for more columns than can be told apart.
    """
    if not 1 <= frame.shape[1] <= len(ROLES):
        raise ConfigError(f"between 1 and {len(ROLES)} lines can be told apart, found {frame.shape[1]}")
    sketch, ends = Sketch(), []
    for role, (name, column) in zip(ROLES, frame.items(), strict=False):
        sketch.add(line(column, str(name), role, width=1.7))
        ends.append((str(name), role, float(column.dropna().iloc[-1])))
    low, high = float(frame.min().min()), float(frame.max().max())
    edge = 0.04 * (high - low or 1.0)
    sketch.y(range=[low - edge, high + edge], tickformat=unit)
    if low < 0 < high:
        sketch.rule(y=0)
    label_ends(sketch, ends, low - edge, high + edge)
    words = "At the end: " + ", ".join(f"{name} {value:{unit}}" for name, _, value in ends) + "."
    right = 30 + 7 * max(len(name) for name, _, _ in ends)
    return picture(finish(sketch, title, words, height=height, time=True, right=right))


def _small_png(figure: Figure) -> bytes:
    """A palette of 64 colours is a third of the bytes and looks the same: plots have few colours."""
    from PIL import Image

    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=CSS_DPI * SHARPNESS, transparent=True, metadata={"Software": None})
    image = Image.open(full).convert("RGBA")
    method, dither = Image.Quantize.FASTOCTREE, Image.Dither.NONE
    image.quantize(COLOURS, method=method, dither=dither).save(small, "png", optimize=True)
    return small.getvalue()


def _axes(figure: Figure, sketch: Sketch) -> tuple[Axes, dict[str, Axes]]:
    """The plot area as a bare sheet, and one pair of axes for each horizontal axis of the layout."""
    margin = cast(Mapping[str, int], sketch.layout["margin"])
    top = margin["t"] + (22 if sketch.settings.get("showlegend") else 0)
    left, bottom = WIDER * margin["l"] / WIDTH, margin["b"] / sketch.height
    width = 1 - left - margin["r"] / WIDTH
    height = 1 - (top + margin["b"]) / sketch.height
    paper = figure.add_axes((left, bottom, width, height), zorder=5)
    paper.set_axis_off()
    found: dict[str, Axes] = {}
    for key in ("xaxis", "xaxis2"):
        if key in sketch.layout:
            start, end = cast(Sequence[float], sketch.layout[key].get("domain", (0.0, 1.0)))
            found[key] = figure.add_axes((left + start * width, bottom, (end - start) * width, height))
            found[key].patch.set_alpha(0.0)
    return paper, found


def _categories(sketch: Sketch) -> dict[str, float]:
    """Height of each name on the vertical axis, where it is one of names."""
    if sketch.layout["yaxis"].get("type") != "category":
        return {}
    order = cast(Sequence[str], sketch.layout["yaxis"]["categoryarray"])
    return {name: float(place) for place, name in enumerate(order)}


def _heights(values: object, names: Mapping[str, float]) -> np.ndarray:
    some = cast(Sequence[str | float | None], values)
    return np.array([np.nan if v is None else names.get(str(v), np.nan) if names else v for v in some], dtype=float)


def _across(values: object) -> np.ndarray:
    some = cast(Sequence[str | float | None], values)
    if any(isinstance(v, str) for v in some):
        return pd.DatetimeIndex([str(v) for v in some]).to_numpy()
    return np.array([np.nan if v is None else v for v in some], dtype=float)


def _part(owner: Part, name: str) -> Part:
    return cast(Part, owner.get(name) or {})


def _role(owner: Part) -> str:
    return LIGHT.get(str(_part(owner, "meta").get("role", "")), NEUTRAL_TEXT)


def _trace(axis: Axes, trace: Trace, names: Mapping[str, float]) -> None:
    x, y, colour = _across(trace["x"]), _heights(trace["y"], names), _role(trace)
    label = html.unescape(str(trace.get("name", ""))) if trace.get("showlegend", True) else "_"
    if trace["type"] == "bar":
        base = _across(trace["base"]) if "base" in trace else np.zeros(len(x))
        axis.barh(y, x, height=0.62, left=base, color=colour, zorder=3)
        for place, start, length, text in zip(y, base, x, cast(Sequence[str], trace["text"]), strict=True):
            side, gap = ("left", 4) if length >= 0 else ("right", -4)
            axis.annotate(
                text, (start + length, place), (gap, 0), textcoords="offset pixels", ha=side, va="center",
                fontsize=12 * POINTS, color=NEUTRAL_TEXT,
            )  # fmt: skip
    elif trace["mode"] == "lines":
        drawn = _part(trace, "line")
        axis.plot(
            x, y, color=colour, zorder=3, label=label, linewidth=float(str(drawn.get("width", 1.5))) * POINTS,
            linestyle=DASHES[str(drawn.get("dash", "solid"))],
            drawstyle="steps-post" if drawn.get("shape") == "hv" else "default",
        )  # fmt: skip
        opacity = float(str(_part(trace, "meta").get("fill") or 0.0))
        if opacity:
            axis.fill_between(x, y, 0.0, color=colour, alpha=opacity, linewidth=0)
    else:
        marker = _part(trace, "marker")
        size = float(str(marker.get("size", 8))) * POINTS
        hollow = bool(_part(trace, "meta").get("hollow"))
        if "error_x" in trace:
            error = _part(trace, "error_x")
            reach = [_across(error["arrayminus"]), _across(error["array"])]
            axis.errorbar(x, y, xerr=np.nan_to_num(np.abs(reach)), fmt="none", ecolor=colour, elinewidth=2 * POINTS)
        fill = "none" if hollow else colour
        width = 2 * POINTS if hollow else 0.0
        axis.plot(
            x, y, linestyle="none", marker="o", markersize=size, markerfacecolor=fill, markeredgecolor=colour,
            markeredgewidth=width, zorder=4, label=label,
        )  # fmt: skip


def _shapes(axis: Axes, sketch: Sketch) -> None:
    """Hairlines across the plot, bands over spans of time, and lines from zero to a point."""
    names = _categories(sketch)
    for shape in sketch.shapes:
        width = float(str(_part(shape, "line").get("width", 1))) * POINTS
        if shape["type"] == "rect":
            start, end = _across([shape["x0"], shape["x1"]])
            axis.axvspan(start, end, color=LIGHT["band"], alpha=0.13, linewidth=0, zorder=0)
        elif shape.get("yref") == "paper":
            for one in axis.figure.axes[1:]:
                one.axvline(float(str(shape["x0"])), color=(*GREY, 0.7), linewidth=width, zorder=1)
        elif shape.get("xref") == "paper":
            axis.axhline(float(str(shape["y0"])), color=(*GREY, 0.7), linewidth=width, zorder=1)
        else:
            x, y = _across([shape["x0"], shape["x1"]]), _heights([shape["y0"], shape["y1"]], names)
            axis.plot(x, y, color=LIGHT["alternative2"], linewidth=width, zorder=1)


def _finish_axis(axis: Axes, across: Part, up: Part, *, labelled: bool) -> None:
    """Scales, ticks and grid of one pair of axes."""
    for side in ("top", "right", "left", "bottom"):
        axis.spines[side].set_visible(side == "bottom")
        axis.spines[side].set_color((*GREY, 0.35))
    axis.tick_params(length=0, labelsize=12 * POINTS, labelcolor=NEUTRAL_TEXT, pad=6)
    axis.set_axisbelow(True)
    axis.grid(axis="y" if up.get("type") != "category" else "both", color=(*GREY, 0.22), linewidth=0.8)
    if up.get("type") == "log":
        low, high = cast(Sequence[float], up["range"])
        axis.set_yscale("log")
        axis.set_ylim(10**low, 10**high)
        axis.minorticks_off()
    elif "range" in up:
        axis.set_ylim(*cast(tuple[float, float], tuple(cast(Sequence[float], up["range"]))))
    if "range" in across:
        axis.set_xlim(*cast(tuple[float, float], tuple(cast(Sequence[float], across["range"]))))
    if "tickvals" in up:
        order = {n: float(p) for p, n in enumerate(cast(Sequence[str], up.get("categoryarray", ())))}
        ticks = _heights(up["tickvals"], order if up.get("type") == "category" else {})
        texts = [html.unescape(str(t).replace("<br>", "\n")) for t in cast(Sequence[str], up["ticktext"])]
        axis.set_yticks(ticks, texts if labelled else [""] * len(texts))
    elif "tickformat" in up:
        axis.yaxis.set_major_formatter(_formatter(str(up["tickformat"])))
    if across.get("type") == "date":
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator(minticks=3, maxticks=10)
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
        axis.margins(x=0.0)
    elif "tickformat" in across:
        axis.locator_params(axis="x", nbins=min(int(str(across.get("nticks", 7))), 7))
        axis.xaxis.set_major_formatter(_formatter(str(across["tickformat"])))


def _formatter(style: str) -> Formatter:
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda value, _: f"{round(value, 10) + 0.0:{style}}".replace("-", "\u2212"))


def _words(figure: Figure, paper: Axes, sketch: Sketch) -> None:
    """Title, legend, and the annotations, whose places are in fractions of the plot area."""
    figure.text(
        8 / WIDTH, 1 - 10 / sketch.height, html.unescape(sketch.title), ha="left", va="top", fontsize=14 * POINTS,
        color=NEUTRAL_TEXT, weight="bold",
    )  # fmt: skip
    for note in sketch.annotations:
        role = str(note.get("name", "")).removeprefix("role:")
        paper.annotate(
            html.unescape(str(note["text"]).replace("<br>", "\n")),
            (float(str(note["x"])), float(str(note["y"]))),
            (float(str(note.get("xshift", 0))), 3.0 if note.get("yanchor") == "bottom" else 0.0),
            xycoords="axes fraction",
            textcoords="offset pixels",
            ha=ANCHORS[str(note.get("xanchor", "center"))],
            va=ANCHORS[str(note.get("yanchor", "middle"))],
            fontsize=12 * POINTS,
            color=NEUTRAL_TEXT if role == "text" else LIGHT.get(role, NEUTRAL_TEXT),
            annotation_clip=False,
        )
    if sketch.settings.get("showlegend"):
        handles, labels = figure.axes[1].get_legend_handles_labels()
        first = {label: handle for handle, label in zip(handles[::-1], labels[::-1], strict=True)}
        paper.legend(
            list(first.values())[::-1], list(first)[::-1], loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4,
            frameon=False, borderaxespad=0.2, borderpad=0.0, handletextpad=0.3, columnspacing=1.4,
            fontsize=12 * POINTS, labelcolor=NEUTRAL_TEXT,
        )  # fmt: skip
