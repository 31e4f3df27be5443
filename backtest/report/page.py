"""One result, one HTML file that needs nothing but a browser.

1. Draw the figures and take their titles and descriptions out, to be headings and captions a screen reader meets.
2. Fill the tables; numbers of the summary carry their JSON pointer.
3. Pack plotly and the figures' data, compressed, into the page; colours go in as CSS variables of both themes.
4. Render with autoescape on. A content security policy forbids every request, and every script without the page's
   nonce, which is a digest of the content: text from data can neither fetch nor run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from markupsafe import Markup, escape

from backtest.report import contents, evidence_tables, holding_tables, names, stand_in, tactical, tape, theme
from backtest.report.bundle import packed, plotly_script
from backtest.report.decision import tests
from backtest.report.figures import sketches
from backtest.report.judged import VERDICTS, Test
from backtest.report.sketch import Sketch
from backtest.report.tables import Summary, Table

if TYPE_CHECKING:
    from backtest.result import Result

TEMPLATES = Path(__file__).parent / "templates"
MAX_BYTES = 5_000_000
TOLD_IN_TEXT = frozenset({"name", "question", "answer", "as_of", "span", "warnings"})


@dataclass(frozen=True)
class Figure:
    """A figure's place in the page: its heading, what it shows in words, and its height."""

    name: str
    title: str
    description: str
    height: int


def render(result: Result) -> str:
    """The report as HTML text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    payload, places = _taken_apart(sketches(result))
    summary = Summary(result.summary)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["coded"] = coded
    judged = tests(result)
    template = environment.get_template("report.html.j2")
    packed_figures = packed(json.dumps(payload, separators=(",", ":"), allow_nan=False))
    digest = hashlib.sha256()
    for piece in (packed_figures, repr(result.summary), repr(result.constituents.to_dict("list"))):
        digest.update(piece.encode())
    return template.render(
        name=result.name,
        question=result.question or summary.get("question") or result.name,
        answer=summary.get("answer") or "",
        as_of=summary.get("as_of") or summary.get("span/end") or "",
        span=summary.table("/span"),
        warnings=list(result.warnings),
        tests=judged,
        verdicts=VERDICTS,
        figures=places,
        tables=_tables(result, summary, judged),
        method=_method(result, summary),
        light=theme.LIGHT,
        dark=theme.DARK,
        font=theme.FONT,
        nonce=digest.hexdigest()[:24],
        plotly=plotly_script(),
        payload=packed_figures,
    )


def coded(text: str) -> Markup:
    """Text whose pieces between backquotes are set as code; everything is escaped.

    >>> str(coded("run `data <sync>`"))
    'run <code>data &lt;sync&gt;</code>'
    """
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if i % 2 else escape(piece) for i, piece in enumerate(pieces)
    )


def _taken_apart(drawn: Mapping[str, Sketch]) -> tuple[dict[str, object], dict[str, Figure]]:
    payload: dict[str, object] = {}
    places = {}
    for name, sketch in drawn.items():
        above = 34 if sketch.settings.get("showlegend") or name == "alternatives" else 8
        sketch.layout["margin"]["t"] = above  # the page writes the title as a heading
        places[name] = Figure(name, sketch.title, sketch.description, sketch.height)
        payload[name] = sketch.spec()
    return payload, places


def _tables(result: Result, summary: Summary, judged: list[Test]) -> dict[str, Table]:
    made = [
        contents.sleeves(summary),
        contents.calendar_years(result),
        contents.removed(summary),
        contents.spread(summary),
        contents.effectiveness(summary),
        contents.alternatives(summary),
        tactical.overlay(summary),
        stand_in.accounts(summary),
        stand_in.tracked(summary),
        contents.costs(summary),
        contents.attribution(summary),
        *evidence_tables.tables(summary),
        *holding_tables.tables(summary),
    ]
    framed = {
        "stress": contents.stress,
        "constituents": names.constituents,
        "changes": names.changes,
        "regime": tape.tape,
    }
    made += [build(result) for frame, build in framed.items() if not getattr(result, frame).empty]
    cells = [c for table in made for row in table.rows for c in row]
    cells += [piece for test in judged for piece in test.found if not isinstance(piece, str)]
    shown = {cell.key for cell in cells} | {"/ledger/max_identity_error", "/ledger/max_vectorbt_error"}
    made.append(contents.remainder(summary, TOLD_IN_TEXT, shown))
    return {table.name: table for table in made if table.rows}


def _method(result: Result, summary: Summary) -> dict[str, object]:
    spec = result.spec.model_dump(mode="json")
    market = result.market
    return {
        "config": yaml.safe_dump(spec, sort_keys=False, allow_unicode=True, width=100),
        "data": market.name,
        "fingerprint": market.fingerprint,
        "ledger": {
            "identity": summary.number("/ledger/max_identity_error", "tiny"),
            "vectorbt": summary.number("/ledger/max_vectorbt_error", "tiny"),
        },
    }
