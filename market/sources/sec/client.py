"""EDGAR's data service as documents: company tickers, submissions with all their shards, companyfacts.

1. The SEC asks every client to say who it is (a contact in the user agent) and to make at most ten requests a second;
   without a contact there is no client.
2. All reading goes through `market.sources.http`: paced, retried, conditional, kept on disk.
3. Submissions hold the last thousand filings; older ones lie in shards, which are followed back to `since`.
4. Base URLs can be set, so that a mirror or a local server can stand in.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Self

import pandas as pd

from market.errors import ConfigError
from market.sources.http import Reader
from market.sources.http_cache import HttpCache
from market.sources.pacing import Patience
from market.sources.sec import submissions
from market.sources.sec.companies import Company, companies

CONTACT_VARIABLE = "HEDGEBASKET_CONTACT"
MAX_REQUESTS_PER_SECOND = 10.0  # the SEC's fair-access limit
HOURS = 3600.0


@dataclass(frozen=True)
class Endpoints:
    """Where the SEC's documents are."""

    data: str = "https://data.sec.gov"
    files: str = "https://www.sec.gov"


class SecClient:
    """The SEC's documents by CIK. Use with `with`; safe to use from several threads."""

    def __init__(
        self,
        cache: Path,
        contact: str | None = None,
        endpoints: Endpoints | None = None,
        patience: Patience | None = None,
        max_age_hours: float = 12.0,
    ) -> None:
        """`contact` is an e-mail address or a URL (default `$HEDGEBASKET_CONTACT`); raises `ConfigError` without one.

        Answers younger than `max_age_hours` are not asked for again: a sync begun anew goes on where it stopped.
        """
        patience = patience or Patience()
        self._endpoints = endpoints or Endpoints()
        if patience.requests_per_second > MAX_REQUESTS_PER_SECOND and self._endpoints == Endpoints():
            raise ConfigError(
                f"requests_per_second: {patience.requests_per_second:g} is above the SEC's limit of "
                f"{MAX_REQUESTS_PER_SECOND:g}"
            )
        headers = {"User-Agent": user_agent(contact), "Accept-Encoding": "gzip, deflate"}
        self._max_age = max_age_hours * HOURS
        self.reader = Reader(headers, HttpCache(cache), patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.reader.__exit__(kind, value, trace)

    def companies(self) -> list[Company]:
        """All listed companies: ticker, CIK, name and exchange."""
        url = f"{self._endpoints.files}/files/company_tickers_exchange.json"
        content = self._json(url)
        return companies(content) if content else []

    def submissions(self, cik: int, since: pd.Timestamp | None = None) -> submissions.Submissions | None:
        """A filer's filings from `since` on, shards included; None for a CIK that the SEC does not know."""
        base = f"{self._endpoints.data}/submissions"
        content = self._json(f"{base}/CIK{cik:010d}.json")
        if content is None:
            return None
        found = submissions.parse(content)
        shards = []
        for shard in found.shards:
            if since is None or shard.until >= since:
                older = self._json(f"{base}/{shard.name}")
                shards.append(submissions.parse_shard(older) if older else None)
        return found.with_shards([shard for shard in shards if shard is not None])

    def companyfacts(self, cik: int) -> bytes | None:
        """A filer's companyfacts document; None where the SEC has none (funds, and filers without XBRL)."""
        return self._json(f"{self._endpoints.data}/api/xbrl/companyfacts/CIK{cik:010d}.json")

    def document(self, cik: int, accession: str, name: str) -> bytes | None:
        """One document of a filing, such as the HTML of a 10-K."""
        url = f"{self._endpoints.files}/Archives/edgar/data/{cik}/{accession.replace('-', '')}/{name}"
        return self.reader.get(url, ("html", "text"), max_age=10 * 365 * 24 * HOURS)  # filings never change

    def _json(self, url: str) -> bytes | None:
        return self.reader.get(url, ("json",), self._max_age)


def user_agent(contact: str | None) -> str:
    """The user agent the SEC asks for; raises `ConfigError` where no usable contact is given."""
    who = (contact or os.environ.get(CONTACT_VARIABLE, "")).strip()
    if not re.search(r"\S+@\S+\.\S+|https?://\S+", who) or re.search(r"[\r\n]", who):
        found = f"{who!r} is no e-mail address or URL" if who else "none given"
        raise ConfigError(
            f"the SEC asks for a contact in every request ({found}): set {CONTACT_VARIABLE}=you@example.com"
        )
    try:
        release = version("hedgebasket")
    except PackageNotFoundError:  # run from a source tree that was never installed
        release = "0"
    return f"hedgebasket/{release} ({who})"
