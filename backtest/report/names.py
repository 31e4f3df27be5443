"""Tables of names: the basket as it stands, and who came and went."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

import pandas as pd

from backtest.filing_links import SEC
from backtest.report.numerals import Style, day
from backtest.report.tables import Cell, Column, Table, rows, words, written

if TYPE_CHECKING:
    from backtest.result import Result

BLOCK_STYLE: Style = "percent0"
FIXED = {
    "ticker", "name", "sector", "industry", "weight", "rank", "score", "borrow_fee", "adv_share", "days_to_trade",
    "entered", "reason", "flags", "filing", "filed", "filing_url",
}  # fmt: skip


def constituents(result: Result) -> Table:
    """The basket as it stands, with the reason for each name."""
    frame = result.constituents
    blocks = [c for c in frame.columns if c not in FIXED and pd.api.types.is_numeric_dtype(frame[c])]
    plan: list[tuple[str, str, Style]] = [
        ("weight", "Weight", "percent"),
        ("rank", "Rank", "count"),
        ("score", "Score", "ratio"),
        *((b, _title(b), BLOCK_STYLE) for b in blocks),
        ("borrow_fee", "Borrow fee", "percent"),
        ("adv_share", "Of ADV", "percent"),
        ("days_to_trade", "Days to trade", "ratio"),
    ]
    plan = [p for p in plan if p[0] in frame]
    columns = [Column("Company", numeric=False), Column("Sector", numeric=False), *(Column(t) for _, t, _ in plan)]
    columns += [Column("In since", numeric=False)]
    filings = "filing" in frame and bool((frame["filing"] != "").any())
    columns += [Column("Last filing", numeric=False)] if filings else []
    columns += [Column("Why it is here", numeric=False)]
    body = []
    for row in frame.to_dict("records"):
        flags = words(row.get("flags")).text
        body.append(
            [
                Cell(str(row["ticker"]), str(row["ticker"]), detail=words(row.get("name")).text, mark=flags),
                Cell(
                    words(row.get("sector")).text, words(row.get("sector")).text, detail=words(row.get("industry")).text
                ),
                *(written(row[c], style) for c, _, style in plan),
                words(day(row.get("entered"))),
                *([_filing(row)] if filings else []),
                words(row.get("reason")),
            ]
        )
    return Table("constituents", "Current constituents", tuple(columns), rows(body), sortable=True)


def _filing(row: Mapping[Hashable, object]) -> Cell:
    """The form, with the day it was filed; sorted by that day. Only links to the SEC are ever written."""
    form, filed, url = (words(row.get(name)).text for name in ("filing", "filed", "filing_url"))
    return Cell(form, filed, detail=filed, href=url if url.startswith(f"{SEC}/") else "")


def _title(block: str) -> str:
    """`ai` is an initialism, `ai_exposure` a name."""
    return block.upper() if len(block) <= 3 else block.replace("_", " ").capitalize()


def changes(result: Result, limit: int = 40) -> Table:
    """Entries and exits, newest first."""
    frame = result.changes.sort_values("date", ascending=False, kind="stable").head(limit)
    body = [
        [words(day(r["date"])), words(r["ticker"]), words(r["action"]), words(r["reason"])]
        for r in frame.to_dict("records")
    ]
    columns = tuple(Column(t, numeric=False) for t in ("Date", "Ticker", "Action", "Reason"))
    return Table("changes", "Latest entries and exits", columns, rows(body), sortable=True)
