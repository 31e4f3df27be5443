"""Corporate actions that change what is held: mergers, spin-offs, new symbols.

Splits and cash dividends (special ones too) are columns of the price table and need no entry here. An action takes
effect at the open of its session, so that session's move is in the level:

- `cash_merger`: each share becomes `cash` USD, which is handed on as a deletion is;
- `stock_merger`: each share becomes `ratio` shares of `into`, and `cash` USD on top;
- `symbol_change`: a stock merger with ratio 1;
- `spin_off`: each share brings `ratio` shares of `into`, sold at that session's close; without a price for `into`,
  `cash` per share is taken instead.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

import pandas as pd

from market.errors import DataError

ActionKind = Literal["cash_merger", "stock_merger", "symbol_change", "spin_off"]
ACTION_COLUMNS = ("date", "ticker", "action", "into", "ratio", "cash")


@dataclass(frozen=True)
class CorporateAction:
    """One action. ratio: new shares per old one. cash: USD per old share."""

    session: pd.Timestamp
    ticker: str
    kind: ActionKind
    into: str = ""
    ratio: float = 1.0
    cash: float = 0.0


def read_actions(frame: pd.DataFrame, known: Collection[str] | None = None) -> list[CorporateAction]:
    """Actions from a table with ACTION_COLUMNS (`into`, `ratio`, `cash` optional), in order of date.

    known: the tickers of the data, where names are to be checked. Raises `DataError` naming every bad row (counted from
    1, without the header).
    """
    missing = {"date", "ticker", "action"} - set(frame.columns)
    if missing:
        raise DataError(f"corporate actions lack the column(s) {', '.join(sorted(missing))}")
    out: list[CorporateAction] = []
    bad: list[str] = []
    for number, row in enumerate(frame.to_dict("records"), start=1):
        texts = {column: "" if pd.isna(row.get(column)) else str(row[column]).strip() for column in ACTION_COLUMNS}
        try:
            out.append(_action(texts, known))
        except ValueError as error:
            bad.append(f"row {number}: {error}")
    if bad:
        raise DataError("corporate actions: " + "; ".join(bad))
    return sorted(out, key=lambda action: action.session)


def _action(texts: dict[str, str], known: Collection[str] | None) -> CorporateAction:
    """One row; raises `ValueError` saying what is wrong with it."""
    kinds: dict[str, ActionKind] = {kind: kind for kind in get_args(ActionKind)}
    ticker, into = texts["ticker"], texts["into"]
    if texts["action"] not in kinds:
        raise ValueError(f"action {texts['action']!r} is none of {', '.join(kinds)}")
    kind = kinds[texts["action"]]
    date = pd.to_datetime(texts["date"], errors="coerce", format="ISO8601")
    if pd.isna(date):
        raise ValueError(f"{texts['date']!r} is not a date; write it as YYYY-MM-DD")
    if not ticker:
        raise ValueError("the ticker is empty")
    ratio, cash = _number(texts["ratio"], "ratio", 1.0), _number(texts["cash"], "cash", 0.0)
    if kind == "cash_merger" and not cash:
        raise ValueError("a cash_merger needs `cash`, USD a share")
    if kind != "cash_merger" and not into and not (kind == "spin_off" and cash):
        raise ValueError(f"a {kind} needs `into`, the symbol that the shares become")
    if ratio <= 0 or cash < 0:
        raise ValueError("the ratio must be positive and the cash not negative")
    # A spin-off may be paid in cash where its shares have no prices.
    for name in (ticker, into if kind in ("stock_merger", "symbol_change") else ticker):
        if known is not None and name not in known:
            near = difflib.get_close_matches(name, [str(one) for one in known], n=1, cutoff=0.6)
            raise ValueError(f"unknown ticker {name}" + (f" (did you mean '{near[0]}'?)" if near else ""))
    return CorporateAction(date.normalize(), ticker, kind, into, ratio, cash)


def _number(text: str, column: str, default: float) -> float:
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not math.isfinite(value):
        raise ValueError(f"{column} {text!r} is not a number")
    return value
