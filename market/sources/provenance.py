"""The text that travels with the shipped sample: where each table comes from, and what is wrong with it."""

from __future__ import annotations

import pandas as pd

from market.manifest import Manifest

SOURCES = {
    "prices": "Yahoo figures as found in public repositories (closes as traded); funds: total-return closes",
    "facts": "SEC XBRL filings (public domain), as last filed",
    "securities": "SEC and public listings; GICS sectors of today",
    "members": "S&P 500 membership intervals, in today's symbols",
    "market_cap": "Nasdaq screener from 2021-03; shares x close and constant shares before",
    "rates": "Federal Reserve Bank of New York",
    "borrow": "a broker's public list on 2022-08-06 and 2025-12-28",
    "short_interest": "public figures of 2026-05-15",
    "earnings": "Yahoo figures as found in public repositories",
    "factors": "Kenneth R. French data library",
}

NOTES = (
    "sample: the names are today's members and their survivors; failures are missing (survivorship)",
    "sample: fact values are as last filed, only their dates are point in time (restatements leak back)",
    "sample: sectors and industries are today's classification",
    "sample: reference funds are total return only; AIQ, BOTZ and IGV begin 2021-07 and lack dividends",
    "sample: borrow fees are two snapshots; short interest is one",
    "sample: prices are for demonstration; replace them with `hedgebasket data sync` or `hedgebasket data import`",
)


def provenance(manifest: Manifest, quarantine: pd.DataFrame, errors: pd.DataFrame) -> str:
    """The Markdown document `PROVENANCE.md`."""
    return "# Provenance\n"
