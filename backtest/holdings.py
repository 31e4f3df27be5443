"""The current basket as a table a PM reads: who, how much, why, and what would make it hard to hold.

Weights are those in force after the last close; ranks, scores and reasons are those of the last decision; liquidity and
borrow are as known at the last session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.filing_links import last_filings
from backtest.report.numerals import numeral
from basket.capacity import ADV_SESSIONS, PARTICIPATION, days_to_trade

if TYPE_CHECKING:
    from backtest.legs import Legs
    from basket import Basket

HARD_TO_BORROW = 0.02  # decimal a year: 200 bp, the desk's own line
WORDS_OF_A_REASON = 3  # metrics named in a reason, the worst first


def constituents(legs: Legs, notional: float) -> pd.DataFrame:
    """One row a name held short: weight, rank, score, blocks, liquidity at `notional` USD, fee, entry, reason."""
    short, data = legs.short, legs.data
    view = data.as_of(legs.sessions[-1])
    held = short.held_on(legs.sessions[-1])
    at = view.tickers.get_indexer(held.index)
    adv = view.dollar_volume(ADV_SESSIONS)[at]
    fee = view.borrow_fee()[at]
    amount = held.to_numpy() * notional
    table = pd.DataFrame(
        {
            "ticker": held.index.astype(str),
            "name": data.securities["name"].reindex(held.index).fillna("").to_numpy(dtype=object),
            "sector": view.sector()[at],
            "industry": view.industry()[at],
            "weight": held.to_numpy(),
        }
    )
    decided = short.signal_sessions.iloc[-1]
    screened = short.screened.get(decided)
    if screened is not None:
        where = screened.view.tickers.get_indexer(held.index)
        table["rank"] = short.pools[-1].rank[where]
        table["score"] = screened.score[where]
        for name, block in screened.blocks.items():
            table[name] = block.percentile[where]
    table["borrow_fee"] = fee
    table["adv_share"] = np.abs(amount) / np.where(adv > 0, adv, np.nan)
    table["days_to_trade"] = days_to_trade(amount, adv, PARTICIPATION)
    table["entered"] = [entered(short, ticker) for ticker in held.index]
    table["reason"] = reasons(short, list(held.index.astype(str)))
    cik = data.securities["cik"] if "cik" in data.securities else pd.Series(dtype=float)
    filings = last_filings(view, cik.reindex(held.index))
    for i, column in enumerate(("filing", "filed", "filing_url")):
        table[column] = [filing[i] for filing in filings]
    table["flags"] = ["hard to borrow" if f >= HARD_TO_BORROW else "" for f in fee]
    return table.sort_values(["weight", "ticker"], ascending=[False, True], ignore_index=True)


def entered(short: Basket, ticker: str) -> pd.Timestamp:
    """The rebalance at which a name now held came in."""
    weights = short.weights[ticker].to_numpy()
    out = np.flatnonzero(weights == 0)
    return short.rebalances[0 if out.size == 0 else min(int(out[-1]) + 1, len(weights) - 1)]


def reasons(short: Basket, tickers: list[str]) -> list[str]:
    """The metrics on which each name looks worst, with value and percentile, as scored at the last decision."""
    screened = short.screened.get(short.signal_sessions.iloc[-1])
    if screened is None:
        return ["" for _ in tickers]
    where = screened.view.tickers.get_indexer(pd.Index(tickers))
    labels = [label for name in screened.spec.blocks for label in screened.blocks[name].shares]
    labels = list(dict.fromkeys(labels))
    shares = np.column_stack([screened.shares[label][where] for label in labels])
    values = np.column_stack([screened.values[label].value[where] for label in labels])
    told = []
    for share, value in zip(shares, values, strict=True):
        order = [int(i) for i in np.argsort(-np.nan_to_num(share, nan=-1.0), kind="stable") if np.isfinite(share[i])]
        words = [_worse(labels[i], float(value[i]), float(share[i])) for i in order[:WORDS_OF_A_REASON]]
        told.append("; ".join(words))
    return told


def _worse(label: str, value: float, share: float) -> str:
    shown = f" {numeral(value, 'ratio')}" if np.isfinite(value) else ""
    return f"{label.replace('_', ' ')}{shown} (worse than {share:.0%})"
