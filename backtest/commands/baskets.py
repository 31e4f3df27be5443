"""The command that shows a basket: who is in it, how large, and what to trade."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backtest.commands.options import BasketFile, Data, Debug, Json, LatestAsOf, Quiet
from backtest.commands.terminal import Terminal
from backtest.report.numerals import numeral

if TYPE_CHECKING:
    import pandas as pd

Holdings = Annotated[
    str, typer.Option("--holdings", metavar="CSV", help="What is held now (ticker, shares); orders go from there.")
]
OrdersFile = Annotated[str, typer.Option("--orders", metavar="FILE", help="Also write the trade list as CSV.")]
Notional = Annotated[float, typer.Option("--notional", metavar="USD", min=1.0, help="Size of the short.")]
DEFAULT_NOTIONAL = 25e6


def basket(
    basket: BasketFile,
    as_of: LatestAsOf = "",
    notional: Notional = DEFAULT_NOTIONAL,
    holdings: Holdings = "",
    orders: OrdersFile = "",
    data: Data = "sample",
    json_to: Json = "",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Constituents, weights, capacity and the trade list of a basket on a date.

    \b
    Examples:
      hedgebasket basket configs/baskets/low_quality.yaml --as-of 2024-01-19
      hedgebasket basket configs/baskets/low_quality.yaml --notional 5e7 --orders orders.csv
    """
    import market
    from basket.orders import trade_list

    terminal = Terminal(quiet, json_to)
    with terminal.progress() as progress:
        progress("building the basket", 0, 0)
        found = trade_list(basket, market.open(data), as_of or None, notional, holdings=holdings or None)
    terminal.data(found.as_json())
    title = f"{found.name} as of {found.as_of.date()}: {numeral(found.notional, 'usd')}, "
    terminal.table(
        ("ticker", "weight", "shares", "notional", "of ADV", "days", "borrow", "flags"),
        _lines(found.constituents),
        title=f"{title}capacity {numeral(found.capacity_usd, 'usd')}",
    )
    traded = f"{len(found.orders)} orders"
    if len(found.orders):
        size, cost = found.orders["notional"].abs().sum(), found.orders["cost_usd"].sum()
        traded += f", {numeral(size, 'usd')}, cost {numeral(cost, 'usd')}"
    terminal.text(traded)
    for note in found.notes:
        terminal.text(f"note: {note}")
    if orders:
        found.to_csv(Path(orders))
        terminal.note(f"wrote {orders}")


def _lines(constituents: pd.DataFrame) -> list[tuple[str, ...]]:
    return [
        (
            str(line["ticker"]),
            numeral(line["weight"], "percent"),
            numeral(line["shares"], "count"),
            numeral(line["notional"], "usd"),
            numeral(line["adv_share"], "percent"),
            numeral(line["days_to_trade"], "ratio"),
            numeral(line["borrow_fee"], "percent"),
            line["flags"] if isinstance(line["flags"], str) else ", ".join(line["flags"]),
        )
        for line in constituents.to_dict("records")
    ]
