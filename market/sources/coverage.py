"""What a filled store covers: rows of its tables, and members of each year that have prices and facts."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from market.facts import FLOW_MAX_AGE_DAYS
from market.store import Store

REPORTED_WITHIN = pd.Timedelta(days=FLOW_MAX_AGE_DAYS)


def contents(store: Store) -> dict[str, object]:
    """`{"tables": {name: {"rows", "tickers", "start", "end"}}}` as the manifest says."""
    entries = store.manifest.tables.items()
    return {
        "tables": {
            name: {"rows": entry.rows, "tickers": entry.tickers, "start": entry.start, "end": entry.end}
            for name, entry in entries
        }
    }


def coverage(
    store: Store,
    index: str,
    wanted: Collection[str],
    since: pd.Timestamp,
    until: pd.Timestamp,
    from_yahoo: Collection[str] | None = None,
) -> list[dict[str, int]]:
    """By year: members at its end (or at `until`) among `wanted`, how many of them have prices in that year, and how
    many a report that was no older than 15 months; of these, where names `from_yahoo` are given, how many are Yahoo's.
    """
    members = store.frame("members", where=f"\"index\" = '{index}'")
    rows = []
    for year in range(since.year, until.year + 1):
        day = min(pd.Timestamp(year, 12, 31), until)
        inside = members[(members["start"] <= day) & (members["end"].isna() | (members["end"] >= day))]
        names = set(inside["ticker"]) & set(wanted)
        traded = tickers_of(store, "prices", f"date BETWEEN '{year}-01-01' AND '{day:%F}'")
        reported = tickers_of(store, "facts", f"period_end BETWEEN '{day - REPORTED_WITHIN:%F}' AND '{day:%F}'")
        row = {"year": year, "members": len(names), "with_prices": len(names & traded)}
        row["with_facts"] = len(names & reported)
        if from_yahoo is not None:
            row["facts_from_yahoo"] = len(names & reported & set(from_yahoo))
        rows.append(row)
    return rows


def tickers_of(store: Store, table: str, where: str = "") -> set[str]:
    """Tickers that a table has rows of (that meet a SQL condition); none where there is no such table."""
    if not store.has(table):
        return set()
    condition = f" WHERE {where}" if where else ""
    return set(store.query(f"SELECT DISTINCT ticker FROM {table}{condition}", (table,))["ticker"].to_pylist())
