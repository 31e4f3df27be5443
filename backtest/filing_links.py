"""Where a filing can be read: its page at the SEC, or the company's list of such filings up to that day.

1. With an accession number and a CIK the link leads to the filing's own index page.
2. With a CIK alone it leads to the company's filings of that form, the newest at the day of filing.
3. Nothing is asked of the SEC; a link is text until a reader follows it. Whatever is malformed gives no link.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pandas as pd

if TYPE_CHECKING:
    from market.facts import FactSource
    from market.view import View

SEC = "https://www.sec.gov"
_ACCESSION = re.compile(r"[0-9]{10}-[0-9]{2}-[0-9]{6}")
_FORM = re.compile(r"[0-9A-Z][0-9A-Z /-]{0,19}")
ITEMS = ("assets", "net_income", "revenue", "equity")  # the first that is known names the filing


def filing_url(cik: int, form: str = "", accession: str = "", filed: str = "") -> str:
    """The link, empty where there is none.

    >>> filing_url(320193, "10-Q", "0000320193-24-000069")
    'https://www.sec.gov/Archives/edgar/data/320193/000032019324000069/0000320193-24-000069-index.htm'
    >>> filing_url(320193, "10-Q", filed="2024-05-03")
    'https://www.sec.gov/cgi-bin/browse-edgar?action=getcompany&CIK=0000320193&type=10-Q&dateb=20240503&owner=exclude'
    >>> filing_url(0, "10-Q"), filing_url(320193, "<b>")
    ('', '')
    """
    if not 0 < cik < 10**10:
        return ""
    if _ACCESSION.fullmatch(accession):
        return f"{SEC}/Archives/edgar/data/{cik}/{accession.replace('-', '')}/{accession}-index.htm"
    if not _FORM.fullmatch(form):
        return ""
    asked = {"action": "getcompany", "CIK": f"{cik:010d}", "type": form, "dateb": filed.replace("-", "")}
    return f"{SEC}/cgi-bin/browse-edgar?{urlencode(asked | {'owner': 'exclude'})}"


def last_filings(view: View, cik: pd.Series) -> list[tuple[str, str, str]]:
    """Form, day and link of the last filing known of each ticker in the index of `cik`; empty texts without one."""
    found: list[tuple[str, str, str]] = []
    for ticker, number in cik.items():
        source = _last(view, str(ticker)) if view.market.has("facts") else None
        if source is None:
            found.append(("", "", ""))
            continue
        filed = "" if source.filed != source.filed else f"{source.filed:%Y-%m-%d}"
        known = 0 if pd.isna(number) else int(number)
        found.append((source.form, filed, filing_url(known, source.form, source.accession, filed)))
    return found


def _last(view: View, ticker: str) -> FactSource | None:
    return next((s for s in (view.source(ticker, item) for item in ITEMS) if s is not None), None)
