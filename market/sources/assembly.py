"""Putting the tables of a sync together from its parts, in one commit of the writer.

1. `facts` are the SEC's parts, then Yahoo's statements of names that the SEC has none of, then the store's rows of all
   other tickers; `prices` likewise. One part is in memory at a time.
2. What was imported stays: rows of other tickers, and what the store knows of a security that is the same company.
3. The store says in its notes what a reader must know of how it was filled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import pandas as pd

from market.members import LiveMembers
from market.sources import last_resort
from market.sources.coverage import tickers_of
from market.sources.parts import Note, Parts
from market.sources.sec.company import securities_rows
from market.store import Store
from market.writer import Writer

FUNDS = (
    "SPY",
    "QQQ",
    "IWM",
    "RSP",
    "SMH",
    "XLK",
    "XLF",
    "XLE",
    "XLI",
    "XLY",
    "XLP",
    "XLV",
    "XLU",
    "XLB",
    "XLRE",
    "XLC",
)
LEVELS = ("^GSPC", "^VIX")
SEC_SOURCE, YAHOO_SOURCE = "SEC companyfacts and submissions", "Yahoo daily bars, as traded"
STATEMENTS_SOURCE = "Yahoo statements (not point in time)"
STATEMENTS_NOTE = "facts from Yahoo statements: "


@dataclass
class Fetched:
    """What a sync has at hand when all was tried."""

    filers: list[Note]  # companies that the SEC was asked for, those it gives no facts of included
    sec: Parts
    prices: Parts
    rates: pd.DataFrame | None
    statements: Parts | None = None
    from_yahoo: list[str] = field(default_factory=list)  # names that `statements` serves

    @property
    def companies(self) -> list[str]:
        """Parts of the companies that the SEC gives facts of."""
        return [f"CIK{int(str(note['cik'])):010d}" for note in self.filers if not note["excluded"]]

    @property
    def nothing(self) -> bool:
        return not self.companies and not self.prices.names()


def assemble(store: Store, writer: Writer, live: LiveMembers, fetched: Fetched) -> None:
    """All tables from the parts; the writer commits them together."""
    _facts(store, writer, fetched)
    if fetched.companies:
        rows = pd.concat([securities_rows(note) for note in fetched.filers], ignore_index=True)
        writer.merge("securities", _known_first(store, rows), "SEC submissions; sectors from SIC", by="ticker")
    held = fetched.prices.names()
    if held:
        parts = _with_others(store, "prices", [(fetched.prices, held)], held)
        writer.replace_in_parts("prices", parts, YAHOO_SOURCE)
        kinds = [(t, "index" if t in LEVELS else "fund") for t in held if t in {*FUNDS, *LEVELS}]
        if kinds:
            writer.merge("securities", pd.DataFrame(kinds, columns=["ticker", "type"]), "funds", by="ticker")
    writer.merge("members", live.members, live.source)
    if len(live.symbols):
        writer.merge("symbols", live.symbols, live.source)
    if fetched.rates is not None:
        writer.merge("rates", fetched.rates, "Federal Reserve Bank of New York")
    writer.note("sectors and industries are derived from SIC codes of today")
    writer.note("delisted members are missing where Yahoo and the SEC no longer list them (survivorship)")


def listed(note: Note) -> list[str]:
    """Tickers of a company."""
    tickers = note["tickers"]
    return [str(ticker) for ticker in tickers] if isinstance(tickers, list) else []


def _facts(store: Store, writer: Writer, fetched: Fetched) -> None:
    from_sec = {ticker for note in fetched.filers if not note["excluded"] for ticker in listed(note)}
    from_yahoo = (last_resort.of_yahoo(store) - from_sec) | set(fetched.from_yahoo)
    sources: list[tuple[Parts, Sequence[str]]] = [(fetched.sec, fetched.companies)]
    if fetched.statements is not None:
        sources.append((fetched.statements, fetched.from_yahoo))
    if any(names for _, names in sources):
        parts = _with_others(store, "facts", sources, from_sec | set(fetched.from_yahoo))
        writer.replace_in_parts("facts", parts, "; ".join([SEC_SOURCE, *[STATEMENTS_SOURCE] * bool(from_yahoo)]))
    names = "1 name" if len(from_yahoo) == 1 else f"{len(from_yahoo)} names"
    text = f"those of {names}, as restated today and from an assumed lag: not point in time"
    writer.note(STATEMENTS_NOTE + text if from_yahoo else "", instead_of=STATEMENTS_NOTE)


def _known_first(store: Store, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of `securities`, in which what the store holds of the same company wins over what the SEC says."""
    if not store.has("securities"):
        return rows
    held = store.frame("securities").drop_duplicates("ticker", keep="last").set_index("ticker")
    fresh = rows.set_index("ticker")
    held = held[held.index.isin(fresh.index)]
    if "cik" in held:
        same = held["cik"].isna() | (held["cik"] == fresh["cik"].reindex(held.index))
        held = held[same.to_numpy(dtype=bool, na_value=False)]
    return held.combine_first(fresh).reset_index()


def _with_others(
    store: Store, table: str, sources: Sequence[tuple[Parts, Sequence[str]]], tickers: Collection[str]
) -> Iterator[pd.DataFrame]:
    """The parts, then the store's rows of other tickers, ticker by ticker."""
    for parts, names in sources:
        for name in sorted(names):
            yield parts.rows(name)
    if store.has(table):
        for ticker in sorted(tickers_of(store, table) - set(tickers)):
            quoted = ticker.replace("'", "''")
            yield store.frame(table, where=f"ticker = '{quoted}'")
