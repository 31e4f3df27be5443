"""The standing warnings of a market: what a reader must know before believing a result on it.

1. The notes of the store itself (its manifest).
2. Survivorship: which share of the index's members has prices at the start and the end, and whether any name ever ends.
3. Facts: whether several versions are kept (else values are as last filed), and which share has an assumed lag.
4. Prices: stocks whose money runs on adjusted closes, and how much volume is missing.
5. Sizes and fees: market caps made from a constant share count; how far dated borrow fees reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from market.market import Market

MISSING_VOLUME_WORTH_SAYING = 0.005


def notes(market: Market) -> list[str]:
    """Warnings that belong beside every result on this data."""
    found = list(market.manifest.notes) + market.extra_notes
    for part in (_survivorship, _facts, _prices, _market_caps, _borrow):
        found += part(market)
    return list(dict.fromkeys(found))


def _survivorship(market: Market) -> list[str]:
    found = []
    if market.has("members"):
        for index in market.members.indices:
            first = max(market.start, market.session_on_or_after(market.members.first_day(index)))
            have, of = market.coverage(index, first)
            have_last, of_last = market.coverage(index, market.end)
            found.append(
                f"members: of {index}, {have} of {of} have prices on {first.date()} and {have_last} of {of_last} on "
                f"{market.end.date()}; results on earlier dates miss the others"
            )
    else:
        found.append("members: no dated index membership; a universe of these names has hindsight in it")
    stocks = market.securities["type"] == "stock"
    if stocks.any() and market.securities.loc[stocks, "last_date"].isna().all():
        found.append("survivorship: no name in the data was ever delisted, so companies that failed are missing")
    return found


def _facts(market: Market) -> list[str]:
    if not market.has("facts"):
        return ["facts: none in this data; screens on fundamentals have nothing to go by"]
    rows = market.rows("facts")
    found = []
    period = ["ticker", "item", "period_start", "period_end"]
    if not rows.duplicated([name for name in period if name in rows]).any():
        found.append("facts: one version of each value, as last filed; restatements leak back, only dates are real")
    dated = rows["filed"].notna() if "filed" in rows else np.zeros(len(rows), bool)
    if "known_at" in rows:
        dated = dated | rows["known_at"].notna()
    share = float(1.0 - np.mean(dated))
    if share > 0:
        found.append(
            f"facts: {share:.1%} have no filing date and count from an assumed lag (45 days 10-Q, 90 days 10-K)"
        )
    return found


def _prices(market: Market) -> list[str]:
    panel = market.panel()
    stocks = (market.securities["type"] == "stock").to_numpy()
    adjusted = sorted(name for name in panel.total_return_only if market.securities.loc[name, "type"] == "stock")
    found = []
    if adjusted:
        shown = ", ".join(adjusted[:5]) + (", ..." if len(adjusted) > 5 else "")
        found.append(
            f"prices: {len(adjusted)} stocks have adjusted closes only ({shown}); their money runs on total-return "
            "prices, so shares and dividends are not those of the day"
        )
    traded = ~np.isnan(panel.close[:, stocks])
    unknown = float((traded & np.isnan(panel.volume[:, stocks])).sum() / max(int(traded.sum()), 1))
    if unknown > MISSING_VOLUME_WORTH_SAYING:
        found.append(f"prices: volume is unknown on {unknown:.1%} of the rows of stocks")
    return found


def _market_caps(market: Market) -> list[str]:
    if not market.has("market_cap"):
        return ["market caps: none given; shares outstanding times close stands in"]
    rows = market.rows("market_cap")
    constant = rows["source"] == "constant_shares" if "source" in rows else np.zeros(len(rows), bool)
    if not np.any(constant):
        return []
    last = rows.loc[constant, "date"].max().date()
    return [f"market caps: {np.mean(constant):.0%} until {last} know a later share count (price moves are of the day)"]


def _borrow(market: Market) -> list[str]:
    if market.borrow is None:
        return ["borrow: no dated fees; every fee is a tier by size, short interest and price"]
    dated = np.unique(market.borrow.session)
    covered = sum(bool((np.abs(dated - t) <= 20).any()) for t in range(len(market.sessions)))
    reach = covered / len(market.sessions)
    return [f"borrow: {len(dated)} dated snapshots reach {reach:.0%} of the sessions; elsewhere fees are tiers"]
