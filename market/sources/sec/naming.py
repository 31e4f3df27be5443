"""Under which tickers a filer's facts are kept, where nobody says so: companyfacts name no ticker.

1. The store's own securities say it, where they give a CIK.
2. Else the SEC's list of companies, where `company_tickers.json` or `company_tickers_exchange.json` lies beside the
   documents.
3. Else the securities that ship with the package (large US companies, today's symbols).
4. Else the company is called by its CIK: `CIK320193`.

A ticker that the store gives to another CIK is nobody else's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from market.sources.sec.companies import companies
from market.store import Store

LISTS = ("company_tickers_exchange.json", "company_tickers.json")
BY_CIK = re.compile(r"^CIK\d{1,10}$")
_SAMPLE = Path(__file__).parents[2] / "sample"


def called_by_cik(cik: int) -> str:
    """The name of a company without a ticker.

    >>> called_by_cik(320193)
    'CIK320193'
    """
    return f"CIK{cik}"


def tickers_by_cik(store: Store, documents: Path | None = None) -> dict[int, list[str]]:
    """Tickers of each CIK that the store, a list among the documents, or the package knows; sorted."""
    own = [(cik, ticker) for cik, ticker in _named(store) if not BY_CIK.match(ticker)]
    holder = {ticker: cik for cik, ticker in own}
    result = _grouped(own)
    for listed in (_listed(documents), _named(Store(_SAMPLE))):
        free = [(cik, ticker) for cik, ticker in listed if holder.get(ticker, cik) == cik]
        for cik, tickers in _grouped(free).items():
            result.setdefault(cik, tickers)
    return result


def _grouped(pairs: Iterable[tuple[int, str]]) -> dict[int, list[str]]:
    result: dict[int, list[str]] = {}
    for cik, ticker in sorted(set(pairs)):
        result.setdefault(cik, []).append(ticker)
    return result


def _named(store: Store) -> list[tuple[int, str]]:
    if not store.has("securities") or "cik" not in store.entry("securities").columns:
        return []
    rows = store.frame("securities", ["ticker", "cik"]).dropna(subset=["cik"])
    return [(int(cik), str(ticker)) for cik, ticker in zip(rows["cik"], rows["ticker"], strict=True)]


def _listed(documents: Path | None) -> list[tuple[int, str]]:
    path = next((p for p in (documents / name for name in LISTS) if p.is_file()), None) if documents else None
    return [(one.cik, one.ticker) for one in companies(path.read_bytes())] if path else []
