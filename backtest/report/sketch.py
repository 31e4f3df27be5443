"""A figure as plain data: what the page embeds as it is, and what becomes a plotly figure in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

Trace = dict[str, object]
X_AXES, Y_AXES = ("xaxis", "xaxis2"), ("yaxis", "yaxis2")


@dataclass
class Sketch:
    """A figure as plain data: what the page embeds as it is, and `figure()` turns into a plotly object.

    plotly's own objects check and copy every point, which costs the report seconds and finds nothing here.
    """

    data: list[Trace] = field(default_factory=list)
    layout: dict[str, dict[str, object]] = field(default_factory=lambda: {"xaxis": {}, "yaxis": {}})
    annotations: list[dict[str, object]] = field(default_factory=list)
    shapes: list[dict[str, object]] = field(default_factory=list)
    settings: dict[str, object] = field(default_factory=dict)
    title: str = ""
    description: str = ""
    height: int = 330

    def add(self, trace: Trace) -> None:
        """Add one trace."""
        self.data.append(trace)

    def x(self, **settings: object) -> None:
        """Set properties of every horizontal axis."""
        self._axes(X_AXES, settings)

    def y(self, **settings: object) -> None:
        """Set properties of every vertical axis."""
        self._axes(Y_AXES, settings)

    def _axes(self, names: Sequence[str], settings: dict[str, object]) -> None:
        for name in names:
            if name in self.layout:
                self.layout[name].update(settings)

    def rule(self, *, x: float | None = None, y: float | None = None) -> None:
        """A hairline across the plot at one value."""
        line = {"type": "line", "line": {"width": 1, "color": "rgba(128,136,146,0.7)"}}
        across = {"x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper"}
        along = {"y0": y, "y1": y, "x0": 0, "x1": 1, "xref": "paper"}
        self.shapes.append({**line, **(across if x is not None else along)})

    def spec(self) -> dict[str, object]:
        """Data and layout as plotly's JSON has them, without title and description."""
        extra = {"annotations": self.annotations, "shapes": self.shapes, "height": self.height}
        return {"data": self.data, "layout": {**self.settings, **self.layout, **extra}}

    def figure(self) -> go.Figure:
        """The plotly figure, with its title; `layout.meta` describes it in words."""
        import plotly.graph_objects as go

        made = go.Figure(self.spec())
        made.update_layout(
            template="none",
            title={"text": self.title, "x": 0, "xanchor": "left", "font": {"size": 15}},
            meta={"description": self.description},
        )
        return made
