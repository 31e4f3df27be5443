"""A trade list as data, as the CSV an order system reads, and as JSON."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

WHOLE = {"shares", "held", "target", "limit_shares", "available_shares", "rank"}
FORMULA = ("=", "+", "-", "@")
DIGITS = {"price": 6, "notional": 2, "adv_share": 6, "days_to_trade": 4, "cost_bps": 2, "cost_usd": 2, "borrow_fee": 6}


@dataclass(frozen=True)
class TradeList:
    """What to hold and what to trade.

    constituents: the target by ticker: rank, weight, shares and notional (signed), adv_share, days_to_trade,
    borrow_fee, flags. orders: ticker, side, shares (positive), price, notional, adv_share, limit_shares, days_to_trade,
    cost_bps, cost_usd, borrow_fee, available_shares, flags. capacity_usd: tradable in five days at a tenth of the
    volume. capacity: USD by limit, see `basket.capacity.capacity_summary`.
    """

    as_of: pd.Timestamp
    name: str
    notional: float
    constituents: pd.DataFrame
    orders: pd.DataFrame
    capacity_usd: float
    notes: tuple[str, ...]
    capacity: dict[str, float] = field(default_factory=dict)

    @property
    def net_cash_usd(self) -> float:
        """What the orders bring in (sales and shorts less purchases), before costs."""
        signed = np.where(self.orders["side"].isin(["sell", "sell_short"]), 1.0, -1.0)
        return float((signed * self.orders["notional"]).sum())

    def csv_text(self) -> str:
        """The orders as CSV for a desk's order system: one line each, shares whole, flags joined by a semicolon.

        Unknown figures are empty fields; dates are ISO; nothing is thousands-separated. A text that a spreadsheet would
        take for a formula is written behind an apostrophe.
        """
        frame = _flat(self.orders)
        frame["ticker"] = [_no_formula(text) for text in frame["ticker"]]
        frame.insert(0, "date", f"{self.as_of:%Y-%m-%d}")
        frame.insert(1, "basket", self.name)
        for column, digits in DIGITS.items():
            frame[column] = frame[column].replace([np.inf, -np.inf], np.nan).round(digits)
        for column in WHOLE & set(frame.columns):
            frame[column] = frame[column].round().astype("Int64")
        return frame.to_csv(index=False, lineterminator="\n")

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write `csv_text` to a file."""
        Path(path).write_text(self.csv_text(), encoding="utf-8")

    def as_json(self) -> dict[str, object]:
        """Plain values: as_of, constituents, capacity_usd, and notional, orders, net_cash_usd, capacity, notes."""
        return {
            "as_of": f"{self.as_of:%Y-%m-%d}",
            "name": self.name,
            "notional": self.notional,
            "constituents": _records(self.constituents),
            "capacity_usd": self.capacity_usd,
            "capacity": {key: _plain(value, False) for key, value in self.capacity.items()},
            "orders": _records(self.orders),
            "net_cash_usd": self.net_cash_usd,
            "notes": list(self.notes),
        }


def _no_formula(text: str) -> str:
    plain = "".join(character for character in text if character.isprintable())
    return f"'{plain}" if plain.startswith(FORMULA) else plain


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(flags=[";".join(row) for row in frame["flags"]])


def _records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Rows as plain values; a missing number is None, shares are whole."""
    return [
        {str(key): _plain(value, str(key) in WHOLE) for key, value in row.items()} for row in frame.to_dict("records")
    ]


def _plain(value: object, whole: bool) -> object:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, float | np.floating):
        number = float(value)
        if not np.isfinite(number):
            return None
        return int(number) if whole and number == int(number) else number
    return value
