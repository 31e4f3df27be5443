"""Commands about the store: what it holds, how it is filled, and whether it can be trusted."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backtest.commands.options import Data, Debug, Json, Quiet, Verbose
from backtest.commands.terminal import Terminal
from market.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from backtest.commands.terminal import Progress
    from market import Market
    from market.check import Finding

STORE_VARIABLE = "HEDGEBASKET_STORE"
REJECTIONS_SHOWN = 10
FINDINGS_SHOWN = 20
SEC_FACTS = "facts (SEC)"  # in the report of an import, beside `facts` of one's own

TheStore = Annotated[
    str,
    typer.Option("--data", metavar="DIR", help=f"The store; default ${STORE_VARIABLE}, or the user's data directory."),
]
TableFile = Annotated[str, typer.Option(metavar="FILE", help="CSV or Parquet.", rich_help_panel="Tables")]


def status(data: Data = "sample", json_to: Json = "", quiet: Quiet = False, debug: Debug = False) -> None:
    """What a store holds: rows, names and span of each table, how far behind it is, and where it came from.

    \b
    Examples:
      hedgebasket data status
      hedgebasket data status --data ~/my-store --json -
    """
    from market.status import status as status_of

    terminal = Terminal(quiet, json_to)
    found = status_of(data)
    terminal.data(found)
    tables = found["tables"]
    assert isinstance(tables, dict)
    rows = [(name, f"{t['rows']:,}", t["tickers"], t["start"], t["end"]) for name, t in tables.items()]
    terminal.table(("table", "rows", "names", "from", "to"), rows, title=f"{found['store']}")
    sources = {str(t["source"]) for t in tables.values()}
    for source in sorted(sources):
        terminal.text(f"source: {source}")
    notes = found.get("notes")
    for note in notes if isinstance(notes, list) else []:
        terminal.text(f"note: {note}")


def import_tables(
    prices: TableFile = "",
    facts: TableFile = "",
    securities: TableFile = "",
    members: TableFile = "",
    market_cap: TableFile = "",
    rates: TableFile = "",
    borrow: TableFile = "",
    short_interest: TableFile = "",
    tags: TableFile = "",
    filing_text: TableFile = "",
    earnings: TableFile = "",
    factors: TableFile = "",
    sec_companyfacts: Annotated[
        str, typer.Option(metavar="DIR", help="A directory of SEC CIK##########.json files.")
    ] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Replace whole tables instead of merging rows.")] = False,
    data: TheStore = "",
    json_to: Json = "",
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> None:
    """Bring your own tables into a store. Bad rows are set aside with their reasons, good rows are taken.

    \b
    Examples:
      hedgebasket data import --data ~/my-store \\
        --prices prices.csv --securities names.csv
      hedgebasket data import --data ~/my-store --sec-companyfacts companyfacts/
    """
    from market.sources import files

    terminal = Terminal(quiet, json_to, verbose=verbose)
    given = {
        "prices": prices,
        "facts": facts,
        "securities": securities,
        "members": members,
        "market_cap": market_cap,
        "rates": rates,
        "borrow": borrow,
        "short_interest": short_interest,
        "tags": tags,
        "filing_text": filing_text,
        "earnings": earnings,
        "factors": factors,
    }
    chosen = {table: path for table, path in given.items() if path}
    if not chosen and not sec_companyfacts:
        raise ConfigError("nothing to import: give at least one table, such as --prices FILE")
    store = writable(data)
    report: dict[str, object] = {"store": str(store), "tables": {}}
    if chosen:
        with terminal.progress() as progress:
            progress("reading " + ", ".join(chosen.values()), 0, 0)
            report = files.import_tables(store, chosen, mode="replace" if replace else "merge").to_dict()
    if sec_companyfacts:
        from market.sources.sec.bulk import import_companyfacts

        with terminal.progress() as progress:
            facts_report = import_companyfacts(store, sec_companyfacts, progress)
        tables = report["tables"]
        assert isinstance(tables, dict)
        tables[SEC_FACTS] = facts_report.to_dict()
    if facts or sec_companyfacts:
        with terminal.progress() as progress:
            _prepare(store, progress)
    terminal.data(report)
    _show_import(terminal, report)


def sync(
    index: Annotated[str, typer.Option("--index", help="The index whose members to fetch.")] = "sp500",
    since: Annotated[str, typer.Option("--since", metavar="DATE", help="First day to fetch.")] = "2018-01-01",
    tickers: Annotated[str, typer.Option("--tickers", metavar="A,B", help="Only these members.")] = "",
    contact: Annotated[
        str,
        typer.Option("--contact", metavar="EMAIL", help="For the SEC, which asks for one; or $HEDGEBASKET_CONTACT."),
    ] = "",
    texts: Annotated[
        bool, typer.Option("--texts", help="Read the annual reports too and count their AI terms (megabytes each).")
    ] = False,
    statements: Annotated[
        bool, typer.Option("--statements", help="Where the SEC has no facts, take Yahoo's: not point in time.")
    ] = False,
    data: TheStore = "",
    json_to: Json = "",
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> None:
    """Fill the store from Yahoo and SEC. Rate-limited and resumable: what is there already is not fetched again.

    \b
    Examples:
      hedgebasket data sync --data ~/my-store \\
        --since 2015-01-01 --contact me@example.com
      hedgebasket data sync --index sp1500 --texts
    """
    from market.sources.sync import sync as fill

    terminal = Terminal(quiet, json_to, verbose=verbose)
    names = [name.strip().upper() for name in tickers.split(",") if name.strip()] or None
    store = writable(data)
    with terminal.progress() as progress:
        report = fill(
            store,
            index,
            since,
            tickers=names,
            contact=contact or None,
            texts=texts,
            statements=statements,
            progress=progress,
        )
        _prepare(store, progress)
    terminal.data(report)
    _show_sync(terminal, report)


def check(data: TheStore = "", json_to: Json = "", quiet: Quiet = False, debug: Debug = False) -> None:
    """Audit the data: jumps, stale series, split mistakes, symbols used twice, facts that contradict.

    \b
    Exits 1 where a number is certainly wrong; warnings and limits are listed
    beside.
    \b
    Examples:
      hedgebasket data check --data ~/my-store
      hedgebasket data check --data sample --json -
    """
    import market
    from market.check import check as findings_in
    from market.check import coverage

    terminal = Terminal(quiet, json_to)
    with terminal.progress() as progress:
        progress("checking the data", 0, 0)
        opened = market.open(data if data == "sample" or "://" in data else str(writable(data)))
        findings = findings_in(opened)
        progress("counting what is covered", 0, 0)
        covered = coverage(opened, _largest_index(opened)) if opened.has("prices") else None
    shares = [] if covered is None else _shares(covered)
    terminal.data([finding.to_dict() for finding in findings] + [row.to_dict() for row in shares])
    kinds = Counter((f.severity, f.table, f.kind) for f in findings)
    terminal.table(("severity", "table", "kind", "found"), [(*kind, count) for kind, count in kinds.items()])
    errors = [f for f in findings if f.severity == "error"]
    for finding in errors[:FINDINGS_SHOWN]:
        place = " ".join(part for part in (finding.table, finding.ticker, finding.date) if part)
        terminal.text(f"{place}: {finding.message}")
    if len(errors) > FINDINGS_SHOWN:
        terminal.text(f"{len(errors) - FINDINGS_SHOWN} more errors; all of them are in --json")
    if covered is not None:
        _show_coverage(terminal, covered)
    if errors:
        raise typer.Exit(1)


def _prepare(store: Path, progress: Progress) -> None:
    """Compute now what screens will read of the statements, so that the first of them need not."""
    from market.histories import USUAL
    from market.preparation import memo_of, prepare
    from market.store import Store
    from screens.asked import asked_by_metrics

    opened = Store(store)
    memo = memo_of(opened)
    if memo is not None and not memo.begun:
        prepare(opened, {*USUAL, *asked_by_metrics()}, progress)


def _largest_index(opened: Market) -> str | None:
    """The index whose members are counted: the one with most of them; None where the store knows none."""
    if not opened.has("members"):
        return None
    counts = opened.rows("members")["index"].value_counts()
    return min(name for name in map(str, counts.index) if counts[name] == counts.max())


def _shares(covered: pd.DataFrame) -> list[Finding]:
    """Coverage as findings, so that one list holds all that was found."""
    from market.check import Finding

    return [
        Finding(
            "coverage",
            "",
            str(row.year),
            "coverage",
            f"{row.sector}: {row.names} names, prices {row.prices:.0%}, facts {row.facts:.0%}, "
            f"market cap {row.market_cap:.0%}",
            "info",
        )
        for row in covered.itertuples()
    ]


def _show_coverage(terminal: Terminal, covered: pd.DataFrame) -> None:
    def lines(rows: pd.DataFrame, by: str) -> list[list[object]]:
        shares = rows[["prices", "facts", "market_cap"]].map("{:.0%}".format)
        return [[*one] for one in zip(rows[by], rows["names"], *(shares[c] for c in shares), strict=True)]

    headings = ("names", "prices", "facts", "market cap")
    whole = covered[covered["sector"] == "all"]
    terminal.table(("year", *headings), lines(whole, "year"), title="coverage at the end of each year")
    last = covered[(covered["year"] == covered["year"].max()) & (covered["sector"] != "all")]
    if len(last):
        title = f"coverage by sector, {covered['year'].max()}"
        terminal.table(("sector", *headings), lines(last.sort_values("sector"), "sector"), title=title)


def writable(data: str) -> Path:
    """The store to write to: the one named, `$HEDGEBASKET_STORE`, or the user's data directory; never the sample."""
    if data == "sample":
        raise ConfigError("the sample is never written; name a directory with --data DIR")
    if "://" in data:
        raise ConfigError(f"{data}: remote stores are read-only; fill a directory, then copy it there")
    if data or os.environ.get(STORE_VARIABLE):
        return Path(data or os.environ[STORE_VARIABLE]).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("hedgebasket")) / "store"


def _show_import(terminal: Terminal, report: dict[str, object]) -> None:
    tables = report["tables"]
    assert isinstance(tables, dict)
    rows = [
        (name, f"{t['rows_read']:,}", f"{t['rows_taken']:,}", t["repeats"], len(t["rejected"]))
        for name, t in tables.items()
    ]
    terminal.table(("table", "read", "taken", "repeats", "rejected"), rows, title=str(report["store"]))
    for name, table in tables.items():
        for rejected in table["rejected"][:REJECTIONS_SHOWN]:
            terminal.text(f"{name} {'CIK' if name == SEC_FACTS else 'row'} {rejected['row']}: {rejected['reason']}")
        if len(table["rejected"]) > REJECTIONS_SHOWN:
            terminal.text(f"{name}: {len(table['rejected']) - REJECTIONS_SHOWN} more rejected rows, all in --json")
        for note in table["notes"]:
            terminal.text(f"{name}: {note}")


def _show_sync(terminal: Terminal, report: dict[str, object]) -> None:
    coverage, failed, excluded = report["coverage"], report["failed"], report["excluded"]
    assert isinstance(coverage, list)
    assert isinstance(failed, list)
    assert isinstance(excluded, list)
    if coverage:
        terminal.table(list(coverage[0]), [list(year.values()) for year in coverage], title=str(report["store"]))
    for title, listed in (("failed", failed), ("left out", excluded)):
        for one in listed[:REJECTIONS_SHOWN]:
            terminal.text(f"{title}: {one['what']}: {one['reason']}")
        if len(listed) > REJECTIONS_SHOWN:
            terminal.text(f"{title}: {len(listed) - REJECTIONS_SHOWN} more, all in --json")
