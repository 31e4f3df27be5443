"""A filer's submissions: who it is, and every filing with the moment it was accepted.

1. Read the document's columns and the list of its older shards.
2. `acceptanceDateTime` is UTC (the SEC's own `Z`); it becomes New York time. Filed days are EDGAR's.
3. Shards repeat the columns for older filings; they are joined, newest first, without repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import pandas as pd

from market.errors import DataError

PERIODIC_FORMS = ("10-K", "10-Q")  # and their /A, KT and QT variants
FOREIGN_ANNUAL_FORMS = ("20-F", "40-F")


class _Columns(msgspec.Struct):
    accessionNumber: list[str]
    filingDate: list[str]
    form: list[str]
    acceptanceDateTime: list[str | None] = []
    reportDate: list[str | None] = []
    primaryDocument: list[str | None] = []


class _Shard(msgspec.Struct):
    name: str
    filingFrom: str = ""
    filingTo: str = ""


class _Filings(msgspec.Struct):
    recent: _Columns
    files: list[_Shard] = []


class _Document(msgspec.Struct):
    cik: int | str
    filings: _Filings
    name: str = ""
    sic: str | None = None
    sicDescription: str | None = None
    tickers: list[str | None] = []
    exchanges: list[str | None] = []
    fiscalYearEnd: str | None = None


_document = msgspec.json.Decoder(_Document)
_columns = msgspec.json.Decoder(_Columns)


@dataclass(frozen=True)
class Shard:
    """An older part of the list: its file and the last day it holds."""

    name: str
    until: pd.Timestamp


@dataclass(frozen=True)
class Submissions:
    """A filer. `filings` has accession, form, filed, accepted (New York), report_date, document; newest first."""

    cik: int
    name: str
    tickers: tuple[str, ...]
    exchanges: tuple[str, ...]
    sic: str
    sic_description: str
    fiscal_year_end: str
    filings: pd.DataFrame
    shards: tuple[Shard, ...]

    def with_shards(self, older: Sequence[pd.DataFrame]) -> Submissions:
        """The same filer with older filings joined on."""
        if not older:
            return self
        joined = pd.concat([self.filings, *older], ignore_index=True).drop_duplicates("accession", ignore_index=True)
        return replace(self, filings=joined)

    def accepted(self) -> dict[str, pd.Timestamp]:
        """Moment of acceptance by accession, New York time, where known."""
        known = self.filings.dropna(subset=["accepted"])
        return dict(zip(known["accession"], known["accepted"], strict=True))

    def annual_reports(self) -> pd.DataFrame:
        """10-K reports (405 and transition ones too), without amendments."""
        return self.filings[self.filings["form"].isin(["10-K", "10-K405", "10-KT"])]

    @property
    def foreign(self) -> bool:
        """Whether its annual reports are foreign ones only."""
        forms = set(self.filings["form"])
        domestic = any(form.startswith(PERIODIC_FORMS) for form in forms)
        return not domestic and any(form.startswith(FOREIGN_ANNUAL_FORMS) for form in forms)


def parse(content: bytes) -> Submissions:
    """Read `CIK##########.json`; raises `DataError` where it is no such document."""
    try:
        document = _document.decode(content)
        return Submissions(
            cik=int(document.cik),
            name=document.name,
            tickers=tuple(ticker for ticker in document.tickers if ticker),
            exchanges=tuple(exchange or "" for exchange in document.exchanges),
            sic=document.sic or "",
            sic_description=document.sicDescription or "",
            fiscal_year_end=document.fiscalYearEnd or "",
            filings=_table(document.filings.recent),
            shards=tuple(
                Shard(shard.name, pd.Timestamp(shard.filingTo) if shard.filingTo else pd.Timestamp.max)
                for shard in document.filings.files
            ),
        )
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError) as error:
        raise DataError(f"not a submissions document: {error}") from error


def parse_shard(content: bytes) -> pd.DataFrame:
    """Read an older shard; raises `DataError` where it is no such document."""
    try:
        return _table(_columns.decode(content))
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError) as error:
        raise DataError(f"not a shard of submissions: {error}") from error


def _table(columns: _Columns) -> pd.DataFrame:
    n = len(columns.accessionNumber)

    def padded(values: Sequence[str | None]) -> list[str | None]:
        return [value or None for value in values] if len(values) == n else [None] * n

    accepted = pd.to_datetime(pd.Series(padded(columns.acceptanceDateTime), dtype="str"), utc=True, format="ISO8601")
    return pd.DataFrame(
        {
            "accession": pd.Series(columns.accessionNumber, dtype="str"),
            "form": pd.Series(columns.form, dtype="str"),
            "filed": pd.to_datetime(pd.Series(columns.filingDate, dtype="str")).astype("datetime64[ns]"),
            "accepted": accepted.dt.tz_convert("America/New_York").dt.tz_localize(None).astype("datetime64[ns]"),
            "report_date": pd.to_datetime(pd.Series(padded(columns.reportDate), dtype="str")).astype("datetime64[ns]"),
            "document": pd.Series(padded(columns.primaryDocument), dtype="str"),
        }
    )
