"""Cuts the shipped sample from a directory of source files: `python -m market.sources.sample SOURCE DEST`.

1. Read the source's files, take out what `quarantine.csv` names, keep 2018 on (facts from 2013 on).
2. Derive total returns from close, dividend and split, and compare them with the source's `adj_close`, which is left
   out.
3. Round closes to the cents they were traded at, where they are cents; keep volume, dividends and splits as they are.
4. Write the tables compactly, the manifest, and `PROVENANCE.md` with sources, faults and the measured differences.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from market.durable import write_atomically
from market.encoding import write_parquet
from market.errors import DataError
from market.fingerprint import Fingerprint
from market.manifest import Manifest, TableEntry
from market.members import Members, from_pitindex
from market.reading import read_rows
from market.sources.provenance import NOTES, SOURCES, provenance
from market.store import MANIFEST
from market.symbols import Rename, SymbolMap, map_of
from market.tables import TABLES
from market.validation import canonical
from market.writer import describe

FIRST_SESSION = pd.Timestamp("2018-01-02")
FIRST_FACT = pd.Timestamp("2013-01-01")  # five fiscal years before the first screens of 2019, with one to spare
FIRST_MARKET_CAP = pd.Timestamp("2017-12-01")  # the month end before the first session
FIRST_RATE = pd.Timestamp("2017-12-01")
FUND_PLACES, CLOSE_PLACES = 6, 4
FLOAT_NOISE = 1.5e-7  # the source holds closes in single precision
PUBLICATION_SESSIONS = 8  # FINRA publishes on the seventh or eighth session after settlement: the later one
LEVEL = 19  # zstd
LAST_SESSION = pd.Timestamp("2026-05-29")
RENAMES = (  # those that index records show as one name leaving and another entering
    ("2018-10-31", "PX", "LIN"),
    ("2019-06-03", "DWDP", "DD"),
    ("2020-04-01", "ARNC", "HWM"),
    ("2022-03-15", "HFC", "DINO"),
    ("2022-04-04", "ADS", "BFH"),
    ("2022-04-11", "DISCA", "WBD"),
    ("2024-10-02", "CHK", "EXE"),
)

SECTOR_OF_YAHOO = {
    "Technology": "Information Technology",
    "Healthcare": "Health Care",
    "Consumer Cyclical": "Consumer Discretionary",
    "Consumer Defensive": "Consumer Staples",
    "Basic Materials": "Materials",
    "Financial Services": "Financials",
    "Communication Services": "Communication Services",
    "Industrials": "Industrials",
    "Energy": "Energy",
    "Utilities": "Utilities",
    "Real Estate": "Real Estate",
}


def build(source: Path, destination: Path) -> Manifest:
    """Cut the sample from `source` into `destination`; raises `DataError` where a source file is missing or bad."""
    destination.mkdir(parents=True, exist_ok=True)
    quarantine = read_rows(source / "quarantine.csv")[0]
    stocks = _stock_prices(source, quarantine)
    errors = total_return_differences(stocks, quarantine)
    frames = {"prices": pd.concat([_traded(stocks), _funds(source)], ignore_index=True)}
    frames["securities"] = _securities(source, frames["prices"])
    frames |= _other_tables(source, quarantine, frozenset(stocks["ticker"].unique()))
    entries = {name: _write(name, frames[name], destination) for name in TABLES if name in frames}
    manifest = Manifest(entries, NOTES, generation=1)
    write_atomically(destination / MANIFEST, manifest.to_json().encode())
    text = provenance(manifest, quarantine, errors, _shares(frames))
    write_atomically(destination / "PROVENANCE.md", text.encode())
    return manifest


def _shares(frames: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Measured shares that the provenance quotes: members with prices at four dates, facts without a filing date."""
    members = Members(canonical(frames["members"], TABLES["members"]))
    parts = []
    for day in map(pd.Timestamp, ("2018-01-02", "2020-01-02", "2022-01-03", "2026-01-02")):
        held = members.on("sp500", day)
        priced = frames["prices"].loc[frames["prices"]["date"] == day, "ticker"]
        parts.append(f"{len(set(held) & set(priced))} of {len(held)} on {day.date()}")
    return {"coverage": ", ".join(parts), "assumed": f"{frames['facts']['filed'].isna().mean():.0%}"}


def _write(name: str, frame: pd.DataFrame, destination: Path) -> TableEntry:
    rows = canonical(frame, TABLES[name])
    places = {"close": CLOSE_PLACES, "adj_close": FUND_PLACES, "volume": 0, "dividend": 6} if name == "prices" else {}
    path = destination / f"{name}.parquet"
    write_parquet(rows, TABLES[name], path, decimals=places, level=LEVEL)
    return describe(rows, name, path.name, str(Fingerprint.of(rows)), SOURCES[name])


def in_quarantine(frame: pd.DataFrame, quarantine: pd.DataFrame, table: str, dated_by: str) -> np.ndarray:
    """Which rows of `frame` the quarantine names; an empty start or end leaves that side open, both days inclusive."""
    marked = np.zeros(len(frame), bool)
    dates = frame[dated_by]
    for row in quarantine[quarantine["table"] == table].itertuples():
        start = pd.Timestamp(str(row.start)) if row.start else pd.Timestamp.min
        end = pd.Timestamp(str(row.end)) if row.end else pd.Timestamp.max
        marked |= ((frame["ticker"] == row.ticker) & (dates >= start) & (dates <= end)).to_numpy()
    return marked


def _stock_prices(source: Path, quarantine: pd.DataFrame) -> pd.DataFrame:
    frame = read_rows(source / "prices.parquet")[0]
    frame["ticker"] = frame["ticker"].astype("str")
    frame = frame[frame["date"] >= FIRST_SESSION].reset_index(drop=True)
    frame = frame[~in_quarantine(frame, quarantine, "prices", "date")].reset_index(drop=True)
    frame.loc[in_quarantine(frame, quarantine, "volume", "date"), "volume"] = np.nan
    frame["source_close"] = frame["close"].astype("float64")
    frame["close"] = as_traded_cents(frame["source_close"].to_numpy())
    for name in ("dividend", "split", "volume", "adj_close"):
        frame[name] = frame[name].astype("float64")
    frame["dividend"] = frame["dividend"].round(6)
    frame["split"] = frame["split"].round(6)
    return frame.sort_values(["ticker", "date"], kind="stable").reset_index(drop=True)


def as_traded_cents(close: np.ndarray) -> np.ndarray:
    """Closes without the noise of single precision: cents where they were cents, else four places."""
    cents = np.round(close * 100) / 100
    return np.where(np.abs(cents - close) <= close * FLOAT_NOISE, cents, np.round(close, CLOSE_PLACES))


def _traded(stocks: pd.DataFrame) -> pd.DataFrame:
    """The columns that ship; no dividend and no split are empty cells."""
    rows = stocks[["date", "ticker", "close", "volume", "dividend", "split"]].copy()
    rows["dividend"] = rows["dividend"].where(rows["dividend"] != 0)
    rows["split"] = rows["split"].where(rows["split"] != 1)
    return rows


def _funds(source: Path) -> pd.DataFrame:
    from market.calendar import sessions_between

    frame = read_rows(source / "reference_prices.parquet")[0]
    frame["ticker"] = frame["ticker"].astype("str")
    frame["adj_close"] = frame["adj_close"].round(FUND_PLACES)
    days = sessions_between(FIRST_SESSION, frame["date"].max())
    return frame.loc[frame["date"].isin(days), ["date", "ticker", "adj_close"]]


def _securities(source: Path, prices: pd.DataFrame) -> pd.DataFrame:
    frame = read_rows(source / "securities.csv")[0].replace("", None)
    frame["sector"] = frame["sector"].where(frame["sector"].notna(), frame["yahoo_sector"].map(SECTOR_OF_YAHOO))
    frame["industry"] = frame["industry"].where(frame["industry"].notna(), frame["yahoo_industry"])
    frame["sic"] = frame["sic_description"]
    frame["type"] = "stock"
    frame["cik"] = pd.to_numeric(frame["cik"])
    listed = prices.groupby("ticker")["date"].agg(["min", "max"])
    others = listed.index.difference(pd.Index(frame["ticker"]))
    funds = pd.DataFrame({"ticker": others, "type": ["index" if t.startswith("^") else "fund" for t in others]})
    frame = pd.concat([frame, funds], ignore_index=True)
    first = pd.to_datetime(frame["first_date"]).fillna(frame["ticker"].map(listed["min"]))
    # Where the quarantine took away another company's history, this company's begins after it.
    began = frame["ticker"].map(listed["min"])
    frame["first_date"] = first.where(began <= FIRST_SESSION, began)
    frame["last_date"] = pd.NaT  # all of them trade on the sample's last session; RSP and ^GSPC only lack data
    columns = ["ticker", "name", "cik", "sector", "industry", "sic", "exchange", "type", "first_date", "last_date"]
    return frame.loc[frame["ticker"].isin(listed.index), columns]


def _other_tables(source: Path, quarantine: pd.DataFrame, stocks: frozenset[str]) -> dict[str, pd.DataFrame]:
    from market.calendar import session_after

    facts = read_rows(source / "facts.parquet")[0]
    facts = facts[(facts["period_end"] >= FIRST_FACT) & facts["ticker"].isin(stocks)].reset_index(drop=True)
    facts = facts[~in_quarantine(facts, quarantine, "facts", "period_end")]
    market_cap = read_rows(source / "market_cap.parquet")[0]
    market_cap = market_cap[market_cap["date"] >= FIRST_MARKET_CAP].reset_index(drop=True)
    market_cap = market_cap[~in_quarantine(market_cap, quarantine, "market_cap", "date")]
    symbols = _symbols(stocks)
    members = read_rows(source / "members.csv")[0]
    members = members[(members["end"] == "") | (members["end"] >= str(FIRST_SESSION.date()))]
    members = members[~_listed_twice(members, symbols)]
    first = pd.to_datetime(members.set_index("ticker")["start"]).groupby(level=0).min()
    symbols = symbols[~(symbols["symbol"].map(first) <= symbols["end"])]  # a member under the old symbol: no rename
    borrow = _dated(source / "borrow.csv", "date", FIRST_SESSION)
    borrow = borrow[~in_quarantine(borrow, quarantine, "borrow", "date")]
    short = read_rows(source / "short_interest.csv")[0]
    published = {
        day: session_after(pd.Timestamp(day), PUBLICATION_SESSIONS) for day in short["settlement_date"].unique()
    }
    short["published_date"] = short["settlement_date"].map(published)
    return {
        "facts": facts,
        "members": members,
        "symbols": symbols,
        "market_cap": market_cap,
        "rates": _dated(source / "rates.csv", "date", FIRST_RATE),
        "borrow": borrow,
        "short_interest": short[short["ticker"].isin(stocks)],
        "earnings": _dated(source / "earnings.csv", "date", FIRST_SESSION).drop_duplicates(["ticker", "date"]),
        "factors": _dated(source / "factors.csv", "date", FIRST_SESSION),
    }


def _symbols(stocks: frozenset[str]) -> pd.DataFrame:
    """Old symbols of the sample's names, until its last session."""
    live = from_pitindex("sp500")
    if not live.packaged:
        raise DataError("pitindex does not read its packaged data: unset PITINDEX_CACHE_DIR and empty its cache")
    known = [Rename(pd.Timestamp(day), old, new) for day, old, new in RENAMES]
    rows = pd.concat([live.symbols, map_of(known, "press releases")], ignore_index=True)
    return rows[rows["ticker"].isin(stocks) & (rows["end"] < LAST_SESSION)]


def _listed_twice(members: pd.DataFrame, symbols: pd.DataFrame) -> np.ndarray:
    """Members under an old symbol (BLL, FLT) while the same company is one under its new symbol."""
    names = SymbolMap(symbols)
    spans = {
        str(ticker): list(zip(rows["start"], rows["end"], strict=True)) for ticker, rows in members.groupby("ticker")
    }
    twice = []
    for row in members.itertuples():
        name = names.ticker(str(row.ticker), pd.Timestamp(str(row.start)), ())
        held = spans.get(name, []) if name != row.ticker else []
        twice.append(any(start <= row.start and (not end or row.start <= end) for start, end in held))
    return np.array(twice)


def _dated(path: Path, column: str, first: pd.Timestamp) -> pd.DataFrame:
    frame = read_rows(path)[0]
    frame[column] = pd.to_datetime(frame[column])
    return frame[frame[column] >= first].reset_index(drop=True)


def total_return_differences(stocks: pd.DataFrame, quarantine: pd.DataFrame) -> pd.DataFrame:
    """Derived total return less that of `adj_close`, per session, on rows that are not in quarantine.

    Columns: ticker, date, derived, adjusted, difference, and `convention`: the same difference with the dividend
    taken off the close before, as adjusted closes do. The first row of a ticker has no return.
    """
    same = (stocks["ticker"] == stocks["ticker"].shift()).to_numpy()
    before = stocks["close"].shift()
    derived = stocks["split"].fillna(1.0) * (stocks["close"] + stocks["dividend"].fillna(0.0)) / before - 1
    adjusted = stocks["adj_close"] / stocks["adj_close"].shift() - 1
    frame = pd.DataFrame({"ticker": stocks["ticker"], "date": stocks["date"], "derived": derived, "adjusted": adjusted})
    frame["difference"] = frame["derived"] - frame["adjusted"]
    at_close_before = stocks["split"] * stocks["close"] / (before - stocks["split"] * stocks["dividend"]) - 1
    frame["convention"] = at_close_before - frame["adjusted"]
    return frame[same & ~in_quarantine(stocks, quarantine, "adj_close", "date")].reset_index(drop=True)


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m market.sources.sample SOURCE DEST\n")
        return 2
    try:
        manifest = build(Path(arguments[0]), Path(arguments[1]))
    except DataError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    for name, entry in manifest.tables.items():
        size = (Path(arguments[1]) / entry.file).stat().st_size
        sys.stdout.write(f"{name:15} {entry.rows:>9} rows {entry.tickers:>4} tickers {size / 1e6:6.2f} MB\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
