"""A bank's basket in the place of ours, as tables: the accounts beside one another, and how ours tracks theirs."""

from __future__ import annotations

from backtest.report.numerals import Style, day, is_number
from backtest.report.tables import Column, Summary, Table, heading, rows

ACCOUNTS: tuple[tuple[str, Style, str], ...] = (
    ("cagr", "percent", "Return, a year"), ("volatility", "percent", "Volatility, a year"),
    ("max_drawdown", "percent", "Maximum drawdown"), ("beta_to_market", "ratio", "Beta to the market"),
)  # fmt: skip
TRACKING: tuple[tuple[str, Style, str, str], ...] = (
    ("beta", "ratio", "Beta of ours on theirs", "least squares"),
    ("beta_stderr", "ratio3", "Its standard error", "Newey-West"),
    ("correlation", "ratio", "Correlation, daily", ""),
    ("tracking_error", "percent", "Tracking error, a year", "standard deviation of daily differences"),
    (
        "difference_annual",
        "percent",
        "Ours less theirs, a year",
        "both quoted long: above zero favours shorting theirs",
    ),
    ("difference_t", "ratio", "t", "Newey-West"),
    ("max_drawdown", "percent", "Maximum drawdown of ours", ""),
    ("max_drawdown_levels", "percent", "Maximum drawdown of theirs", ""),
    ("drawdown_difference", "points", "Difference", ""),
)


def accounts(summary: Summary) -> Table:
    """The book, hedged with ours, hedged with theirs; empty for a run without levels."""
    path, name = "/stand_in/sleeves", summary.get("/stand_in/name")
    labels = {"book": "Book alone", "hedged": "Hedged with our basket", "hedged_with_levels": f"Hedged with {name}"}
    body = []
    for key, label in labels.items():
        if not is_number(summary.get(f"{path}/{key}/cagr")):
            continue
        removed = summary.number(f"/stand_in/variance_removed/{key}/out_of_sample", "percent")
        body.append(
            [heading(label), *(summary.number(f"{path}/{key}/{k}", style) for k, style, _ in ACCOUNTS), removed]
        )
    columns = (Column("", numeric=False), *(Column(title) for _, _, title in ACCOUNTS), Column("Variance removed"))
    span = f"{day(summary.get('/stand_in/span/start'))} to {day(summary.get('/stand_in/span/end'))}"
    note = f"The sessions both can trade, {span}; each at its own ratio under the same rules."
    return Table("stand_in", f"{name} in the place of our basket", columns, rows(body), note)


def tracked(summary: Summary) -> Table:
    """How ours tracks theirs."""
    body = [
        [heading(label, note), summary.number(f"/stand_in/tracking/{key}", style)]
        for key, style, label, note in TRACKING
        if is_number(summary.get(f"/stand_in/tracking/{key}"))
    ]
    title = f"Our basket against {summary.get('/stand_in/name')}"
    return Table("tracking", title, (Column("", numeric=False), Column("Found")), rows(body))
