"""Everything the SEC has on one company, as parts of a store: its facts, and who it is.

1. Read its submissions (acceptance times, shards back to `since`) and companyfacts, and those of its predecessors.
2. If their content, the tickers and the way of reading are what the kept part was made from, keep it.
3. Otherwise join the filers, put the rows under every ticker of the company, and keep them with a note of who it is.

A company that cannot serve (foreign filer, no facts) is kept as an empty part with the reason, so that it is not read
again until its documents change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pandas as pd

from market.errors import DataError
from market.sources.parts import Note, Parts
from market.sources.sec.client import SecClient
from market.sources.sec.companyfacts import as_frame
from market.sources.sec.history import joined, table
from market.sources.sec.sectors import industry, sector
from market.sources.sec.submissions import Submissions
from market.sources.sec.successors import filers

READING = 3  # raised when the same documents give other rows


def fetch(client: SecClient, parts: Parts, cik: int, tickers: Sequence[str], since: pd.Timestamp) -> Note:
    """Bring the part of one company up to date and return its note.

    The note holds `cik`, `name`, `sic`, `sic_description`, `exchange`, `tickers`, `excluded` (a reason or empty),
    `rows` and `digest`. Raises `DataError` where the SEC gave no usable answer.
    """
    submissions: list[Submissions] = []
    documents: list[bytes] = []
    for filer in filers(cik):
        found = client.submissions(filer, since)
        document = client.companyfacts(filer)
        if found is not None:
            submissions.append(found)
        if document is not None:
            documents.append(document)
    accepted = {a: t for one in reversed(submissions) for a, t in one.accepted().items()}
    digest = _digest(documents, accepted, tickers)
    held = parts.note(_name(cik))
    if held is not None and held.get("digest") == digest:
        return held
    excluded = "" if documents else "the SEC has no companyfacts"
    if submissions and submissions[0].foreign:
        excluded = "foreign private issuer: files 20-F or 40-F"
    frames: list[pd.DataFrame] = []
    if not excluded:
        history = joined(documents, accepted)
        if any(len(facts) for facts in history):
            frames = [as_frame(table(history, ticker)) for ticker in sorted(tickers)]
        else:
            excluded = history[0].excluded
    rows = pd.concat(frames, ignore_index=True) if frames else _EMPTY
    who = submissions[0] if submissions else None
    note: Note = {
        "cik": cik,
        "name": who.name if who else "",
        "sic": who.sic if who else "",
        "sic_description": who.sic_description if who else "",
        "exchange": next(iter(who.exchanges), "") if who else "",
        "tickers": sorted(tickers),
        "excluded": excluded,
        "rows": len(rows),
        "digest": digest,
    }
    parts.save(_name(cik), rows, note)
    return note


def securities_rows(note: Note) -> pd.DataFrame:
    """The rows of `securities` that a company's note gives: one a ticker, sector and industry from its SIC."""
    sic, description = str(note["sic"]), str(note["sic_description"])
    tickers = note["tickers"]
    if not isinstance(tickers, list):
        raise DataError(f"part of CIK {note['cik']}: damaged note")
    return pd.DataFrame(
        [
            (ticker, note["name"], note["cik"], sector(sic), industry(sic, description), sic, note["exchange"], "stock")
            for ticker in tickers
        ],
        columns=["ticker", "name", "cik", "sector", "industry", "sic", "exchange", "type"],
    )


def _name(cik: int) -> str:
    return f"CIK{cik:010d}"


def _digest(documents: Sequence[bytes], accepted: dict[str, pd.Timestamp], tickers: Sequence[str]) -> str:
    digest = hashlib.blake2b(f"{READING} {sorted(tickers)}".encode(), digest_size=16)
    for document in documents:
        digest.update(document)
    for accession, moment in sorted(accepted.items()):
        digest.update(f"{accession} {moment.isoformat()}\n".encode())
    return digest.hexdigest()


_EMPTY = pd.DataFrame(
    {
        "ticker": pd.Series(dtype="str"),
        "item": pd.Series(dtype="str"),
        "period_end": pd.Series(dtype="datetime64[ns]"),
        "value": pd.Series(dtype="float64"),
    }
)
