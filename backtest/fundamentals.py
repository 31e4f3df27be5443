"""What was known of one company on a date: items, metrics, and the filing each figure came from.

1. The name may be a ticker of that day or a CIK (`CIK320193`); a symbol that changed since is followed.
2. Flows are trailing twelve months, balances the latest reported; unknown items are left out, never zero.
3. Every metric of the registry is computed with its defaults; one that the store cannot compute is left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from market.errors import ConfigError, DataError, HedgeBasketError

if TYPE_CHECKING:
    import pandas as pd

    from market import Market
    from market.view import View

CIK = re.compile(r"^CIK0*(\d{1,10})$", re.IGNORECASE)


def known(data: Market, name: str, as_of: str | pd.Timestamp) -> dict[str, object]:
    """`{"ticker", "as_of", "ttm", "latest", "metrics", "sources"}` as known at the close of the session on or before
    `as_of`. Raises `DataError` for an unknown name or a date outside the data.
    """
    import pandas as pd

    try:
        day = pd.Timestamp(as_of)
    except ValueError:
        raise ConfigError(f"{as_of!r} is not a date; give YYYY-MM-DD") from None
    inside = data.start <= day <= data.end
    session = data.session_on_or_before(day) if inside else data.session(day)
    ticker = ticker_of(data, name, session)
    view = data.as_of(session)
    at = list(view.tickers).index(ticker)
    items, sources = _items(view, ticker, at)
    return {
        "ticker": ticker,
        "as_of": session.date().isoformat(),
        "name": str(data.securities.loc[ticker, "name"]) if "name" in data.securities else "",
        **items,
        "metrics": _metrics(view, at),
        "sources": sources,
    }


def ticker_of(data: Market, name: str, session: pd.Timestamp) -> str:
    """The ticker under which the data keep a symbol or a CIK. Raises `DataError` where they hold neither."""
    found = CIK.match(name)
    if not found:
        return data.resolve(name, session)
    ciks = data.securities["cik"].astype(str).str.extract(r"(\d+)", expand=False).str.lstrip("0")
    tickers = ciks.index[(ciks == found[1]).to_numpy()]
    if not len(tickers):
        raise DataError(f"no company with CIK {found[1]} in the data")
    return str(tickers[0])


def _items(view: View, ticker: str, at: int) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, object]]]:
    from market.facts import ITEMS, kind_of

    values: dict[str, dict[str, float]] = {"ttm": {}, "latest": {}}
    sources: dict[str, dict[str, object]] = {}
    for item in ITEMS:
        basis = "ttm" if kind_of(item) == "flow" else "latest"
        value = float(view.item(item)[at])
        if not np.isfinite(value):
            continue
        values[basis][item] = value
        source = view.source(ticker, item)
        if source is not None:
            sources[item] = {
                "form": source.form,
                "accession": source.accession,
                "filed": source.filed,
                "period_end": source.period_end,
                "known_at": source.known_at,
                "flags": list(source.flags),
            }
    return values, sources


def _metrics(view: View, at: int) -> dict[str, float]:
    from screens.metrics import REGISTRY

    found: dict[str, float] = {}
    for name, metric in REGISTRY.items():
        try:
            value = float(metric(view).value[at])
        except HedgeBasketError:
            continue  # needs a parameter without default, or a table this store does not hold
        if np.isfinite(value):
            found[name] = value
    return found
