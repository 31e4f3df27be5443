"""Filling a store from SEC and Yahoo: begun any number of times, ended once.

1. Members of the index, past and present, and the SEC's list of companies say which tickers and filers are wanted.
2. Each company's filings and each ticker's prices are fetched and kept as one whole part beside the store
   (`market.sources.parts`); what is there and current is not fetched again, so a sync goes on where it stopped.
3. When all was tried, the tables are put together from the parts (`market.sources.assembly`) and committed at once:
   readers see the store before or after. What was imported stays.
4. Nothing new gives the same fingerprint and no new generation. One ticker's failure is reported and stops nobody else;
   the next sync tries it again.
5. Where asked for, names that the SEC has no facts of get Yahoo's statements (`market.sources.last_resort`).
6. A symbol whose prices begin after its membership ended belongs to another company now, and is left out.

The report ends with a coverage table: of each year's members, how many have prices, and how many have facts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from market.durable import sweep
from market.errors import ConfigError, DataError
from market.members import LiveMembers, from_pitindex
from market.sources import last_resort
from market.sources.assembly import FUNDS, LEVELS, Fetched, assemble, listed
from market.sources.coverage import contents, coverage
from market.sources.importers import new_york_fed
from market.sources.pacing import NotAsked, Patience
from market.sources.parts import Note, Parts
from market.sources.sec import reports
from market.sources.sec.client import Endpoints, SecClient, user_agent
from market.sources.sec.company import fetch
from market.sources.yahoo import Yahoo, last_final_day
from market.store import Store, schema_of
from market.validation import canonical

SEC_VARIABLE, YAHOO_VARIABLE, FED_VARIABLE = "HEDGEBASKET_SEC_URL", "HEDGEBASKET_YAHOO_URL", "HEDGEBASKET_FED_URL"
WORK = ".sync"
UNLISTED = "not in the SEC's list of companies: delisted, or renamed"
FILINGS_BEFORE = pd.DateOffset(months=18)  # trailing twelve months at `since` need the filings of the year before
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Servers:
    """Where to ask: base URLs, all of which the environment can set."""

    sec: Endpoints = field(default_factory=Endpoints)
    yahoo: str | None = None
    fed: str = new_york_fed.API

    @classmethod
    def from_environment(cls) -> Servers:
        """`HEDGEBASKET_SEC_URL`, `HEDGEBASKET_YAHOO_URL` and `HEDGEBASKET_FED_URL`, where set."""
        sec = os.environ.get(SEC_VARIABLE, "")
        return cls(
            Endpoints(sec, sec) if sec else Endpoints(),
            os.environ.get(YAHOO_VARIABLE) or None,
            os.environ.get(FED_VARIABLE) or new_york_fed.API,
        )


@dataclass
class _Run:
    """One sync under way."""

    store: Store
    since: pd.Timestamp
    final_day: pd.Timestamp
    progress: Progress
    failed: list[dict[str, str]] = field(default_factory=list)
    excluded: list[dict[str, str]] = field(default_factory=list)
    not_asked: dict[str, list[str]] = field(default_factory=dict)  # by reason
    without_facts: set[str] = field(default_factory=set)  # names that the SEC has no facts of, as it says itself

    @property
    def work(self) -> Path:
        if self.store.root is None:
            raise DataError(f"{self.store.location}: remote stores are read-only")
        return self.store.root / WORK

    def fail(self, what: str, reason: object) -> None:
        if isinstance(reason, NotAsked):
            self.not_asked.setdefault(str(reason), []).append(what)
        else:
            self.failed.append({"what": what, "reason": str(reason).removeprefix(f"{what}: ")})

    def failures(self) -> list[dict[str, str]]:
        """What failed; what was not asked for any more is one entry a reason."""
        left = [
            {"what": f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0], "reason": reason}
            for reason, names in self.not_asked.items()
        ]
        return left + sorted(self.failed, key=lambda one: one["what"])


def sync(
    store: Store | str | Path,
    index: str = "sp500",
    since: pd.Timestamp | str = "2018-01-01",
    *,
    tickers: Collection[str] | None = None,
    references: Collection[str] = FUNDS + LEVELS,
    contact: str | None = None,
    servers: Servers | None = None,
    patience: Patience | None = None,
    now: pd.Timestamp | None = None,
    max_age_hours: float = 12.0,
    texts: bool = False,
    statements: bool = False,
    progress: Progress | None = None,
) -> dict[str, object]:
    """Fill a store (made where there is none) with facts, prices, members, securities and rates from `since` on.

    `tickers` narrows the index to some names; `references` are funds and index levels to have prices of; `contact` is
    for the SEC (default `$HEDGEBASKET_CONTACT`); `now` is the New York time that decides which bars are final. Returns
    `{"store", "fingerprint", "tables", "coverage", "failed", "excluded"}`. Raises `ConfigError` without a contact, for
    a first day that is none or lies ahead, and where none of `tickers` was a member; `DataError` where the store is
    being written by another or nothing at all could be fetched. With `texts` the annual reports themselves are read
    too (a few megabytes each) and their terms counted. With `statements` names that the SEC has no facts of get those
    of Yahoo, which are not point in time; the coverage then counts them too.
    """
    first, final_day = _first_day(since), last_final_day(now)
    if first > final_day:
        raise ConfigError(f"since {first.date()}: lies after the last day with prices, {final_day.date()}")
    user_agent(contact)  # a missing contact is said before a store is made
    live = from_pitindex(index)
    members = set(live.members.loc[live.members["end"].isna() | (live.members["end"] >= first), "ticker"])
    strangers = sorted(set(tickers or ()) - members)
    if tickers is not None and not set(tickers) & members:
        raise ConfigError(f"{', '.join(strangers) or 'no ticker'}: no member of {index} since {first.date()}")
    wanted = sorted(members & set(tickers) if tickers is not None else members)
    opened = store if isinstance(store, Store) else Store.create(store)
    servers = servers or Servers.from_environment()
    run = _Run(opened, first, final_day, progress or (lambda stage, done, total: None))
    for ticker in strangers:
        run.fail(ticker, f"no member of {index} since {first.date()}")
    with opened.writer() as writer:
        sweep(run.work)
        sec_parts, price_parts = Parts(run.work, "facts"), Parts(run.work, "prices")
        with SecClient(run.work / "sec", contact, servers.sec, patience, max_age_hours) as client:
            notes = _companies(run, client, sec_parts, wanted)
            rates = _rates(run, client, servers.fed)
            text_parts = _texts(run, client, notes) if texts else None
        yahoo = Yahoo(run.work / "yahoo", patience, servers.yahoo)
        _prices(run, yahoo, price_parts, [*wanted, *references], live)
        fetched = Fetched(notes, sec_parts, price_parts, rates)
        if statements:
            _statements(run, yahoo, fetched)
        if fetched.nothing:
            seen = "; ".join(f"{one['what']}: {one['reason']}" for one in run.failures()[:3])
            raise DataError(f"nothing could be fetched ({seen})")
        run.progress("writing", 0, 0)
        assemble(opened, writer, live, fetched)
        if text_parts is not None and text_parts.names():
            found = [text_parts.rows(name) for name in text_parts.names()]
            writer.merge("filing_text", pd.concat(found, ignore_index=True), "SEC 10-K documents", by="ticker")
    from_yahoo = last_resort.of_yahoo(opened) if statements else None
    return {
        "store": opened.location,
        "fingerprint": opened.fingerprint,
        **contents(opened),
        "coverage": coverage(opened, index, wanted, run.since, run.final_day, from_yahoo),
        "failed": run.failures(),
        "excluded": sorted(run.excluded, key=lambda one: one["what"]),
    }


def _first_day(since: pd.Timestamp | str) -> pd.Timestamp:
    try:
        day = pd.Timestamp(since)
    except ValueError as error:
        raise ConfigError(f"since {since!r} is not a date; give YYYY-MM-DD") from error
    if pd.isna(day):
        raise ConfigError("since is empty; give YYYY-MM-DD")
    return day.normalize()


def _companies(run: _Run, client: SecClient, parts: Parts, wanted: Collection[str]) -> list[Note]:
    """Facts of every wanted company; the notes of those that were read, by CIK."""
    by_cik: dict[int, list[str]] = {}
    on_list = client.companies()
    for company in on_list:
        if company.ticker in wanted:
            by_cik.setdefault(company.cik, []).append(company.ticker)
    for ticker in sorted(set(wanted) - {company.ticker for company in on_list}):
        run.fail(ticker, UNLISTED)
        if on_list:
            run.without_facts.add(ticker)
    notes: list[Note] = []
    earliest = run.since - FILINGS_BEFORE
    total = len(by_cik)
    work = client.reader.map(lambda cik: fetch(client, parts, cik, by_cik[cik], earliest), sorted(by_cik))
    for done, (cik, note) in enumerate(work, 1):
        run.progress("filings", done, total)
        if isinstance(note, DataError):
            run.fail(f"CIK{cik} ({', '.join(by_cik[cik])})", note)
            held = parts.note(f"CIK{cik:010d}")  # what an earlier sync kept still serves
            notes += [held] if held is not None else []
            continue
        notes.append(note)
        if note["excluded"]:
            run.without_facts.update(by_cik[cik])
            run.excluded.append({"what": ", ".join(by_cik[cik]), "reason": str(note["excluded"])})
    return sorted(notes, key=lambda note: str(note["cik"]).zfill(10))


def _texts(run: _Run, client: SecClient, notes: Collection[Note]) -> Parts:
    """Terms of the annual reports of every company that serves, one part a company."""
    parts = Parts(run.work, "filing_text")
    wanted = [note for note in notes if not note["excluded"]]
    work = client.reader.map(lambda note: reports.fetch(client, parts, note, run.since), wanted)
    for done, (note, failures) in enumerate(work, 1):
        run.progress("annual reports", done, len(wanted))
        for failure in [failures] if isinstance(failures, DataError) else failures:
            run.fail(", ".join(map(str, listed(note))), failure)
    return parts


def _prices(run: _Run, yahoo: Yahoo, parts: Parts, wanted: Collection[str], live: LiveMembers) -> None:
    """Prices of every wanted ticker whose part does not reach the last final day."""
    target = {"since": run.since.date().isoformat(), "through": run.final_day.date().isoformat()}
    missing = [t for t in wanted if (parts.note(t) or {}) | target != (parts.note(t) or {"": ""})]
    last = live.members.assign(end=live.members["end"].fillna(pd.Timestamp.max)).groupby("ticker")["end"].max()
    for done, (ticker, bars) in enumerate(yahoo.bars(missing, run.since, run.final_day + pd.Timedelta(hours=23)), 1):
        run.progress("prices", done, len(missing))
        if isinstance(bars, DataError):
            run.fail(ticker, bars)
            continue
        begins = bars["date"].min()
        if ticker in last.index and begins > last[ticker]:
            run.fail(ticker, f"prices begin {begins.date()}, after it left the index: another company's symbol now")
            continue
        parts.save(ticker, canonical(bars, schema_of("prices")), {"ticker": ticker, **target})


def _statements(run: _Run, yahoo: Yahoo, fetched: Fetched) -> None:
    """Yahoo's statements of names that the SEC has no facts of; what they serve is no longer said to be left out."""
    parts = fetched.statements = Parts(run.work / "statements", "facts")
    names = last_resort.wanted(run.store, run.without_facts, fetched.prices.names())
    failed = last_resort.fetch(
        yahoo, parts, names, run.final_day, lambda done, total: run.progress("statements", done, total)
    )
    for ticker, error in failed:
        run.fail(ticker, error)
    served, refused = last_resort.answered(parts, names)
    fetched.from_yahoo = served
    run.excluded = [one for one in run.excluded if not set(one["what"].split(", ")) <= set(served)]
    run.excluded += [{"what": ticker, "reason": reason} for ticker, reason in refused.items()]
    run.failed = [one for one in run.failed if one["reason"] != UNLISTED or one["what"] not in served]


def _rates(run: _Run, client: SecClient, base: str) -> pd.DataFrame | None:
    """Fed funds and SOFR from the New York Fed; what could not be read is reported."""
    frames = []
    span = f"startDate={run.since.date()}&endDate={run.final_day.date()}"
    for name, path in new_york_fed.PATHS.items():
        try:
            content = client.reader.get(f"{base}{path}?{span}", ("json",), max_age=3600.0)
            frames.append(new_york_fed.read(content or b"", name))
        except DataError as error:
            run.fail(name, error)
    return pd.concat(frames, ignore_index=True) if frames else None
