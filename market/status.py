"""What a store holds: rows, names, spans, sources; how fresh it is, and where it has gaps.

1. Counts and spans come from the manifest; nothing is read for them.
2. Freshness: days from the end of each dated table to the last session of the exchange before today.
3. Gaps: sessions inside the span of the prices on which no name at all has a price, and names that miss sessions.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from market import calendar
from market.market import Market, open_market
from market.store import Store

SHOWN = 20


def status(where: Market | Store | str | Path, today: pd.Timestamp | str | None = None) -> dict[str, object]:
    """`{"store", "tables": {name: {"rows", "tickers", "start", "end", "source"}}}` and, beside it, `fingerprint`,
    `freshness` (`{table: days behind the last session}`) and `gaps`.

    `today` is the day freshness is counted to (the clock's). Raises `DataError` where there is no store.
    """
    market = where if isinstance(where, Market) else open_market(where.location if isinstance(where, Store) else where)
    manifest = market.manifest
    tables = {
        name: {
            "rows": entry.rows,
            "tickers": entry.tickers,
            "start": entry.start,
            "end": entry.end,
            "source": entry.source,
        }
        for name, entry in manifest.tables.items()
    }
    last = calendar.session_on_or_before(pd.Timestamp.now() if today is None else pd.Timestamp(today))
    freshness = {
        name: (last - pd.Timestamp(entry.end)).days
        for name, entry in manifest.tables.items()
        if entry.end is not None and name not in ("securities", "members", "symbols")
    }
    return {
        "store": market.name if market.name == "sample" else _place(market),
        "tables": tables,
        "fingerprint": market.fingerprint,
        "freshness": freshness,
        "gaps": gaps(market) if market.has("prices") else {},
        "notes": list(manifest.notes),
    }


def gaps(market: Market) -> dict[str, object]:
    """Sessions without any price, and the names with holes between their first and their last close (most first)."""
    panel = market.panel()
    traded = ~np.isnan(panel.close)
    empty = [day.date().isoformat() for day in panel.sessions[np.flatnonzero(~traded.any(axis=1))]]
    first, last = traded.argmax(axis=0), len(traded) - 1 - traded[::-1].argmax(axis=0)
    holes = (last - first + 1) - traded.sum(axis=0)
    worst = np.argsort(-holes, kind="stable")[:SHOWN]
    return {
        "sessions_without_prices": empty,
        "tickers_with_holes": {str(panel.tickers[i]): int(holes[i]) for i in worst if holes[i] > 0},
    }


def _place(market: Market) -> str:
    """Where the tables are: a directory, a URI, or nowhere but in memory."""
    store = market.contents.store
    return str(market.root) if market.root is not None else store.location if store is not None else market.name
