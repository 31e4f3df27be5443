"""Commands about runs: the main job, and finished runs side by side."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from backtest.commands.options import Data, Debug, Json, NoData, Quiet, RunFile, Verbose
from backtest.commands.terminal import Terminal

Out = Annotated[str, typer.Option("--out", metavar="DIR", help="Write report.html, summary.json and the rest here.")]
Page = Annotated[str, typer.Option("--html", metavar="FILE", help="The comparison as a page, to a file.")]
Directories = Annotated[list[Path], typer.Argument(metavar="DIR", help="Directories of finished runs.")]

SLEEVE_ROWS = (
    ("return a year", "cagr", "percent"),
    ("volatility a year", "volatility", "percent"),
    ("Sharpe", "sharpe", "ratio"),
    ("maximum drawdown", "max_drawdown", "percent"),
    ("CVaR 95 % a day", "cvar_95", "percent"),
    ("beta to the market", "beta_to_market", "ratio"),
)


def backtest(
    run: RunFile,
    out: Out = "",
    data: Data = "sample",
    json_to: Json = "",
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> None:
    """The main job: build book and basket, size the hedge, simulate, evaluate, report.

    \b
    Prints a summary; with --out it writes report.html, summary.json,
    manifest.json and the run's NAV, weights, orders, carry and hedge ratios as
    Parquet.
    \b
    Examples:
      hedgebasket backtest configs/runs/low_quality_vs_mega_cap.yaml \\
        --out runs/first
      hedgebasket backtest my_run.yaml --data ~/my-store --json -
    """
    import market
    from backtest import artifacts
    from backtest.spec import RunSpec
    from market.errors import ConfigError
    from screens.loading import load, validate_files

    terminal = Terminal(quiet, json_to, verbose=verbose)
    if problems := validate_files([run]):  # of the run and of all it refers to, at once
        raise ConfigError(problems)
    spec = load(run, RunSpec)
    if out:
        artifacts.check_target(Path(out))
    from backtest.pipeline import run as simulate

    with terminal.progress() as progress:
        progress("reading the market", 0, 0)
        result = simulate(spec, market.open(data), progress)
        if out:
            progress("writing the report", 0, 0)
            command = ["hedgebasket", *sys.argv[1:]]
            artifacts.write(result, out, command, artifacts.config_files(run))
    terminal.data(result.summary)
    show_summary(terminal, result.summary)
    if out:
        terminal.text(f"\nreport: {Path(out) / artifacts.REPORT}")


def compare(
    directories: Directories,
    html: Page = "",
    data: NoData = "sample",
    json_to: Json = "",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Finished runs side by side: their figures, and where their configs differ.

    \b
    Examples:
      hedgebasket compare runs/low_quality runs/pure
      hedgebasket compare runs/* --json comparison.json
      hedgebasket compare runs/first runs/pure --html comparison.html
    """
    from backtest.compare import ROWS
    from backtest.compare import compare as side_by_side
    from backtest.report.numerals import numeral

    terminal = Terminal(quiet, json_to)
    comparison = side_by_side(directories)
    terminal.data(comparison.to_dict())
    if html:
        from backtest.plain_json import write_whole
        from backtest.report.comparison_page import render

        write_whole(Path(html), render(comparison, Path(html)))
        terminal.note(f"wrote {html}")
    rows = [
        (label, *(numeral(value, unit) for value in comparison.figures[pointer]))  # type: ignore[arg-type]
        for pointer, label, unit in ROWS
        if pointer in comparison.figures
    ]
    terminal.table(("", *comparison.runs), rows)
    if not comparison.same_span:
        terminal.text("The runs cover different spans: their figures are not like for like.")
    differing = [(path, *("–" if v is None else str(v) for v in values)) for path, values in comparison.config.items()]
    if differing:
        terminal.table(("config", *comparison.runs), differing)
    else:
        terminal.text("The configs and data are the same.")


def show_summary(terminal: Terminal, summary: Mapping[str, object]) -> None:
    """The summary as a person reads it in a terminal: answer, sleeves, effectiveness, costs, warnings."""
    from backtest.compare import at
    from backtest.report.evidence_figures import MEASURES
    from backtest.report.numerals import numeral

    if summary.get("answer"):
        terminal.text(f"{summary['answer']}\n")
    sleeves = ("book", "basket", "hedged")
    rows = [
        (label, *(numeral(at(summary, f"/sleeves/{sleeve}/{key}"), unit) for sleeve in sleeves))  # type: ignore[arg-type]
        for label, key, unit in SLEEVE_ROWS
    ]
    span = summary.get("span")
    title = f"{span.get('start')} to {span.get('end')}" if isinstance(span, Mapping) else ""
    terminal.table(("", "book", "basket (long)", "hedged book"), rows, title=title)
    effectiveness = summary.get("hedge_effectiveness")
    if isinstance(effectiveness, Mapping):
        columns = ("in_sample", "out_of_sample", "low", "high")
        body = [
            (MEASURES.get(str(m), str(m)), *(numeral(v.get(c), "percent") for c in columns))
            for m, v in effectiveness.items()
        ]
        terminal.table(("risk removed", "in sample", "out of sample", "low", "high"), body)
    show_alternatives(terminal, summary)
    costs = summary.get("costs_bps_per_year")
    if isinstance(costs, Mapping):
        listed = ", ".join(f"{kind.replace('_', ' ')} {numeral(value, 'bps')}" for kind, value in costs.items())
        terminal.text(f"costs, bps of average NAV a year (credits negative): {listed}")
    warnings = summary.get("warnings")
    for warning in warnings if isinstance(warnings, list) else []:
        terminal.text(f"warning: {warning}")


def show_alternatives(terminal: Terminal, summary: Mapping[str, object]) -> None:
    """The hedged book beside what else one could have done, then placebos, hindsight and coverage in a line each."""
    from backtest.compare import at
    from backtest.report.numerals import numeral

    found = summary.get("benchmarks")
    lines: list[tuple[str, object]] = [("this hedge", at(summary, "/sleeves/hedged"))]
    lines += list(found.items()) if isinstance(found, Mapping) else []
    lines.append(("placebo: best quality", at(summary, "/placebos/best_quality")))
    columns = (("cagr", "percent"), ("volatility", "percent"), ("max_drawdown", "percent"), ("beta_to_market", "ratio"))
    body = [
        (name, *(numeral(line.get(key), style) for key, style in columns))  # type: ignore[arg-type]
        for name, line in lines
        if isinstance(line, Mapping)
    ]
    terminal.table(("alternatives", "return", "volatility", "drawdown", "beta"), body)
    band = at(summary, "/placebos/random/cagr")
    if isinstance(band, Mapping):
        terminal.text(
            f"{at(summary, '/placebos/random/draws')} baskets of random names behind the same gate: "
            f"{numeral(band.get('p5'), 'percent')} to {numeral(band.get('p95'), 'percent')} a year (5-95 %)"
        )
    timing = at(summary, "/overlay")
    if isinstance(timing, Mapping):
        terminal.text(
            f"tactical overlay ({timing.get('mode')}): {timing.get('switches')} switches, "
            f"{numeral(timing.get('mean_size'), 'percent0')} of the hedge on average, "
            f"{timing.get('whipsaws')} whipsaws "
            f"costing {numeral(timing.get('whipsaw_bps_per_year'), 'bps')} bps a year; against as much hedge untimed "
            f"{numeral(at(summary, '/overlay/against_mean_size/annual'), 'percent', sign=True)} a year "
            f"(t {numeral(at(summary, '/overlay/against_mean_size/t'), 'ratio')})"
        )
    show_stand_in(terminal, summary)
    ahead = at(summary, "/hindsight/members_of_today")
    if ahead is not None:
        terminal.text(
            f"hindsight: the basket returns {numeral(at(summary, '/hindsight/members_of_the_date'), 'percent')} a year "
            f"drawn from the members of each date, {numeral(ahead, 'percent')} drawn from today's"
        )
    counted = at(summary, "/coverage/members_counted")
    if isinstance(counted, Mapping):
        (first, of_first), (last, of_last) = counted["start"], counted["end"]
        terminal.text(
            f"members of {counted['index']} in the data: "
            f"{first} of {of_first} at the start, {last} of {of_last} at the end"
        )


def show_stand_in(terminal: Terminal, summary: Mapping[str, object]) -> None:
    """Levels from a file shorted in the basket's place, and how ours tracks them; nothing for a run without."""
    from backtest.compare import at
    from backtest.report.numerals import numeral

    if not isinstance(at(summary, "/stand_in"), Mapping):
        return
    name = at(summary, "/stand_in/name")
    columns = (("cagr", "percent"), ("volatility", "percent"), ("max_drawdown", "percent"), ("beta_to_market", "ratio"))
    labels = {"book": "book", "hedged": "with our basket", "hedged_with_levels": f"with {name}"}
    body = [
        (label, *(numeral(at(summary, f"/stand_in/sleeves/{key}/{c}"), style) for c, style in columns))  # type: ignore[arg-type]
        for key, label in labels.items()
    ]
    span = f"{at(summary, '/stand_in/span/start')} to {at(summary, '/stand_in/span/end')}"
    terminal.table((f"short of {name}", "return", "volatility", "drawdown", "beta"), body, title=span)
    keys = ("beta", "correlation", "tracking_error", "max_drawdown", "max_drawdown_levels")
    beta, correlation, error, fall, their_fall = (at(summary, f"/stand_in/tracking/{key}") for key in keys)
    terminal.text(
        f"our basket on {name}: beta {numeral(beta, 'ratio')}, correlation {numeral(correlation, 'ratio')}, tracking "
        f"error {numeral(error, 'percent')} a year, drawdown {numeral(fall, 'percent')} against "
        f"{numeral(their_fall, 'percent')}"
    )
