"""The strokes every figure is made of: lines by role, labels at their ends, one layout.

1. A trace's role travels in `meta`, an annotation's in `name`; the page recolours both when the theme changes.
2. Lines carry their names at their ends instead of a legend; labels that would collide are pushed apart.
3. Values are rounded to six significant digits: enough for any screen, and a third of the bytes.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from backtest.report.sketch import Sketch, Trace
from backtest.report.theme import FONT, LIGHT, NEUTRAL_GRID, NEUTRAL_TEXT, translucent

SIGNIFICANT_DIGITS = 6
FILL_OPACITY = 0.10
LABEL_GAP = 0.062  # of the axis height: about one line of text on a 320 px plot


def rounded(values: Sequence[float] | np.ndarray | pd.Series) -> list[float | None]:
    """Values at six significant digits, NaN and infinities as None (a gap in the line).

    >>> rounded([1.23456789, float("nan")])
    [1.23457, None]
    """
    return [float(f"{v:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(v) else None for v in np.asarray(values, dtype=float)]


def plain(text: object) -> str:
    """Text from data, safe in a figure: plotly reads a little HTML in labels.

    >>> plain("<b>A&B</b>")
    '&lt;b&gt;A&amp;B&lt;/b&gt;'
    """
    return html.escape(str(text), quote=False)


def sessions_of(frame: pd.DataFrame | pd.Series) -> list[str]:
    """The index as ISO dates."""
    return pd.DatetimeIndex(frame.index).strftime("%Y-%m-%d").tolist()


def line(
    series: pd.Series,
    label: str,
    role: str,
    *,
    width: float = 1.6,
    dash: str = "solid",
    fill: bool = False,
    stepped: bool = False,
    hover: str = ".2f",
) -> Trace:
    """A line through time in its role's colour; NaN leaves a gap."""
    colour = LIGHT[role]
    drawn: Trace = {
        "type": "scatter",
        "x": sessions_of(series),
        "y": rounded(series),
        "name": label,
        "mode": "lines",
        "line": {"color": colour, "width": width, "dash": dash, "shape": "hv" if stepped else "linear"},
        "hovertemplate": f"%{{y:{hover}}}",
        "meta": {"role": role, "fill": FILL_OPACITY if fill else 0},
    }
    if fill:
        drawn |= {"fill": "tozeroy", "fillcolor": translucent(colour, FILL_OPACITY)}
    return drawn


def dots(
    x: Sequence[float | None],
    y: Sequence[str] | Sequence[float],
    label: str,
    role: str,
    *,
    hollow: bool = False,
    size: int = 10,
    minus: Sequence[float | None] | None = None,
    plus: Sequence[float | None] | None = None,
    hover: str = ".1%",
) -> Trace:
    """Points on a list of names, with an interval `minus`/`plus` around each where one is given."""
    colour = LIGHT[role]
    drawn: Trace = {
        "type": "scatter",
        "x": list(x),
        "y": list(y),
        "name": label,
        "mode": "markers",
        "marker": {
            "color": "rgba(0,0,0,0)" if hollow else colour,
            "size": size,
            "line": {"color": colour, "width": 2 if hollow else 0},
        },
        "hovertemplate": f"%{{y}}: %{{x:{hover}}}<extra>%{{fullData.name}}</extra>",
        "meta": {"role": role, "hollow": hollow},
    }
    if plus is not None:
        drawn["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": list(plus),
            "arrayminus": list(minus or plus),
            "color": colour,
            "thickness": 2,
            "width": 0,
        }
    return drawn


def bars(
    y: Sequence[str],
    x: Sequence[float | None],
    texts: Sequence[str],
    role: str,
    base: Sequence[float | None] | None = None,
) -> Trace:
    """Bars along a list of names, each with its number written beside it."""
    drawn: Trace = {
        "type": "bar",
        "y": list(y),
        "x": list(x),
        "orientation": "h",
        "width": 0.62,
        "name": role,
        "marker": {"color": LIGHT[role]},
        "text": list(texts),
        "textposition": "outside",
        "cliponaxis": False,
        "hovertemplate": "%{y}: %{text}<extra></extra>",
        "meta": {"role": role},
    }
    return drawn if base is None else drawn | {"base": list(base)}


def spread_apart(positions: Sequence[float], gap: float) -> list[float]:
    """Positions in their own order, moved as little as needed to lie `gap` apart.

    >>> [round(p, 2) for p in spread_apart([0.50, 0.52, 0.9], 0.1)]
    [0.46, 0.56, 0.9]
    """
    order = np.argsort(positions, kind="stable")
    blocks: list[list[float]] = []  # each: mean of the wanted centres, number of members
    for wanted in np.asarray(positions, dtype=float)[order]:
        blocks.append([float(wanted), 1])
        while len(blocks) > 1 and blocks[-1][0] - blocks[-2][0] < gap * (blocks[-1][1] + blocks[-2][1]) / 2:
            right, left = blocks.pop(), blocks.pop()
            members = left[1] + right[1]
            blocks.append([(left[0] * left[1] + right[0] * right[1]) / members, members])
    placed = np.concatenate([c + gap * (np.arange(n) - (n - 1) / 2) for c, n in blocks]) if blocks else np.array([])
    out = np.empty(len(placed))
    out[order] = placed
    return out.tolist()


def label_ends(
    sketch: Sketch, ends: Sequence[tuple[str, str, float]], low: float, high: float, *, log: bool = False
) -> None:
    """Write `(label, role, last value)` to the right of the plot; `low` and `high` bound the vertical axis."""
    known = [(label, role, value) for label, role, value in ends if math.isfinite(value)]

    def height(value: float) -> float:
        return math.log10(value) if log else value

    floor, span = height(low), max(height(high) - height(low), 1e-12)
    places = spread_apart([(height(v) - floor) / span for _, _, v in known], LABEL_GAP)
    for (label, role, _), place in zip(known, places, strict=True):
        sketch.annotations.append(
            {
                "x": 1,
                "y": min(max(place, 0.0), 1.0),
                "xref": "paper",
                "yref": "paper",
                "xanchor": "left",
                "yanchor": "middle",
                "xshift": 6,
                "text": label,
                "showarrow": False,
                "name": f"role:{role}",
                "font": {"color": LIGHT[role], "size": 12},
                "align": "left",
            }
        )


def bands(sketch: Sketch, windows: Sequence[tuple[str, str, str]]) -> None:
    """Faint vertical bands over named spans `(name, start, end)`."""
    for name, start, end in windows:
        sketch.shapes.append(
            {
                "type": "rect",
                "xref": "x",
                "yref": "paper",
                "x0": start,
                "x1": end,
                "y0": 0,
                "y1": 1,
                "line": {"width": 0},
                "layer": "below",
                "fillcolor": translucent(LIGHT["band"], 0.13),
                "name": name,
            }
        )


def finish(
    sketch: Sketch,
    title: str,
    description: str,
    *,
    height: int = 330,
    right: int = 92,
    left: int = 52,
    legend: bool = False,
    time: bool = False,
    zero: bool = False,
) -> Sketch:
    """The common layout: transparent paper, hairline grid, no legend where lines are labelled at their ends."""
    sketch.title, sketch.description, sketch.height = title, description, height
    common: dict[str, object] = {"gridcolor": NEUTRAL_GRID, "linecolor": NEUTRAL_GRID, "showline": True, "ticks": ""}
    sketch.x(**common, zeroline=False, fixedrange=not time)
    sketch.y(**common, zeroline=zero, zerolinecolor=LIGHT["axis"], fixedrange=True)
    if time:
        sketch.x(showgrid=False, hoverformat="%Y-%m-%d", type="date")
        sketch.y(showline=False)
    sketch.layout |= {
        "margin": {"l": left, "r": right, "t": 44, "b": 36},
        "font": {"family": FONT, "size": 12, "color": NEUTRAL_TEXT},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "xanchor": "left"},
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
    }
    settings: dict[str, object] = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": legend,
        "hovermode": "x unified" if time else "closest",
        "dragmode": "zoom" if time else False,
    }
    sketch.settings = settings
    return sketch
