"""The data-quality audit: what is wrong in a store, before a backtest finds out.

1. Prices: jumps without a corporate action, splits that the price did not follow, two sources that disagree, stale
   closes, negative volumes, days off the calendar, holes, sessions without any price (`market.check_prices`).
2. Facts: filed before their period ended, contradicting balance sheets, impossible signs, share counts that jump by a
   split ratio the prices do not know, one company under two CIKs (`market.check_facts`).
3. Reference tables: overlapping memberships, reused symbols, market caps that jump against the price, snapshots too
   old.
4. Rows of a directory of one's own files that could not enter: negative volumes, dates that contradict, duplicates.
5. Coverage by year and by sector is a table of its own.

A finding is `error` where a number is certainly wrong, `warning` where it may be real, `info` where it is merely a
limit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from market.market import Market

Severity = Literal["error", "warning", "info"]
_ORDER = {"error": 0, "warning": 1, "info": 2}
MARKET_CAP_JUMP = 0.5  # in logs, against the move of the price: another company's share count, or a merger
SNAPSHOT_SESSIONS = 252


@dataclass(frozen=True)
class Finding:
    """One thing found: where (`date` is an ISO day or '' for the whole series), what kind, and how grave."""

    table: str
    ticker: str
    date: str
    kind: str
    message: str
    severity: Severity

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


def check(market: Market) -> list[Finding]:
    """All findings, the gravest first, then by table, ticker and date."""
    from market.check_facts import check_facts
    from market.check_prices import check_prices

    found = [
        Finding(one.table, "", "", _kind_refused(one.reason), f"row {one.row}: {one.reason}", "error")
        for one in market.contents.refused
    ]
    if market.has("prices"):
        found += check_prices(market)
    if market.has("facts"):
        found += check_facts(market)
    for name, part in (("members", _members), ("securities", _securities)):
        if market.has(name):
            found += part(market)
    if market.has("prices"):  # what follows is held against the sessions
        found += _market_caps(market) if market.has("market_cap") else []
        found += [one for name in ("borrow", "short_interest") if market.has(name) for one in _snapshots(market, name)]
    return sorted(found, key=lambda f: (_ORDER[f.severity], f.table, f.kind, f.ticker, f.date))


def _kind_refused(reason: str) -> str:
    """The kind of finding that the reason of a refused row makes."""
    begins = {"volume: ": "negative_volume", "filed lies before": "filed_early", "same ": "duplicate"}
    return next((kind for start, kind in begins.items() if reason.startswith(start)), "refused_row")


def coverage(market: Market, index: str | None = None) -> pd.DataFrame:
    """Share of names with prices, facts and a market cap, by year (last session) and sector.

    Columns: year, sector ('all' for the whole), names, prices, facts, market_cap. Names are the members of `index` on
    that day, or without one the stocks that trade; members without prices have no sector here and count in 'all' only.
    """
    rows = []
    sessions = market.sessions
    for last in sessions[np.append(sessions.year[1:] != sessions.year[:-1], True)]:
        view = market.as_of(last)
        chosen = view.is_member(index) if index else view.is_stock() & ~np.isnan(view.close())
        missing = market.coverage(index, last)[1] - int((chosen & ~np.isnan(view.close())).sum()) if index else 0
        priced = chosen & ~np.isnan(view.close())
        facts = priced & ~np.isnan(view.item("assets")) if market.has("facts") else np.zeros(len(priced), bool)
        sized = priced & ~np.isnan(view.market_cap())
        sector = view.sector()
        for name in ("all", *sorted({str(s) for s in sector[chosen]})):
            held = priced if name == "all" else priced & (sector == name)
            of = int(held.sum()) + (missing if name == "all" else 0)
            if of:
                rows.append((last.year, name or "unknown", of, held.sum() / of, (facts & held).sum() / of,
                             (sized & held).sum() / of))  # fmt: skip
    return pd.DataFrame(rows, columns=["year", "sector", "names", "prices", "facts", "market_cap"])


def _members(market: Market) -> list[Finding]:
    rows = market.rows("members").sort_values(["index", "ticker", "start"])
    same = (rows["index"] == rows["index"].shift()) & (rows["ticker"] == rows["ticker"].shift())
    end = rows["end"].shift() if "end" in rows else pd.Series(pd.NaT, index=rows.index)
    twice = rows[same & (end.isna() | (end >= rows["start"]))]
    return [
        Finding("members", str(row.ticker), str(row.start)[:10], "overlapping_membership",
                f"an interval of {row.index_name} begins before the one before it ends", "error")
        for row in twice.rename(columns={"index": "index_name"}).itertuples()
    ]  # fmt: skip


def _securities(market: Market) -> list[Finding]:
    rows = market.rows("securities")
    found = [
        Finding("securities", str(ticker), "", "reused_symbol",
                "this name is an earlier holder of a symbol that another company uses now", "info")
        for ticker in rows["ticker"] if "@" in str(ticker)
    ]  # fmt: skip
    if not market.has("prices"):
        return found
    stocks = market.securities[market.securities["type"] == "stock"]
    found += [
        Finding("securities", str(ticker), "", "no_sector", "no sector: sector rules cannot see this name", "warning")
        for ticker in stocks.index[stocks["sector"] == ""]
    ]
    return found


def _market_caps(market: Market) -> list[Finding]:
    caps = market.market_caps
    if caps is None:
        return []
    panel = market.panel()
    carried = panel.carried_close()
    found = []
    for column, ticker in enumerate(panel.tickers):
        given = np.flatnonzero(~np.isnan(caps.value[:, column]) & (caps.session >= 0))
        if len(given) < 2:
            continue
        price = carried[caps.session[given], column]
        moved = np.diff(np.log(caps.value[given, column])) - np.diff(np.log(price))
        found += [
            Finding("market_cap", str(ticker), str(caps.dates[given[i + 1]])[:10], "size_jump",
                    f"times {np.exp(moved[i]):.2f} beyond the price: a merger, or another company's shares", "warning")
            for i in np.flatnonzero(np.abs(moved) > MARKET_CAP_JUMP)
        ]  # fmt: skip
    return found


def _snapshots(market: Market, name: str) -> list[Finding]:
    column = {"borrow": "date", "short_interest": "published_date"}[name]
    dates = np.unique(market.rows(name)[column].to_numpy())
    reach = len(market.sessions) / max(len(dates), 1)
    if reach < SNAPSHOT_SESSIONS / 12:
        return []
    last = str(dates[-1])[:10]
    return [
        Finding(name, "", last, "sparse", f"{len(dates)} dated snapshots for {len(market.sessions)} sessions", "info")
    ]
