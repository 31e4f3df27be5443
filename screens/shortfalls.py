"""What a reader of a screen's result should know: what nobody has, what few have, and what the figures do without.

1. A metric that no name of the universe has: which items or tables the store lacks, or from when it has them.
2. A score made of several sources where the store has none of one of them.
3. A tag that nobody carries on the date: a rule on it says nothing.
4. A metric that fewer than half of the names have, and a ranking in which fewer than half of those eligible stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from screens.measurement import missing_items
from screens.metrics.ai_sources import tagged
from screens.registry import REGISTRY

if TYPE_CHECKING:
    from screens.rule_spec import MetricCall
    from screens.screened import Screened

THIN_COVERAGE = 0.5  # a ranking in which most names are missing says little
TABLE = "table:"


def warnings_of(screened: Screened) -> tuple[str, ...]:
    """Every warning, each a sentence."""
    return tuple(
        dict.fromkeys(
            (
                *unknown_to_all(screened).values(),
                *_sources_without(screened),
                *_tags_of_nobody(screened),
                *_thin(screened),
            )
        )
    )


def unknown_to_all(screened: Screened) -> dict[str, str]:
    """Metrics that no name of the universe has, by label, and what the store lacks for them."""
    held = getattr(screened.view.market, "items", None)
    labels, found = screened.spec.labels(), {}
    for call in screened.spec.calls():
        label = labels[call.key()]
        if screened.coverage[label] != 0:
            continue
        absent = missing_items([call], held).get(call.metric, []) if held is not None else []
        lacks = [f"the store holds no {', '.join(absent)}"] if absent else list(_tables_without(screened, call))
        found[label] = f"no name of the universe has {label}{': ' if lacks else ''}{', '.join(lacks)}"
    return found


def _tables_without(screened: Screened, call: MetricCall) -> Iterator[str]:
    """The tables a metric reads that hold nothing on the date."""
    market, day = screened.view.market, screened.session.date().isoformat()
    for need in REGISTRY[call.metric].needs:
        table = need.removeprefix(TABLE)
        if table == need or not hasattr(market, "manifest"):
            continue
        if not market.has(table):
            yield f"the store has no {table}"
            continue
        entry = market.manifest.tables.get(table)
        if table == "prices":
            yield f"prices begin {market.start.date()}"
        elif entry is not None and entry.start is not None and entry.start > day:
            yield f"{table} begins {entry.start}"


def _sources_without(screened: Screened) -> Iterator[str]:
    labels, market = screened.spec.labels(), screened.view.market
    if not hasattr(market, "manifest"):
        return
    for call in screened.spec.calls():
        label = labels[call.key()]
        tables = [need.removeprefix(TABLE) for need in REGISTRY[call.metric].needs if need.startswith(TABLE)]
        lacking = [name for name in tables if not market.has(name) and not (name == "tags" and call.params.get("tags"))]
        if lacking and screened.coverage[label] > 0:
            yield f"{label} does without {' and '.join(lacking)}: the store has none"


def _tags_of_nobody(screened: Screened) -> Iterator[str]:
    file = str(screened.spec.tags.target) if screened.spec.tags else None
    where = "" if file else "; dated tags can be given as 'tags: FILE'"
    for tag in screened.spec.tag_names():
        if not tagged(screened.view, (tag,), file).any():
            yield f"no name carries the tag '{tag}' on the date{where}"


def _thin(screened: Screened) -> Iterator[str]:
    for label, share in screened.coverage.items():
        if 0 < share < THIN_COVERAGE:
            part = f"{share:.0%}" if share >= 0.01 else "under 1%"
            yield f"{label} is known for {part} of the universe"
    eligible, ranked = int(screened.eligible.sum()), int((~np.isnan(screened.rank)).sum())
    if screened.blocks and 0 < ranked < THIN_COVERAGE * eligible:
        yield f"{ranked} of {eligible} eligible names have a score; the others are not ranked"
