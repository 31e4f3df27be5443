"""Which table stands where: one function a table, each from the summary or from one frame of the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from backtest.report.evidence_figures import DRAWN, MEASURES, must_lose_first
from backtest.report.numerals import Style, day, is_number, numeral
from backtest.report.tables import Cell, Column, Summary, Table, heading, rows, words, written

if TYPE_CHECKING:
    from backtest.result import Result

SLEEVE_ROWS: tuple[tuple[str, str, Style, str], ...] = (
    ("cagr", "Return, a year", "percent", "compound annual growth of NAV"),
    ("volatility", "Volatility, a year", "percent", "standard deviation of daily returns × √252"),
    ("sharpe", "Sharpe ratio", "ratio", "over fed funds"),
    ("max_drawdown", "Maximum drawdown", "percent", "deepest fall from the running high"),
    ("cvar_95", "CVaR 95 %, a day", "percent", "mean of the worst 5 % of days"),
    ("beta_to_market", "Beta to the market", "ratio", "OLS on daily returns"),
)
SLEEVE_COLUMNS = (("book", "Book"), ("basket", "Basket, long"), ("hedged", "Hedged book"))
COSTS_BASIS = "Of the short positions alone, with the change in interest, margin included; credits are negative."
ATTRIBUTION_BASIS = (
    "The whole hedged account less the book held alone. Its long book differs in size, so trading and dividends here "
    "also hold what the two long books differ by; the costs table counts the shorts only, with margin under interest."
)
COSTS = {
    "trading": "Trading: spread, commission, impact",
    "borrow": "Borrow fees",
    "dividends": "Dividends owed on shorts",
    "rebate": "Rebate on short proceeds",
    "interest": "Interest on cash",
    "margin": "Margin",
    "total": "Total",
}
OUT_OF_SAMPLE = ("out_of_sample", "low", "high")


def sleeves(summary: Summary) -> Table:
    """Book, basket and hedged book: the triple every hedge starts from."""
    columns = (Column("", numeric=False), *(Column(label, role=key) for key, label in SLEEVE_COLUMNS))
    body = [
        [
            heading(label, note),
            *(summary.number(f"/sleeves/{sleeve}/{key}", style) for sleeve, _ in SLEEVE_COLUMNS),
        ]
        for key, label, style, note in SLEEVE_ROWS
    ]
    return Table("sleeves", "Book, basket and hedged book", columns, rows(body))


def spread(summary: Summary) -> Table:
    """What the basket paid beyond an equal-beta index short: windows across, indices down."""
    found = {index: summary.table(f"/spread_over_index/{index}") for index in summary.table("/spread_over_index")}
    windows = list(dict.fromkeys(window for line in found.values() for window in line))
    body = [
        [heading(f"Short {index}"), *(_with_t(summary, f"/spread_over_index/{index}/{window}") for window in windows)]
        for index in found
    ]
    return Table(
        "spread",
        "Paid beyond an equal-beta index short, a year",
        (Column("", numeric=False), *(Column(w) for w in windows)),
        rows(body),
        note="h × (β × index − basket), before the difference in carry. |t| below 2: not distinguishable from zero.",
    )


def _with_t(summary: Summary, path: str) -> Cell:
    annual = summary.number(f"{path}/annual", "percent", sign=True)
    return replace(annual, detail=f"t {numeral(summary.get(f'{path}/t'), 'ratio')}")


def calendar_years(result: Result) -> Table:
    """Calendar-year returns; the first and last year may be part years."""
    shown = [(c, label) for c, label in (*SLEEVE_COLUMNS, ("SPY", "SPY")) if c in result.nav]
    nav = result.nav[[c for c, _ in shown]]
    ends = nav.groupby(pd.DatetimeIndex(nav.index).year).last()
    start = pd.concat([nav.iloc[[0]].set_axis([ends.index[0] - 1]), ends])
    change = start.pct_change(fill_method=None).iloc[1:]
    columns = [Column("", numeric=False), *(Column(t, role=c if c != "SPY" else "") for c, t in shown)]
    body = [
        [
            heading(year),
            *(written(row[c], "percent", sign=True) for c, _ in shown),
            written(row["hedged"] - row["book"], "points", sign=True),
        ]
        for year, row in change.iterrows()
    ]
    return Table("years", "Calendar years", (*columns, Column("Hedged − book")), rows(body))


def effectiveness(summary: Summary) -> Table:
    """In and out of sample, with the interval, and the difference in points as a field of its own."""
    names = ("in_sample", "out_of_sample", "low", "high", "difference_points")
    titles = ("In sample", "Out of sample", "Low", "High", "Difference, points")
    body = [
        [
            heading(MEASURES.get(measure, measure)),
            *(
                summary.number(
                    f"/hedge_effectiveness/{measure}/{n}", "points" if n == "difference_points" else "percent"
                )
                for n in names
            ),
        ]
        for measure in summary.table("/hedge_effectiveness")
    ]
    return Table(
        "effectiveness",
        "Hedge effectiveness: 1 − risk(hedged)/risk(book)",
        (Column("", numeric=False), *map(Column, titles)),
        rows(body),
        note="Low and high bound the 95 % interval of the out-of-sample figure (stationary bootstrap). "
        "A drawdown is one path: its interval is wide by nature.",
    )


def removed(summary: Summary) -> Table:
    """The first screen's line on each measure: out of sample, with its interval."""
    body = [
        [heading(MEASURES[m]), *(summary.number(f"/hedge_effectiveness/{m}/{n}", "percent0") for n in OUT_OF_SAMPLE)]
        for m in DRAWN
        if m in summary.table("/hedge_effectiveness")
    ]
    columns = (Column("", numeric=False), Column("Removed"), Column("95 % low"), Column("high"))
    return Table("removed", "Share of the book's risk removed, out of sample", columns, rows(body))


def alternatives(summary: Summary) -> Table:
    """The hedged book, the book alone, and every simpler choice."""
    body = []
    paths = [("/sleeves/hedged", "Hedged book"), ("/sleeves/book", "Book alone")]
    paths += [(f"/benchmarks/{name}", name) for name in summary.table("/benchmarks")]
    paths += [(f"/placebos/{n}", f"placebo: {n.replace('_', ' ')}") for n in summary.table("/placebos")]
    for path, name in paths:
        figures = summary.table(path)
        if not is_number(figures.get("cagr")):
            continue
        name = name[:1].upper() + name[1:]
        removed = (
            "/hedge_effectiveness/variance/out_of_sample" if path == "/sleeves/hedged" else f"{path}/variance_removed"
        )
        cells = [summary.number(f"{path}/{k}", style) for k, _, style, _ in SLEEVE_ROWS]
        body.append([heading(name), *cells, summary.number(removed, "percent")])
    columns = (
        Column("", numeric=False),
        *(Column(t, note=n) for _, t, _, n in SLEEVE_ROWS),
        Column("Variance removed", note="1 − Var(hedged)/Var(book), out of sample"),
    )
    return Table("alternatives", "The hedge beside simpler choices", columns, rows(body), emphasised=frozenset({0}))


def costs(summary: Summary) -> Table:
    """Cost of the hedge by kind; credits are negative."""
    body = [
        [heading(COSTS.get(kind, kind.replace("_", " "))), summary.number(f"/costs_bps_per_year/{kind}", "bps")]
        for kind in summary.table("/costs_bps_per_year")
    ]
    titles = (Column("", numeric=False), Column("bps a year"))
    return Table("costs", "Costs, bps of average NAV a year", titles, rows(body), note=COSTS_BASIS)


def attribution(summary: Summary) -> Table:
    """Hedged less book, explained to the cent."""
    kinds = list(summary.table("/attribution"))
    body = [
        [
            heading(kind.replace("_", " ").capitalize()),
            summary.number(f"/attribution/{kind}", "usd", sign=True),
            summary.number(f"/attribution_bps_per_year/{kind}", "bps", sign=True),
        ]
        for kind in kinds
    ]
    last = frozenset(i for i, kind in enumerate(kinds) if kind == "total")
    return Table(
        "attribution",
        "Attribution of hedged less book",
        (Column("", numeric=False), Column("USD"), Column("bps a year")),
        rows(body),
        note=ATTRIBUTION_BASIS,
        emphasised=last,
    )


def stress(result: Result) -> Table:
    """Named windows, those in which this hedge must lose first."""
    titles = {
        "book": "Book",
        "basket": "Basket, long",
        "hedged": "Hedged book",
        "short_spy_equal_beta": "Book with SPY short",
        "hold_less": "Hold less",
    }
    frame = must_lose_first(result.stress)
    shown = [c for c in titles if c in frame]
    body = []
    for row in frame.to_dict("records"):
        must = bool(row.get("must_lose", False))
        name = Cell(
            ("▼ " if must else "") + str(row["window"]),
            str(row["window"]),
            detail=f"{day(row['start'])} to {day(row['end'])}",
        )
        effect = row["hedged"] - row["book"]
        body.append(
            [
                name,
                *(written(row[c], "percent", sign=True) for c in shown),
                written(effect, "points", sign=True, tone="bad" if effect < 0 else "good"),
                words(row.get("note", "")),
            ]
        )
    columns = [Column("", numeric=False)] + [
        Column(titles[c], role=c if c in ("book", "basket", "hedged") else "") for c in shown
    ]
    return Table(
        "stress",
        "Named windows, close to close",
        (*columns, Column("Hedged − book"), Column("What happened", numeric=False)),
        rows(body),
        note="▼ a short of weak companies is expected to lose here. A gain means its names were not those squeezed.",
    )


def remainder(summary: Summary, told: frozenset[str], shown: set[str]) -> Table:
    """Everything in the summary that no other table shows, so that the page never says less than the file."""
    rest = leaves({k: v for k, v in summary.data.items() if k not in told})
    body = [
        [heading(" · ".join(path)), summary.number("/" + "/".join(path)) if is_number(value) else words(value)]
        for path, value in rest
        if "/" + "/".join(path) not in shown
    ]
    titles = (Column("", numeric=False), Column("Value"))
    return Table("remainder", "Also in summary.json", titles, rows(body))


def leaves(data: object, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], object]]:
    """Every scalar of a nested object with its path.

    >>> leaves({"a": {"b": 1}, "c": [2, 3]})
    [(('a', 'b'), 1), (('c',), '2, 3')]
    """
    if isinstance(data, Mapping):
        return [leaf for key, value in data.items() for leaf in leaves(value, (*path, str(key)))]
    if isinstance(data, list):
        return [(path, ", ".join(str(v) for v in data))]
    return [(path, data)]
