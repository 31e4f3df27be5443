"""Commands about names: rank them, explain one, compare two screens, and look up what was known of a company."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backtest.commands.options import AsOf, Csv, Data, Debug, Json, LatestAsOf, Quiet, ScreenFile
from backtest.commands.terminal import Terminal
from backtest.report.numerals import numeral

if TYPE_CHECKING:
    from market.view import View
    from screens.screened import Screened
    from screens.spec import ScreenSpec

Top = Annotated[
    int | None, typer.Option("--top", metavar="N", min=1, help="The N worst names instead of those selected.")
]
Ticker = Annotated[str, typer.Argument(metavar="TICKER", help="A ticker.")]
Company = Annotated[str, typer.Argument(metavar="TICKER", help="A ticker, or a CIK such as CIK320193.")]


def screen(
    screen: ScreenFile,
    as_of: LatestAsOf = "",
    top: Top = None,
    data: Data = "sample",
    json_to: Json = "",
    csv_to: Csv = "",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Names ranked by a screen, the worst company first, as known on a date.

    \b
    Examples:
      hedgebasket screen configs/screens/low_quality.yaml --as-of 2024-01-02
      hedgebasket screen configs/screens/low_quality.yaml --top 10 --json -
      hedgebasket screen configs/screens/zombies.yaml --csv zombies.csv
    """
    import market
    from screens.describe import wrapped
    from screens.loading import load
    from screens.spec import ScreenSpec

    terminal = Terminal(quiet, json_to, csv_to)
    spec = load(screen, ScreenSpec)
    opened = market.open(data)
    found = _evaluated(spec, screen, opened.as_of(as_of or opened.end)).require_names()
    ranked = found.ranked()
    names = [str(t) for t in (ranked.index[:top] if top else found.selected())]
    terminal.data(_screened(found, names))
    terminal.csv(ranked.loc[names])
    blocks = list(spec.blocks)
    rows = [
        (
            name,
            row["sector"],
            _count(row["rank"]),
            numeral(row["score"], "ratio3"),
            *(numeral(row[b], "ratio") for b in blocks),
        )
        for name, row in ranked.loc[names].to_dict("index").items()
    ]
    counts = f"universe {int(found.admission.admitted.sum())}, eligible {int(found.eligible.sum())}"
    title = f"{spec.name} on {found.session.date()}: {counts}, ranked {len(ranked)}, shown {len(names)}"
    terminal.table(("ticker", "sector", "rank", "score", *blocks), rows, title=title)
    thin = [f"{metric} {share:.0%}" for metric, share in found.coverage.items() if share < LOW_COVERAGE]
    if thin:
        terminal.text(wrapped(f"thin coverage: {', '.join(thin)}", 2))
    for warning in found.warnings:
        terminal.text(wrapped(f"warning: {warning}", 2))


LOW_COVERAGE = 0.8


def explain(
    screen: ScreenFile,
    ticker: Ticker,
    as_of: LatestAsOf = "",
    data: Data = "sample",
    json_to: Json = "",
    csv_to: Csv = "",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Why one name passed or failed a screen: each rule's value and threshold, each score's percentile and filing.

    \b
    Examples:
      hedgebasket explain configs/screens/low_quality.yaml UAL --as-of 2024-01-02
      hedgebasket explain configs/screens/low_quality.yaml UAL --csv -
    """
    import market
    from screens.explain import explain as explain_name
    from screens.loading import load
    from screens.spec import ScreenSpec

    terminal = Terminal(quiet, json_to, csv_to)
    spec = load(screen, ScreenSpec)
    opened = market.open(data)
    view = opened.as_of(as_of or opened.end)
    explained = explain_name(_evaluated(spec, screen, view), opened.resolve(ticker, view.session))
    terminal.data(explained.as_dict())
    terminal.csv(explained.frame())
    terminal.text(explained.words())


def diff(
    screen_a: Annotated[Path, typer.Argument(metavar="SCREEN_A", help="The screen as it is.")],
    screen_b: Annotated[
        Path | None, typer.Argument(metavar="SCREEN_B", help="The screen as it might be; by default the same one.")
    ] = None,
    as_of: LatestAsOf = "",
    since: Annotated[
        str, typer.Option("--from", metavar="DATE", help="The session of SCREEN_A; by default that of --as-of.")
    ] = "",
    data: Data = "sample",
    json_to: Json = "",
    csv_to: Csv = "",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Who enters and who leaves between two screens, or two dates of one, and because of which rule or rank.

    Between two dates the names held before keep their buffer.

    \b
    Examples:
      hedgebasket diff configs/screens/low_quality.yaml \\
        configs/screens/pure_low_quality.yaml
      hedgebasket diff configs/screens/low_quality.yaml \\
        --from 2025-07-17 --as-of 2025-10-16
    """
    import market
    from market.errors import ConfigError
    from screens.diff import diff as difference
    from screens.loading import load
    from screens.spec import ScreenSpec

    terminal = Terminal(quiet, json_to, csv_to)
    if screen_b is None and not since:
        raise ConfigError("nothing to compare: give a second screen, or an earlier date with --from")
    before = load(screen_a, ScreenSpec)
    after = before if screen_b is None else load(screen_b, ScreenSpec)
    opened = market.open(data)
    now = opened.as_of(as_of or opened.end)
    then = opened.as_of(since) if since else now
    if then.session > now.session:
        raise ConfigError(f"--from {then.session.date()} is after --as-of {now.session.date()}")
    old, new = _evaluated(before, screen_a, then), _evaluated(after, screen_b or screen_a, now)
    found = difference(old.require_names(), new.require_names())
    terminal.data(found.as_dict())
    terminal.csv(found.frame().set_index("ticker"))
    terminal.text(found.words())


def fundamentals(
    ticker: Company,
    as_of: AsOf,
    data: Data = "sample",
    json_to: Json = "",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """What was known of a company on a date: items, metrics, and the filing each figure came from.

    \b
    Examples:
      hedgebasket fundamentals AAPL --as-of 2024-06-28
      hedgebasket fundamentals CIK320193 --as-of 2024-06-28 --json -
    """
    import market
    from backtest.fundamentals import known

    terminal = Terminal(quiet, json_to)
    with terminal.progress() as progress:
        progress("reading the market", 0, 0)
        opened = market.open(data)
        progress("computing what was known", 0, 0)
        found = known(opened, ticker, as_of)
    terminal.data(found)
    sources = found["sources"]
    assert isinstance(sources, dict)
    for basis, title in (("ttm", "trailing twelve months"), ("latest", "latest balance")):
        items = found[basis]
        assert isinstance(items, dict)
        headings, rows = _sourced(items, sources)
        terminal.table(headings, rows, title=f"{found['ticker']} {title}, as known on {found['as_of']}")
    metrics = found["metrics"]
    assert isinstance(metrics, dict)
    if metrics:
        terminal.table(("metric", "value"), list(metrics.items()), title=f"{found['ticker']} on {found['as_of']}")


def _sourced(items: dict[str, float], sources: dict[str, dict[str, object]]) -> tuple[list[str], list[list[object]]]:
    """Items with the filing each came from; without columns that would be empty."""
    headings = ["item", "USD or shares", "form", "filed", "period end", "accession", "flags"]
    rows: list[list[object]] = []
    for item, value in items.items():
        source = sources.get(item, {})
        flags = source.get("flags")
        named = [source.get(key) for key in ("form", "filed", "period_end", "accession")]
        rows.append([item, f"{value:,.0f}", *named, ", ".join(flags) if isinstance(flags, list) else ""])
    kept = [i for i in range(len(headings)) if i < 5 or any(row[i] for row in rows)]
    return [headings[i] for i in kept], [[row[i] for i in kept] for row in rows]


def _evaluated(spec: ScreenSpec, path: Path, view: View) -> Screened:
    """The screen on the view's date; what is wrong with it against the data is told with its place in the file."""
    from market.errors import ConfigError
    from screens.loading import placed
    from screens.screen import evaluate

    try:
        return evaluate(spec, view)
    except ConfigError as error:
        raise placed(error, path) from None


def _screened(found: Screened, names: list[str]) -> dict[str, object]:
    rows = found.frame.loc[names].to_dict("index")
    metrics = found.metrics.loc[names].to_dict("index")
    return {
        "as_of": found.session,
        "universe": int(found.admission.admitted.sum()),
        "eligible": int(found.eligible.sum()),
        "ranked": len(found.ranked()),
        "selected": [
            {
                "ticker": name,
                "rank": _count(row["rank"]),
                "score": row["score"],
                "blocks": {block: row[block] for block in found.spec.blocks},
                "metrics": metrics[name],
            }
            for name, row in rows.items()
        ],
        "coverage": found.coverage,
        "warnings": list(found.warnings),
    }


def _count(value: float) -> int | None:
    return int(value) if value == value else None
