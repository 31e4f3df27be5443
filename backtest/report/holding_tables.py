"""Tables of what it takes to hold the short: stock beside swap, margin and buffer, buy-ins, and the legs apart."""

from __future__ import annotations

from dataclasses import replace

from backtest.report.contents import COSTS
from backtest.report.numerals import Style, day, is_number
from backtest.report.tables import Cell, Column, Summary, Table, heading, rows

FIRST = Column("", numeric=False)
WAYS = {"stock": "In borrowed stock", "swap": "By swap"}
HOLDING: tuple[tuple[str, str, Style, str], ...] = (
    ("liquidity_buffer/share_of_nav", "Buffer the worst month took, of NAV", "percent", "liquidity_buffer/start end"),
    ("liquidity_buffer/usd", "The same in USD", "usd", "fall of NAV less the requirement"),
    ("liquidity_buffer/peak_usage", "Requirement at its highest, of NAV", "percent", ""),
    ("liquidity_buffer/sessions_below", "Sessions closed below it", "count", ""),
    ("liquidity_buffer/shortfall_usd", "Furthest below it", "usd", "liquidity_buffer/shortfall_on"),
    ("margin/calls", "Margin calls", "count", "margin/first_call last_call"),
    ("margin/cut_sessions", "Sessions on which the account was cut", "count", ""),
    ("implementation/swap/initial_margin_usd", "By swap: initial margin, at most", "usd", ""),
    ("implementation/swap/variation_margin_session_usd", "By swap: cash paid in one session, at most", "usd", ""),
    (
        "implementation/swap/variation_margin_month_usd", "By swap: cash paid in a month, at most", "usd",
        "implementation/swap/variation_margin_month_end",
    ),
    ("recalls/buy_ins", "Buy-ins by recall", "count", ""),
    ("recalls/cost_bps_per_year", "What they cost, bps a year", "bps", "the account without them, less the account"),
    ("fills/unfilled_mean", "Short left undone at trades, mean", "percent", ""),
    ("fills/unfilled_worst", "Short left undone, worst", "percent", "fills/unfilled_worst_on"),
)  # fmt: skip
LEGS = ("price", "trading", "borrow", "dividends", "rebate", "interest", "margin", "total")


def tables(summary: Summary) -> list[Table]:
    """Every table the summary has the numbers for."""
    return [table for make in (implementation, holding, legs) if (table := make(summary)).rows]


def implementation(summary: Summary) -> Table:
    """The same hedge held both ways: costs a year by kind."""
    path = "/implementation/costs_bps_per_year"
    ways = [way for way in WAYS if summary.table(f"{path}/{way}")]
    kinds = list(summary.table(f"{path}/{ways[0]}")) if ways else []
    body = [
        [heading(COSTS.get(kind, kind)), *(summary.number(f"{path}/{way}/{kind}", "bps") for way in ways)]
        for kind in kinds
    ]
    held = summary.get("/implementation/held")
    columns = (FIRST, *(Column(WAYS[way] + (", as this run" if way == held else "")) for way in ways))
    spread = summary.number("/implementation/swap/spread_bps", "bps")
    return Table(
        "implementation",
        "The same hedge held both ways, bps of average NAV a year",
        columns,
        rows(body),
        note=f"By swap the benchmark less {spread.text} bps is received on the notional (as rebate), nothing is "
        "borrowed. Credits are negative.",
        emphasised=frozenset(i for i, kind in enumerate(kinds) if kind == "total"),
    )


def holding(summary: Summary) -> Table:
    """Margin, buffer, calls, buy-ins, and what limits left undone."""
    body = []
    for key, label, style, detail in HOLDING:
        if is_number(summary.get(f"/{key}")):
            body.append([replace(heading(label), detail=_detail(summary, detail)), summary.number(f"/{key}", style)])
    by = summary.get("/liquidity_buffer/measured_by")
    enforced = summary.get("/margin/enforced")
    acted = "calls are acted on" if enforced else "calls are counted, not acted on"
    note = f"Requirement: {by}; {acted}." if by else ""
    return Table("holding", "What it takes to hold", (FIRST, Column("Found")), rows(body), note)


def legs(summary: Summary) -> Table:
    """Hedged less book by sleeve, where more than the basket is short."""
    parts = summary.table("/attribution_by_sleeve") if summary.table("/other_ratios") else {}
    body: list[list[Cell]] = []
    for name in parts:
        ratio = "/hedge_ratio" if name == "basket" else f"/other_ratios/{name}"
        cells = [summary.number(f"/attribution_by_sleeve/{name}/{kind}", "usd", sign=True) for kind in LEGS]
        body.append([heading(name[:1].upper() + name[1:]), summary.number(f"{ratio}/mean", "ratio"), *cells])
    columns = (FIRST, Column("Mean ratio"), *(Column(kind.capitalize()) for kind in LEGS))
    return Table("legs", "Hedged less book by leg, USD", columns, rows(body), note="Parts and legs sum to the whole.")


def _detail(summary: Summary, written: str) -> str:
    """A date, or a span, at pointers such as `margin/first_call last_call`; anything else stands as it is."""
    first, _, second = written.partition(" ")
    if "/" not in first:
        return written
    ends = [f"/{first}", *([f"/{first.rpartition('/')[0]}/{second}"] if second else [])]
    found = [day(summary.get(end)) for end in ends if summary.get(end)]
    return " to ".join(found)
