"""The text that travels with the shipped sample: where its tables come from, what was changed, what is wrong."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from market.manifest import Manifest

SOURCES = {
    "prices": "Yahoo figures as found in public repositories (stocks: as traded; funds: total-return closes)",
    "facts": "SEC XBRL filings (public domain), as last filed",
    "securities": "SEC and public listings; GICS sectors of today",
    "members": "S&P 500 membership intervals from public records, in the sample's symbols",
    "symbols": "index change records of pitindex, and seven renames from press releases",
    "market_cap": "Nasdaq screener from 2021-03; shares x close and constant shares before",
    "rates": "Federal Reserve Bank of New York",
    "borrow": "a broker's public list on 2022-08-06 and 2025-12-28",
    "short_interest": "public figures of 2026-05-15",
    "earnings": "Yahoo figures as found in public repositories",
    "factors": "Kenneth R. French data library",
}

NOTES = (
    "sample: prices and events are for demonstration; replace them with `hedgebasket data sync` or `data import`",
    "sample: the names are today's members and large caps of today, so those that failed are missing (survivorship)",
    "sample: sectors and industries are today's classification, at every date",
    "sample: reference funds are total return only; AIQ, BOTZ and IGV begin 2021-07 and lack dividends",
    "sample: short interest is one day, 2026-05-15, and a stretch of the alphabet is missing from it",
)


def provenance(manifest: Manifest, quarantine: pd.DataFrame, errors: pd.DataFrame, measured: dict[str, str]) -> str:
    """The Markdown document `PROVENANCE.md`: the text beside this module with its blanks filled."""
    tables = "".join(
        f"| `{name}` | {one.rows:,} | {one.tickers or ''} | {one.start or ''} | {one.end or ''} | {one.source} |\n"
        for name, one in manifest.tables.items()
    )
    rows = "".join(
        f"| {table} | {ticker} | {start or 'the beginning'} | {end or 'the end'} | {reason} |\n"
        for table, ticker, start, end, reason in quarantine.to_numpy(dtype=str)
    )
    text = Path(__file__).with_suffix(".md").read_text(encoding="utf-8")
    return text.format(tables=tables, quarantine=rows, **measured, **_comparison(errors))


def _comparison(errors: pd.DataFrame) -> dict[str, str]:
    """How far derived total returns are from adjusted closes, in words."""
    size, convention = errors["difference"].abs(), errors["convention"].abs()
    worst = errors.iloc[int(size.to_numpy().argmax())]
    within = ", ".join(f"{share:.1%} within {size.quantile(share):.1e}" for share in (0.5, 0.9, 0.99, 0.999))
    return {
        "compared": f"{len(errors):,}",
        "within": within,
        "apart": str(int((size > 1e-3).sum())),
        "worst": f"{worst['ticker']} on {worst['date'].date()} "
        f"({worst['derived']:+.2%} against {worst['adjusted']:+.2%})",
        "agreement": f"{convention.max():.1e} ({convention.quantile(0.999):.0e} for 99.9 % of them)",
    }
