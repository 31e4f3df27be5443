"""What can be wrong with facts; every test needs only the table itself, and the splits that prices know.

1. `filed_early`: filed before the period ended. `far_filed`: first filed more than a year after it, though the company
   filed before; one finding an item, dated by the first such period.
2. `unbalanced`: assets differ from liabilities + equity (+ minorities, where given) by more than 5 % of assets; one
   finding a company, dated by the worst.
3. `part_exceeds_whole`: cash, receivables, inventory or current assets above total assets, debt above five times them.
4. `negative_magnitude`: revenue, assets, debt or cash below zero.
5. `share_jump`: share counts of neighbouring periods that differ by a factor that the splits between them do not
   explain: the table mixes split bases, a split is missing from the prices, or companies merged.
6. `two_ciks`: one ticker with facts of several CIKs (a reused symbol, or a changed CIK). `no_prices`: facts without
   prices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from market.check import Finding, Severity

if TYPE_CHECKING:
    from market.market import Market

TOLERANCE = 0.05  # of assets: temporary equity and minorities are often not tagged
FILED_WITHIN_DAYS = 366
MAGNITUDES = (
    "revenue", "assets", "current_assets", "cash_and_short_term_investments", "liabilities", "current_liabilities",
    "short_term_debt", "long_term_debt", "shares_outstanding", "shares_diluted", "inventory", "receivables",
)  # fmt: skip
MOST_OF_ASSETS = {
    "current_assets": 1.01, "cash_and_short_term_investments": 1.01, "receivables": 1.01, "inventory": 1.01,
    "short_term_debt": 5.0, "long_term_debt": 5.0,
}  # fmt: skip
"""How large an item can be beside total assets; debt well above them exists (Domino's), at five times it is none."""
SHARE_JUMP = 1.8  # a ratio of counts that only a split, a merger or another basis explains


def check_facts(market: Market) -> list[Finding]:
    """Findings on the `facts` table."""
    rows = market.rows("facts")
    found = _dates(rows) + _balance(rows) + _parts(rows) + _signs(rows) + _names(rows, market)
    return found + (_shares(rows, market) if market.has("prices") else [])


def _found(ticker: object, period_end: object, kind: str, message: str, severity: Severity) -> Finding:
    return Finding("facts", str(ticker), str(period_end)[:10], kind, message, severity)


def _dates(rows: pd.DataFrame) -> list[Finding]:
    if "filed" not in rows:
        return []
    lag = (rows["filed"] - rows["period_end"]).dt.days
    first = rows.groupby(["ticker", "item", "period_end"])["filed"].transform("min")
    began = rows.groupby("ticker")["filed"].transform("min")  # its first filings tell of the years before them
    late = rows[(lag > FILED_WITHIN_DAYS) & (rows["filed"] == first) & (rows["period_end"] >= began)]
    late = late.drop_duplicates(["ticker", "item", "period_end"]).sort_values(["ticker", "item", "period_end"])
    count = late.groupby(["ticker", "item"])["period_end"].transform("size")
    late = late.assign(count=count).drop_duplicates(["ticker", "item"])
    return [
        _found(row.ticker, row.period_end, "filed_early", f"{row.item} filed {row.filed:%Y-%m-%d}", "error")
        for row in rows[lag < 0].itertuples()
    ] + [
        _found(
            row.ticker,
            row.period_end,
            "far_filed",
            f"{row.item} first filed {row.filed:%Y-%m-%d} ({row.periods} such periods)",
            "warning",
        )
        for row in late.rename(columns={"count": "periods"}).itertuples()
    ]


def _balance(rows: pd.DataFrame) -> list[Finding]:
    sides = ["assets", "liabilities", "equity", "minority_interest"]
    held = rows[rows["item"].isin(sides)].drop_duplicates(["ticker", "period_end", "item"], keep="last")
    wide = held.pivot(index=["ticker", "period_end"], columns="item", values="value").reindex(columns=sides)
    wide = wide.dropna(subset=sides[:3])
    gap = wide["assets"] - wide["liabilities"] - wide["equity"]
    # Equity is tagged with or without minorities: the nearer reading counts.
    share = np.minimum(gap.abs(), (gap - wide["minority_interest"].fillna(0.0)).abs()) / wide["assets"].abs()
    off = share[share > TOLERANCE].rename("share").reset_index()
    count = off.groupby("ticker")["share"].transform("size")
    worst = off.assign(count=count).sort_values("share", ascending=False).drop_duplicates("ticker")
    return [
        _found(
            row.ticker,
            row.period_end,
            "unbalanced",
            f"assets and the other side differ by {row.share:.0%} of assets ({row.sheets} such balance sheets)",
            "warning",
        )
        for row in worst.sort_values("ticker").rename(columns={"count": "sheets"}).itertuples()
    ]


def _parts(rows: pd.DataFrame) -> list[Finding]:
    """Items of a balance sheet that are larger than it can hold; both figures of one filing where filings are known."""
    sheet = ["ticker", "period_end", *(name for name in ("accession",) if name in rows)]
    held = rows[rows["item"].isin(["assets", *MOST_OF_ASSETS])].drop_duplicates([*sheet, "item"], keep="last")
    whole = held.loc[held["item"] == "assets", [*sheet, "value"]].rename(columns={"value": "whole"})
    parts = held[held["item"] != "assets"].merge(whole, on=sheet)
    parts = parts.assign(
        times=parts["value"] / parts["whole"], most=parts["item"].map(MOST_OF_ASSETS).astype("float64")
    )
    wrong = parts[(parts["whole"] > 0) & (parts["times"] > parts["most"])]
    wrong = wrong.drop_duplicates(["ticker", "period_end", "item"])
    return [
        _found(
            row.ticker, row.period_end, "part_exceeds_whole", f"{row.item} is {row.times:.2f} times assets", "warning"
        )
        for row in wrong.itertuples()
    ]


def _signs(rows: pd.DataFrame) -> list[Finding]:
    wrong = rows[rows["item"].isin(MAGNITUDES) & (rows["value"] < 0)]
    return [
        _found(row.ticker, row.period_end, "negative_magnitude", f"{row.item} is {row.value:,.0f}", "warning")
        for row in wrong.itertuples()
    ]


def _shares(rows: pd.DataFrame, market: Market) -> list[Finding]:
    found: list[Finding] = []
    panel = market.panel()
    for item in ("shares_outstanding", "shares_diluted"):
        held = rows[(rows["item"] == item) & (rows["value"] > 0) & rows["ticker"].isin(panel.tickers)]
        held = held.sort_values(["ticker", "period_end"]).drop_duplicates(["ticker", "period_end"], keep="last")
        row = np.clip(panel.sessions.searchsorted(held["period_end"], side="right") - 1, 0, None)
        basis = panel.split_factor()[row, panel.tickers.get_indexer(pd.Index(held["ticker"]))]
        same = (held["ticker"] == held["ticker"].shift()).to_numpy()
        counts = held["value"].to_numpy(dtype=np.float64)
        ratio, split = counts / np.roll(counts, 1), basis / np.roll(basis, 1)
        apart = same & (np.maximum(ratio / split, split / ratio) > SHARE_JUMP)
        for one, times, known in zip(held[apart].itertuples(), ratio[apart], split[apart], strict=True):
            message = f"{item} times {times:.2f} since the period before, splits in the prices times {known:g}"
            found.append(_found(one.ticker, one.period_end, "share_jump", message, "warning"))
    return found


def _names(rows: pd.DataFrame, market: Market) -> list[Finding]:
    found: list[Finding] = []
    if "cik" in rows:
        several = rows.groupby("ticker")["cik"].nunique()
        found += [
            _found(name, "", "two_ciks", f"facts of {int(count)} CIKs under one ticker", "warning")
            for name, count in several[several > 1].items()
        ]
    if not market.has("prices"):
        return found
    unpriced = sorted(set(map(str, rows["ticker"].unique())) - set(map(str, market.tickers)))
    return found + [_found(name, "", "no_prices", "facts of a name without prices", "info") for name in unpriced]
