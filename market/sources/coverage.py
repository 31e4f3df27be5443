"""What a filled store covers: rows of its tables, and members of each year that have prices and facts."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from market.store import Store


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
    store: Store, index: str, wanted: Collection[str], since: pd.Timestamp, until: pd.Timestamp
) -> list[dict[str, int]]:
    """By year: members at its end (or at `until`) among `wanted`, and how many of them have prices and facts."""
    members = store.frame("members", where=f"\"index\" = '{index}'")
    have = {name: tickers_of(store, name) for name in ("prices", "facts")}
    rows = []
    for year in range(since.year, until.year + 1):
        day = min(pd.Timestamp(year, 12, 31), until)
        inside = members[(members["start"] <= day) & (members["end"].isna() | (members["end"] >= day))]
        names = set(inside["ticker"]) & set(wanted)
        counts = {f"with_{name}": len(names & tickers) for name, tickers in have.items()}
        rows.append({"year": year, "members": len(names), **counts})
    return rows


def tickers_of(store: Store, table: str) -> set[str]:
    """Tickers that a table has rows of; none where there is no such table."""
    if not store.has(table):
        return set()
    return set(store.query(f"SELECT DISTINCT ticker FROM {table}", (table,))["ticker"].to_pylist())
