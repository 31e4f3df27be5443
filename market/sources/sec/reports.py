"""The annual reports of one company: each document read once, its terms kept as a part.

1. The company's submissions name its 10-Ks since a day, with their documents.
2. Reports that the kept part already covers are not read again: a filed document never changes.
3. A report whose sections cannot be found, or whose document is gone, is named and left out.
"""

from __future__ import annotations

import pandas as pd

from market.errors import DataError
from market.sources import filing_text
from market.sources.parts import Note, Parts
from market.sources.sec.client import SecClient
from market.store import schema_of
from market.validation import canonical


def fetch(client: SecClient, parts: Parts, note: Note, since: pd.Timestamp) -> list[str]:
    """Bring the text part of the company behind a facts note up to date; returns what could not be read.

    Raises `DataError` where the SEC gave no usable list of filings.
    """
    cik, tickers = int(str(note["cik"])), note["tickers"]
    if not isinstance(tickers, list):
        raise DataError(f"part of CIK {cik}: damaged note")
    name = f"CIK{cik:010d}"
    submissions = client.submissions(cik, since)
    if submissions is None:
        return []
    annual = submissions.annual_reports()
    annual = annual[(annual["filed"] >= since) & annual["document"].notna()]
    held = parts.note(name) or {}
    read = held.get("read", [])
    done = list(map(str, read)) if isinstance(read, list) and held.get("tickers") == tickers else []
    frames = [parts.rows(name)] if done else []
    failures: list[str] = []
    for report in annual.itertuples():
        if report.accession in done:
            continue
        try:
            document = client.document(cik, str(report.accession), str(report.document))
            found = filing_text.rows(document or b"", "", pd.Timestamp(str(report.filed)), str(report.form))
            if found.empty:
                raise DataError("no section found")
        except DataError as error:
            failures.append(f"{report.form} of {pd.Timestamp(str(report.filed)).date()}: {error}")
            continue
        done.append(str(report.accession))
        frames += [canonical(found.assign(ticker=ticker), schema_of("filing_text")) for ticker in tickers]
    if frames:
        rows = pd.concat(frames, ignore_index=True).drop_duplicates(["ticker", "filed", "form", "section"])
        parts.save(name, rows, {"cik": cik, "tickers": tickers, "read": sorted(done)})
    return failures
