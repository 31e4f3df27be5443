"""The command that shows a basket: who is in it, how large, and what to trade."""

from __future__ import annotations

from typing import Annotated

import typer

from backtest.commands.options import BasketFile, Data, Debug, Json, LatestAsOf, Quiet
from backtest.commands.terminal import Terminal
from backtest.report.numerals import numeral

Notional = Annotated[float, typer.Option("--notional", metavar="USD", min=1.0, help="Size of the short.")]
DEFAULT_NOTIONAL = 100e6


def basket(
    basket: BasketFile,
    as_of: LatestAsOf = "",
    notional: Notional = DEFAULT_NOTIONAL,
    data: Data = "sample",
    json_to: Json = "",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Constituents, weights, capacity and the trade list of a basket on a date.

    \b
    Examples:
      hedgebasket basket configs/baskets/low_quality.yaml --as-of 2024-01-19
      hedgebasket basket configs/baskets/low_quality.yaml --notional 5e7 --json -
    """
    import market
    from basket.sheet import sheet

    terminal = Terminal(quiet, json_to)
    with terminal.progress() as progress:
        progress("building the basket", 0, 0)
        found = sheet(basket, market.open(data), as_of or None, notional)
    terminal.data(found)
    rows = [
        (
            line["ticker"],
            numeral(line["weight"], "percent"),
            numeral(line["shares"], "count"),
            numeral(line["notional"], "usd"),
            numeral(line["adv_share"], "percent"),
            numeral(line["days_to_trade"], "ratio"),
            numeral(line["borrow_fee"], "percent"),
            ", ".join(line["flags"]) if isinstance(line["flags"], list | tuple) else line["flags"],
        )
        for line in found["constituents"]
    ]
    headings = ("ticker", "weight", "shares", "notional", "of ADV", "days", "borrow", "flags")
    terminal.table(headings, rows, title=f"as of {found['as_of']}, capacity {numeral(found['capacity_usd'], 'usd')}")
