"""Finished runs side by side as one HTML file: answers, figures, and what their configs do not share.

1. A run is a column; its name leads to its own report, where that lies beside the page.
2. Figures are those of `summary.json`, each with its JSON pointer; nothing is computed here.
3. What differs in the config is marked where it departs from the first run; what is the same is not shown.
The page holds no script, and its policy lets it fetch nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from backtest.compare import ROWS
from backtest.report import theme
from backtest.report.numerals import numeral

if TYPE_CHECKING:
    from backtest.compare import Comparison

TEMPLATES = Path(__file__).parent / "templates"


def render(comparison: Comparison, beside: Path) -> str:
    """The page's text; links to the reports are written as seen from the file `beside`."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    figures = [
        (label.strip(), label.startswith(" "), pointer, [(v, numeral(v, unit)) for v in comparison.figures[pointer]])  # type: ignore[arg-type]
        for pointer, label, unit in ROWS
        if pointer in comparison.figures
    ]
    config = [
        (path, [("–" if value is None else str(value), value != values[0]) for value in values])
        for path, values in comparison.config.items()
    ]
    return environment.get_template("comparison.html.j2").render(
        runs=list(zip(comparison.runs, comparison.answers, _reports(comparison, beside), strict=True)),
        figures=figures,
        config=config,
        same_span=comparison.same_span,
        light=theme.LIGHT,
        dark=theme.DARK,
        font=theme.FONT,
    )


def _reports(comparison: Comparison, beside: Path) -> list[str]:
    """The way from the page to each run's report; empty where there is none (another drive, a report not kept)."""
    found = []
    for directory in comparison.directories:
        report = Path(directory) / "report.html"
        try:
            way = os.path.relpath(report.absolute(), beside.absolute().parent)
        except ValueError:
            way = ""
        found.append(quote(Path(way).as_posix()) if way and report.is_file() else "")
    return found
