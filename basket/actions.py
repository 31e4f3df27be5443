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


def read_actions(frame: pd.DataFrame) -> list[CorporateAction]:
    """Actions from a table with ACTION_COLUMNS (`into`, `ratio`, `cash` optional).

    Raises `DataError` naming every bad row (counted from 1).
    """
    missing = {"date", "ticker", "action"} - set(frame.columns)
    if missing:
        raise DataError(f"corporate actions lack the column(s) {', '.join(sorted(missing))}")
    out: list[CorporateAction] = []
    bad: list[str] = []
    for number, row in enumerate(frame.to_dict("records"), start=1):
        kind = str(row["action"])
        date = pd.to_datetime(str(row["date"]), errors="coerce")
        into = "" if pd.isna(row.get("into")) else str(row.get("into"))
        ratio = 1.0 if pd.isna(row.get("ratio")) else float(str(row.get("ratio")))
        cash = 0.0 if pd.isna(row.get("cash")) else float(str(row.get("cash")))
        if kind not in get_args(ActionKind):
            bad.append(f"row {number}: action {kind!r} is none of {', '.join(get_args(ActionKind))}")
        elif pd.isna(date):
            bad.append(f"row {number}: {row['date']!r} is not a date")
        elif kind != "cash_merger" and not into and not cash:
            bad.append(f"row {number}: a {kind} needs `into`, the symbol that the shares become")
        elif ratio <= 0 or cash < 0:
            bad.append(f"row {number}: the ratio must be positive and the cash not negative")
        else:
            out.append(CorporateAction(date.normalize(), str(row["ticker"]), kind, into, ratio, cash))  # type: ignore[arg-type]
    if bad:
        raise DataError("corporate actions: " + "; ".join(bad))
    return out
