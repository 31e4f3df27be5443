"""The report's figures by name, in the page's order. A figure whose data is missing is left out, never drawn empty."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from backtest.report import evidence_figures, time_figures
from backtest.report.sketch import Sketch

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from backtest.result import Result

# name: (the frame it needs, how it is drawn)
FIGURES: dict[str, tuple[str, Callable[[Result], Sketch]]] = {
    "wealth": ("nav", time_figures.wealth),
    "drawdowns": ("nav", time_figures.drawdowns),
    "hedge_ratio": ("hedge_ratio", time_figures.hedge_ratio),
    "rolling_effectiveness": ("rolling", time_figures.rolling_effectiveness),
    "exposures": ("exposures", time_figures.exposures),
    "carry": ("carry", time_figures.carry),
    "effectiveness": ("effectiveness", evidence_figures.effectiveness),
    "alternatives": ("nav", evidence_figures.alternatives),
    "spread": ("spread", evidence_figures.spread),
    "attribution": ("attribution", evidence_figures.attribution),
    "stress": ("stress", evidence_figures.stress),
    "sectors": ("constituents", evidence_figures.sectors),
    "tape": ("regime", evidence_figures.tape),
}


def sketches(result: Result) -> dict[str, Sketch]:
    """Every figure the result has data for, as plain data."""
    return {name: draw(result) for name, (needs, draw) in FIGURES.items() if _known(result, needs)}


def figures(result: Result) -> dict[str, go.Figure]:
    """Every figure the result has data for, as plotly figures in the light theme's colours."""
    return {name: sketch.figure() for name, sketch in sketches(result).items()}


def _known(result: Result, frame: str) -> bool:
    table = getattr(result, frame)
    if frame == "regime":
        return not table.empty and bool(table["percentile"].notna().any())
    return not table.empty and not table.isna().all(axis=None)
