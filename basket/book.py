"""The user's own positions: a CSV of shares or weights, existing shorts allowed.

1. The file has a header with `ticker` and either `shares` or `weight`; one row a position, negative for a short.
2. Every bad row is reported at once, with its line: an unknown ticker, no number, a zero, a name twice.
3. Shares are counted on one day's split basis and carried through time by the splits, so that 10 shares before a
   ten-for-one split are the 100 of today.
4. Weights are values over their sum, so long and short positions net to 1.
"""

from __future__ import annotations

import csv
import difflib
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from market.errors import ConfigError, DataError, Problem
from market.spelling import exchange_spelling

Floats = npt.NDArray[np.float64]
Unit = Literal["shares", "weight"]


@dataclass(frozen=True)
class Holdings:
    """Positions by ticker, in shares or as weights."""

    unit: Unit
    amounts: pd.Series

    @property
    def tickers(self) -> list[str]:
        return [str(ticker) for ticker in self.amounts.index]


def read_holdings(path: str | os.PathLike[str], known: Collection[str]) -> Holdings:
    """Read positions; `known` are the tickers of the data. Raises `ConfigError` with every bad row and its line."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as text ({error})") from None
    rows = list(csv.reader(text.splitlines()))
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    unit = _unit(header, str(path))
    at_ticker, at_amount = header.index("ticker"), header.index(unit)
    problems: list[Problem] = []
    found: dict[str, float] = {}
    for line, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        ticker = exchange_spelling(row[at_ticker].strip().upper()) if at_ticker < len(row) else ""
        written = row[at_amount].strip() if at_amount < len(row) else ""
        message = _fault(ticker, written, unit, known, found)
        if message:
            problems.append(Problem(str(path), line, ticker or "ticker", message))
        else:
            found[ticker] = float(written.replace(",", "").replace("_", ""))
    if problems:
        raise ConfigError(problems)
    if not found:
        raise ConfigError(f"{path}: no positions; to start from nothing leave the file out")
    total = sum(found.values())
    # Weights of shorts may be written negative: −1 is a basket held short.
    if unit == "weight" and abs(abs(total) - 1.0) > 0.005:
        hint = "; they look like percentages: divide by 100" if abs(abs(total) - 100) < 0.5 else ""
        raise ConfigError(f"{path}: the weights sum to {total:.6g}, not to 1{hint}")
    return Holdings(unit, pd.Series(found, dtype=float).rename(unit))


def _unit(header: list[str], path: str) -> Unit:
    units = [name for name in get_args(Unit) if name in header]
    if "ticker" not in header or len(units) != 1:
        shown = ", ".join(header) or "nothing"
        raise ConfigError(f"{path}:1: expected the columns ticker and either shares or weight; found {shown}")
    return "shares" if units[0] == "shares" else "weight"


def _fault(ticker: str, written: str, unit: Unit, known: Collection[str], found: Iterable[str]) -> str:
    if not ticker:
        return "the ticker is empty"
    if ticker not in known:
        near = difflib.get_close_matches(ticker, [str(name) for name in known], n=1, cutoff=0.6)
        return "unknown ticker" + (f" (did you mean '{near[0]}'?)" if near else "")
    if ticker in found:
        return "stands there twice; add the positions up"
    try:
        amount = float(written.replace(",", "").replace("_", ""))
    except ValueError:
        return f"{unit} '{written}' is not a number"
    if not np.isfinite(amount) or amount == 0:
        return f"{unit} {written} is no position"
    return ""


def worth_of(holdings: Holdings, tickers: pd.Index, value: Floats, factor_counted: Floats) -> Floats:
    """What each position is worth at a close (n_assets,): USD for shares, the weight itself for weights.

    value (n_assets,): USD of what one share of the data's first session has become; 0 before the first close.
    factor_counted (n_assets,): shares it had become on the day the shares are counted on.
    """
    columns = tickers.get_indexer(holdings.amounts.index)
    amounts = holdings.amounts.to_numpy()
    out = np.zeros(len(tickers))
    if holdings.unit == "weight":
        out[columns] = np.where(value[columns] > 0, amounts, 0.0)
    else:
        out[columns] = amounts / factor_counted[columns] * value[columns]
    return out


def net_weights(worth: Floats, what: str) -> Floats:
    """Weights of positions (n_assets,) that net to 1. Raises `DataError` when the net is not positive."""
    net = float(worth.sum())
    if net <= 0:
        raise DataError(f"{what}: the positions net to {net:,.0f}; a book needs more long than short")
    return worth / net
