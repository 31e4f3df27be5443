"""A sweep as one HTML file that needs nothing but a browser: conclusions, heat map, ranked table.

1. The conclusions come first, with the number of trials; the ranking after them.
2. The map shows a figure over the two longest axes; where others vary too, the median of them, never the best.
3. Text from configs goes through autoescape; plotly and the figures travel packed, as in the report of a run, under a
   policy that allows no request.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from backtest.report import theme
from backtest.report.bundle import packed, plotly_script
from backtest.report.numerals import Style, numeral
from backtest.report.page import TEMPLATES
from backtest.sweep_spec import SweepSpec, values_of
from backtest.sweep_table import written

if TYPE_CHECKING:
    from backtest.sweep_run import SweepResult

SHOWN: Final[tuple[tuple[str, str, Style], ...]] = (
    ("sharpe", "Sharpe over cash", "ratio"),
    ("cagr", "return a year", "percent"),
    ("volatility", "volatility", "percent"),
    ("max_drawdown", "maximum drawdown", "percent"),
    ("variance_removed", "variance removed", "percent"),
    ("beta_to_market", "beta to the market", "ratio"),
    ("cost_bps", "costs, bps of NAV a year", "bps"),
    ("over_benchmark", "return a year over the benchmark hedge", "percent"),
    ("deflated_sharpe", "chance that the Sharpe is not luck", "percent0"),
    ("deflated_over_benchmark", "chance, over the benchmark hedge", "percent0"),
)
ROWS_SHOWN: Final = 100
SCALE: Final = [[0.0, "#b5523b"], [0.5, "#f2efe8"], [1.0, "#1f5f8b"]]


@dataclass(frozen=True)
class Map:
    """One figure over two axes; `count` variants stand behind the fullest cell."""

    name: str
    title: str
    across: str
    down: str
    x: list[str]
    y: list[str]
    z: list[list[float | None]]
    text: list[list[str]]
    count: int

    def spec(self) -> dict[str, object]:
        """As plotly reads it."""
        trace = {
            "type": "heatmap", "x": self.x, "y": self.y, "z": self.z, "text": self.text, "texttemplate": "%{text}",
            "colorscale": SCALE, "hovertemplate": "%{x}<br>%{y}<br>%{text}<extra></extra>",
            "xgap": 1, "ygap": 1, "showscale": True, "colorbar": {"thickness": 12},
        }  # fmt: skip
        layout = {
            "margin": {"t": 8, "r": 8, "b": 60, "l": 8}, "height": max(220, 90 + 34 * len(self.y)),
            "xaxis": {"title": {"text": self.across}, "type": "category", "automargin": True},
            "yaxis": {"title": {"text": self.down}, "type": "category", "automargin": True, "autorange": "reversed"},
            "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font": {"family": theme.FONT},
        }  # fmt: skip
        return {"data": [trace], "layout": layout}


def maps(spec: SweepSpec, table: pd.DataFrame) -> list[Map]:
    """A heat map of each figure that any variant has."""
    across, down = axes_of(spec)
    return [
        heat_map(spec, table, name, title, style, across, down)
        for name, title, style in SHOWN
        if table[name].notna().any()
    ]


def axes_of(spec: SweepSpec) -> tuple[str, str | None]:
    """The two axes with the most values, the longest across; one where only one varies."""
    longest = sorted(spec.vary, key=lambda path: -len(values_of(spec.vary[path])))
    return longest[0], longest[1] if len(longest) > 1 else None


def heat_map(
    spec: SweepSpec, table: pd.DataFrame, name: str, title: str, style: Style, across: str, down: str | None
) -> Map:
    """A figure by two axes: the median where other axes vary as well; nothing where all failed."""
    keys = [across] if down is None else [down, across]
    found = {_key(key): group for key, group in table.groupby(keys, sort=False)[name]}
    xs = _labels(spec, across)
    ys = [""] if down is None else _labels(spec, down)
    cells = [[found.get((x,) if down is None else (y, x)) for x in xs] for y in ys]
    values = [[_median(cell) for cell in row] for row in cells]
    count = max((len(cell) for row in cells for cell in row if cell is not None), default=0)
    return Map(
        name=name,
        title=title,
        across=across,
        down=down or "",
        x=xs,
        y=ys,
        z=values,
        text=[[numeral(value, style) for value in row] for row in values],
        count=count,
    )


def render(result: SweepResult) -> str:
    """The page as HTML text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawn = maps(result.spec, result.table)
    payload = packed(json.dumps({one.name: one.spec() for one in drawn}, separators=(",", ":"), allow_nan=False))
    nonce = hashlib.sha256((payload + repr(result.summary)).encode()).hexdigest()[:24]
    figures = [(name, title, style) for name, title, style in SHOWN if name in result.table]
    varied = list(result.spec.vary)
    rows = [
        [
            numeral(row["rank"], "count"),
            *(str(row[path]) for path in varied),
            *(numeral(row[name], style) for name, _, style in figures),
            row["status"] + (f": {row['reason']}" if row["reason"] else ""),
        ]
        for row in result.table.head(ROWS_SHOWN).to_dict("records")
    ]
    failures = result.summary["failures"]
    assert isinstance(failures, Mapping)
    return environment.get_template("sweep.html.j2").render(
        name=result.spec.name,
        question=result.spec.question or result.spec.name,
        summary=result.summary,
        failures=dict(failures),
        maps=drawn,
        headings=["rank", *varied, *(title for _, title, _ in figures), "status"],
        rows=rows,
        left_out=len(result.table) - len(rows),
        light=theme.LIGHT,
        dark=theme.DARK,
        font=theme.FONT,
        nonce=nonce,
        plotly=plotly_script(),
        payload=payload,
    )


def _labels(spec: SweepSpec, path: str) -> list[str]:
    return [_label(value) for value in dict.fromkeys(written(v) for v in values_of(spec.vary[path]))]


def _label(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _key(key: object) -> tuple[str, ...]:
    parts = key if isinstance(key, tuple) else (key,)
    return tuple(_label(part.item() if isinstance(part, np.generic) else part) for part in parts)


def _median(cell: pd.Series | None) -> float | None:
    if cell is None or not cell.notna().any():
        return None
    return float(cell.median())
