"""Tables of evidence: the hedge's P&L by factor, AI days, worth, capture, states of the market, squeezes, tilt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from backtest.report.hazards import SQUEEZES
from backtest.report.numerals import Style, day, is_number, numeral
from backtest.report.tables import Cell, Column, Summary, Table, heading, rows

FACTORS = {
    "market": ("Market", "Mkt-RF"),
    "size": ("Size", "SMB: small less large"),
    "value": ("Value", "HML: cheap less dear"),
    "profitability": ("Profitability", "RMW: robust less weak"),
    "momentum": ("Momentum", "winners less losers"),
    "ai": ("AI", "the AI fund beyond the market"),
    "unexplained": ("Left over", "what none of them explains"),
    "total": ("Total", ""),
}
SLEEVES = {"book": "Book", "basket": "Basket, long", "hedged": "Hedged book"}
ON_AI_DAYS = {**SLEEVES, "hedge": "Hedge: hedged − book", "spread": "Paid beyond the index"}
STATES = {
    "trend: up": "Market above its 200-day average",
    "trend: down": "Market below it",
    "volatility: calm": "Volatility below its median so far",
    "volatility: stormy": "Volatility above it",
    "drawdown: shallow": "Less than 10 % below the peak",
    "drawdown: deep": "More than 10 % below the peak",
}
WORTH: tuple[tuple[str, str, Style, str], ...] = (
    ("cost_annual", "Cost of the hedge, a year", "percent", "minus the mean of hedged − book × 252"),
    ("carry_annual", "Of which carry, whatever prices do", "percent", "trading, borrow, dividends, rebate, interest"),
    ("drawdown_saved", "Maximum drawdown saved", "points", ""),
    ("per_drawdown", "Cost a year per point of drawdown saved", "ratio", "points of return for a point of drawdown"),
    ("stress", "Earned in the named falls, in all", "points", ""),
    ("calm", "Earned at all other times, in all", "points", ""),
    ("payoff_over_premium", "Payoff over premium", "ratio", "the first over the size of the second; 1 pays for itself"),
    ("slippage/annual", "Against the best constant ratio, a year", "percent", "known in hindsight, and free"),
)  # fmt: skip
FIRST = Column("", numeric=False)


def tables(summary: Summary) -> list[Table]:
    """Every table the summary has the numbers for."""
    made = (factors, rolling, ai_days, price, capture, states, squeezes, tilt)
    return [table for make in made if (table := make(summary)).rows]


def factors(summary: Summary) -> Table:
    """The hedge's P&L by factor."""
    path = "/factor_attribution"
    plan: list[tuple[str, Style, bool]] = [
        ("coefficient", "ratio", True), ("t", "ratio", False), ("annual", "percent", True), ("share", "percent", False),
    ]  # fmt: skip
    body = []
    names = [name for name in summary.table(f"{path}/factors") if name in FACTORS]
    for name in names:
        at = f"{path}/factors/{name}"
        cells = [summary.number(f"{at}/{key}", style, sign=sign) for key, style, sign in plan]
        if name == "unexplained":
            cells[0] = heading("")  # a daily intercept beside betas says nothing: its year stands in the third column
        if name == "total":
            cells[:2] = [heading(""), heading("")]
        body.append([heading(*FACTORS[name]), *cells])
    titles = ("Exposure", "t", "P&L a year", "Share of variance")
    note = (
        f"Daily returns of hedged − book, {day(summary.get(f'{path}/start'))} to {day(summary.get(f'{path}/end'))}, "
        "where the factor returns end. Newey-West errors. |t| below 2: not distinguishable from zero."
    )
    bold = frozenset(i for i, name in enumerate(names) if name == "total")
    return Table(
        "factors", "What the hedge’s P&L is made of", (FIRST, *map(Column, titles)), rows(body), note, emphasised=bold
    )


def rolling(summary: Summary) -> Table:
    """The same exposures through time, a year each."""
    path = "/factor_attribution/rolling"
    dates = list(summary.table(path))
    names = [name for name in summary.table(f"{path}/{dates[-1]}") if name in FACTORS] if dates else []
    body = []
    for date in dates:
        cells = []
        for name in names:
            style: Style = "percent" if name == "unexplained" else "ratio"
            cell = summary.number(f"{path}/{date}/{name}/coefficient", style, sign=True)
            cells.append(replace(cell, detail=f"t {numeral(summary.get(f'{path}/{date}/{name}/t'), 'ratio')}"))
        body.append([heading(date), *cells])
    columns = (FIRST, *(Column(FACTORS[name][0], note=FACTORS[name][1]) for name in names))
    note = "Exposures of hedged − book over the 252 sessions up to each date; left over in per cent a year."
    return Table("rolling_factors", "The same through time, a year each", columns, rows(body), note)


def ai_days(summary: Summary) -> Table:
    """Worst and best AI days side by side."""
    body = []
    for name, label in ON_AI_DAYS.items():
        if not is_number(summary.get(f"/worst_ai_days/{name}/mean")):
            continue
        cells: list[Cell] = []
        for days in ("worst_ai_days", "best_ai_days"):
            at = f"/{days}/{name}"
            cells += [summary.number(f"{at}/mean", "percent2", sign=True), summary.number(f"{at}/t", "ratio")]
        cells.insert(2, summary.number(f"/worst_ai_days/{name}/beyond_market", "percent2", sign=True))
        body.append([heading(label), *cells])
    titles = ("Worst days, mean", "t", "Beyond the market", "Best days, mean", "t")
    fund = summary.get("/worst_ai_days/fund") or "the AI fund"
    return Table(
        "ai_days",
        "The worst and the best 5 % of AI days",
        (FIRST, *map(Column, titles)),
        rows(body),
        note=f"Sessions on which {fund} fell, or rose, furthest beyond what the market explains. A hedge that gives "
        "back on the best days what it earned on the worst is a short of AI, no insurance.",
    )


def price(summary: Summary) -> Table:
    """What protection cost, and what it paid."""
    body = [
        [heading(label, note), summary.number(f"/worth/{key}", style)]
        for key, label, style, note in WORTH
        if is_number(summary.get(f"/worth/{key}"))
    ]
    falls = summary.get("/worth/stress_windows")
    named = ", ".join(map(str, falls)) if isinstance(falls, Sequence) and not isinstance(falls, str) else ""
    note = f"Named falls, known as such afterwards: {named}. Sums of daily returns." if named else ""
    return Table("worth", "The price of protection", (FIRST, Column("Found")), rows(body), note)


def capture(summary: Summary) -> Table:
    """Up and down capture of the market, and the market's worst days."""
    body = []
    for name, label in SLEEVES.items():
        if not is_number(summary.get(f"/capture/{name}/up")):
            continue
        cells = [summary.number(f"/capture/{name}/{key}", "percent0") for key in ("up", "down")]
        crisis = f"/capture/crisis/{name}"
        cells += [summary.number(f"{crisis}/{key}", "ratio") for key in ("beta", "correlation")]
        body.append([heading(label), *cells, summary.number(f"{crisis}/mean", "percent2", sign=True)])
    titles = ("Up capture", "Down capture", "Beta, worst days", "Correlation, worst days", "Mean, worst days")
    note = f"Capture: {summary.get('/capture/convention')}. Worst days: the market’s worst 5 %, betas within them."
    return Table("capture", "Up, down, and in crises", (FIRST, *map(Column, titles)), rows(body), note)


def states(summary: Summary) -> Table:
    """The hedge by the state of the market, as known the session before."""
    body = []
    for name, label in STATES.items():
        at = f"/worth/states/{name}"
        if not is_number(summary.get(f"{at}/hedge")):
            continue
        cells = [summary.number(f"{at}/{key}", "percent", sign=True) for key in ("book", "hedged", "hedge")]
        cells += [summary.number(f"{at}/effectiveness", "percent0"), summary.number(f"{at}/n_sessions", "count")]
        body.append([heading(label), *cells])
    titles = ("Book, a year", "Hedged", "Hedged − book", "Variance removed", "Sessions")
    return Table(
        "states",
        "The hedge by the state of the market the evening before",
        (FIRST, *map(Column, titles)),
        rows(body),
        note="Means of daily returns × 252.",
    )


def squeezes(summary: Summary) -> Table:
    """The basket's steepest rises, what the account did, and the short's own worst."""
    body = []
    for key, label in SQUEEZES.items():
        at = f"/squeeze/{key}"
        if not is_number(summary.get(f"{at}/basket")):
            continue
        span = _span(summary, f"{at}/start", f"{at}/end")
        worst = summary.number(f"{at}/worst_hedge", "points", sign=True)
        worst = replace(worst, detail=_span(summary, f"{at}/worst_hedge_start", f"{at}/worst_hedge_end"))
        cells = [
            summary.number(f"{at}/basket", "percent", sign=True),
            summary.number(f"{at}/hedge", "points", sign=True),
            worst,
            *(summary.number(f"{at}/{name}", "percent", sign=True) for name in ("book", "hedged")),
            summary.number(f"{at}/margin_used", "percent0"),
        ]
        body.append([heading(label.capitalize(), span), *cells])
    columns = (
        FIRST, Column("Basket, long", role="basket"), Column("The short, of NAV"), Column("The short’s worst"),
        Column("Book", role="book"), Column("Hedged book", role="hedged"), Column("Margin, of NAV"),
    )  # fmt: skip
    return Table(
        "squeezes",
        "Steepest rises of the basket",
        columns,
        rows(body),
        note="Margin: FINRA maintenance (25 % of longs, 30 % of shorts) at the end of the rise. The short’s worst need "
        "not fall on the basket’s steepest rise: the size of the short changes.",
    )


def tilt(summary: Summary) -> Table:
    """Sector weights of basket and book at the last rebalance."""
    body = [
        [
            heading(name),
            *(summary.number(f"/sector_tilt/sectors/{name}/{side}", "percent0") for side in ("basket", "book")),
            summary.number(f"/sector_tilt/sectors/{name}/difference", "points", sign=True),
        ]
        for name in summary.table("/sector_tilt/sectors")
    ]
    columns = (FIRST, Column("Basket", role="basket"), Column("Book", role="book"), Column("Basket − book"))
    when = day(summary.get("/sector_tilt/session"))
    return Table("tilt", f"Sectors at the rebalance of {when}", columns, rows(body))


def _span(summary: Summary, start: str, end: str) -> str:
    return f"{day(summary.get(start))} to {day(summary.get(end))}"
