"""The command that shows a basket: who is in it, how large, what to trade, and what changed since yesterday."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtest.commands.options import BasketFile, Data, Debug, Json, LatestAsOf, Quiet
from backtest.commands.terminal import Terminal
from backtest.report.numerals import day, numeral

if TYPE_CHECKING:
    from basket.daily import DailySheet
    from basket.trades import TradeList

Holdings = Annotated[
    str,
    typer.Option("--from", "--holdings", metavar="CSV", help="What is held (ticker, shares); orders go from there."),
]
Book = Annotated[str, typer.Option("--book", metavar="BOOK", help="The long book: its companies are left out.")]
Daily = Annotated[bool, typer.Option("--daily", help="What changed since yesterday.")]
OrdersFile = Annotated[
    str, typer.Option("--csv", "--orders", metavar="FILE|-", help="The orders as CSV, to a file or to stdout with -.")
]
Notional = Annotated[
    float | None,
    typer.Option("--notional", metavar="USD", help="Size of the position; by default what --from holds, or 25e6."),
]
Lot = Annotated[int, typer.Option("--lot", metavar="N", help="Shares an order is a multiple of.")]
Rules = Annotated[bool, typer.Option("--rulebook", help="The rules in words; opens no data.")]


def basket(
    basket: BasketFile,
    as_of: LatestAsOf = "",
    notional: Notional = None,
    holdings: Holdings = "",
    book: Book = "",
    daily: Daily = False,
    orders: OrdersFile = "",
    lot: Lot = 1,
    rulebook: Rules = False,
    data: Data = "sample",
    json_to: Json = "",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Constituents, weights, capacity and the trade list of a basket on a date.

    \b
    Without --book no company is left out for standing in the long book; a run
    leaves its book's companies out.
    --from takes a CSV with ticker and shares (or weight); shorts negative.
    --daily shows drift, profit and loss by name, fees, coming earnings and
    ex-dates, new flags, and with --book the hedge ratio: of the positions in
    --from, or of the basket's own names since its last rebalance.
    \b
    Examples:
      hedgebasket basket configs/baskets/low_quality.yaml \\
        --as-of 2024-01-19 --book configs/books/mega_cap.yaml
      hedgebasket basket configs/baskets/low_quality.yaml \\
        --notional 5e7 --from held.csv --csv orders.csv
      hedgebasket basket configs/baskets/low_quality.yaml \\
        --daily --book configs/books/mega_cap.yaml
      hedgebasket basket configs/baskets/low_quality.yaml --rulebook
    """
    terminal = Terminal(quiet, "-" if orders == "-" else json_to)
    if rulebook:
        _rulebook(terminal, basket, json_to)
        return
    import market
    from backtest.desk import desk

    _demand_places(orders, json_to)
    with terminal.progress() as progress:
        found = desk(
            basket,
            market.open(data),
            as_of or None,
            notional,
            holdings=holdings or None,
            book=book or None,
            daily=daily,
            lot=lot,
            told=lambda stage: progress(stage, 0, 0),
        )
    if orders == "-":
        typer.echo(found.trades.csv_text(), nl=False)
        return
    terminal.data(found.as_json())
    if found.sheet is not None:
        _show_sheet(terminal, found.trades.name, found.sheet)
    else:
        _show_constituents(terminal, found.trades)
    _show_orders(terminal, found.trades, renewal=found.sheet is not None and not holdings)
    if found.next_rebalance is not None:
        session, signal = found.next_rebalance
        terminal.text(f"next scheduled rebalance: {session.date()}, decided on the close of {signal.date()}")
    if orders:
        from backtest.plain_json import write_whole

        write_whole(Path(orders), found.trades.csv_text())
        terminal.note(f"wrote {orders}")


def _demand_places(orders: str, json_to: str) -> None:
    from market.errors import ConfigError

    if orders == "-" and json_to:
        raise ConfigError("--csv - and --json together: give --csv a file, or leave --json out")
    for option, place in (("--csv", orders), ("--json", json_to)):
        if place and place != "-" and not Path(place).absolute().parent.is_dir():
            raise ConfigError(f"{option} {place}: there is no directory {Path(place).parent}")


def _rulebook(terminal: Terminal, basket: Path, json_to: str) -> None:
    from basket.rulebook import rulebook

    sections = rulebook(basket)
    terminal.data({"rulebook": sections})
    for title, lines in sections.items():
        terminal.text(title)
        for line in lines:
            terminal.text(f"  {line}")


def _show_constituents(terminal: Terminal, trades: TradeList) -> None:
    title = f"{trades.name} as of {trades.as_of.date()}: {numeral(trades.notional, 'usd')}, "
    terminal.table(
        ("ticker", "weight", "shares", "notional", "of ADV", "days", "borrow", "flags"),
        [_line(row) for row in trades.constituents.to_dict("records")],
        title=f"{title}capacity {numeral(trades.capacity_usd, 'usd')}",
    )
    limits = trades.capacity
    terminal.text(
        f"capacity: {numeral(limits['five_days'], 'usd')} in five days at a tenth of the volume, "
        f"{numeral(limits['float'], 'usd')} at 1 % of the float, "
        f"{numeral(limits['impact_10bps'], 'usd')} at 10 bp of impact a year ({numeral(limits['impact_50bps'], 'usd')} "
        "at 50 bp) if the basket turns over once a year"
    )


def _show_orders(terminal: Terminal, trades: TradeList, renewal: bool) -> None:
    lead = "a renewal on today's data: " if renewal else ""
    text = f"{lead}{len(trades.orders)} order{'s'[: len(trades.orders) != 1]}"
    if len(trades.orders):
        size, cost = trades.orders["notional"].sum(), trades.orders["cost_usd"].sum()
        text += f", {numeral(size, 'usd')}, expected cost {numeral(cost, 'usd')}"
        parts = [
            f"{len(rows)} {str(side).replace('_', ' ')} {numeral(rows['notional'].sum(), 'usd')}"
            for side, rows in trades.orders.groupby("side")
        ]
        text += f" ({'; '.join(parts)}; net cash {numeral(trades.net_cash_usd, 'usd', sign=True)})"
    terminal.text(text)
    for note in trades.notes:
        terminal.text(f"note: {note}")


def _show_sheet(terminal: Terminal, name: str, sheet: DailySheet) -> None:
    from basket.daily import EXPECTED_FROM

    terminal.table(
        ("ticker", "weight", "drift", "return", "P&L", "dividend", "borrow", "earnings", "ex-date", "new flags"),
        [
            (
                str(row["ticker"]),
                numeral(row["weight"], "percent"),
                numeral(row["drift"], "points", sign=True),
                numeral(row["return"], "percent", sign=True),
                numeral(row["pnl"], "usd", sign=True),
                numeral(row["dividend"], "usd", sign=True),
                numeral(row["borrow"], "usd", sign=True),
                day(row["earnings_expected"]),
                day(row["dividend_expected"]),
                ", ".join(row["new_flags"]),
            )
            for row in sheet.names.reset_index().to_dict("records")
        ],
        title=f"{name}, {sheet.before.date()} to {sheet.as_of.date()}: {numeral(sheet.notional, 'usd')}",
    )
    totals = sheet.totals()
    money = ", ".join(f"{key} {numeral(totals[key], 'usd', sign=True)}" for key in ("pnl", "dividend", "borrow"))
    if sheet.not_held:
        names = ", ".join(list(sheet.not_held)[:8]) + (", ..." if len(sheet.not_held) > 8 else "")
        count = f"{len(sheet.not_held)} name{'s'[: len(sheet.not_held) != 1]}"
        terminal.text(f"not held: {count} the rulebook bought last ({names})")
    terminal.text(f"in all: {money}; drift {numeral(totals['drift'], 'percent')} one-way from what was last bought")
    terminal.text(EXPECTED_FROM)
    for line in sheet.happened:
        terminal.text(f"today: {line}")
    for note in sheet.notes:
        terminal.text(f"note: {note}")
    ratio = sheet.ratio
    if ratio["now"] == ratio["now"]:
        terminal.text(
            f"hedge ratio (a run's default rules): {numeral(ratio['now'], 'ratio3')}, the session before "
            f"{numeral(ratio['before'], 'ratio3')}; in force {numeral(ratio['held'], 'ratio3')}"
        )


def _line(row: Mapping[Hashable, Any]) -> tuple[str, ...]:
    return (
        str(row["ticker"]),
        numeral(row["weight"], "percent"),
        numeral(row["shares"], "count"),
        numeral(row["notional"], "usd"),
        numeral(row["adv_share"], "percent"),
        numeral(row["days_to_trade"], "ratio"),
        numeral(row["borrow_fee"], "percent"),
        ", ".join(row["flags"]),
    )
