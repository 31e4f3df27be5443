"""Commands about many runs at once: sweeps, and how fast the engine is."""

from __future__ import annotations

from typing import Annotated

import typer

from backtest.commands.options import Data, Debug, Json, NoData, Quiet, SweepFile, Verbose
from backtest.commands.terminal import Terminal
from backtest.report.numerals import numeral

Workers = Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Processes on this machine.")]
Dask = Annotated[str, typer.Option("--dask", metavar="ADDRESS", help="A Dask scheduler, instead of local processes.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a sweep that was stopped.")]
Out = Annotated[str, typer.Option("--out", metavar="DIR", help="Write table, returns, summary and heat map here.")]

Years = Annotated[int, typer.Option("--years", metavar="N", min=1, help="Of daily prices.")]
Names = Annotated[int, typer.Option("--names", metavar="N", min=8, help="In the price table.")]
Quick = Annotated[bool, typer.Option("--quick", help="Without the scaling table, and a tenth of the sweep.")]
Plot = Annotated[str, typer.Option("--out", metavar="DIR", help="Write scaling.html, the log-log plot, here.")]

SHOWN = 25
COLUMNS = (
    ("sharpe", "ratio"),
    ("cagr", "percent"),
    ("volatility", "percent"),
    ("max_drawdown", "percent"),
    ("variance_removed", "percent0"),
    ("over_benchmark", "percent"),
    ("deflated_sharpe", "percent0"),
    ("deflated_over_benchmark", "percent0"),
)
HEADINGS = ("Sharpe", "return", "volatility", "drawdown", "removed", "over index", "deflated", "over index")


def sweep(
    sweep: SweepFile,
    workers: Workers = 1,
    dask: Dask = "",
    resume: Resume = False,
    out: Out = "",
    data: Data = "sample",
    json_to: Json = "",
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> None:
    """Many variants of one run: any fields of run, basket, book or screen, by list, range or sample.

    \b
    The table is ranked, and says how many were tried and what that does to the
    best of them: deflated Sharpe, probability of overfitting, tests against the
    benchmark.
    A sweep that was stopped goes on with --resume.
    \b
    Examples:
      hedgebasket sweep configs/sweeps/hedge_rules.yaml --workers 2
      hedgebasket sweep my_sweep.yaml --out sweeps/mine --resume
      hedgebasket sweep my_sweep.yaml --dask tcp://scheduler:8786 --json rows.json
    """
    from backtest.sweep_run import sweep as run_all
    from market.errors import ConfigError
    from screens.loading import validate_files

    terminal = Terminal(quiet, json_to, verbose=verbose)
    if problems := validate_files([sweep]):  # of the sweep and of all it refers to, at once
        raise ConfigError(problems)
    if dask and workers > 1:
        raise ConfigError("--workers and --dask: give one of the two")
    with terminal.progress() as progress:
        found = run_all(
            sweep, data, workers=workers, dask=dask or None, out=out or None, resume=resume, progress=progress
        )
    terminal.data(found.rows)
    varied = list(found.spec.vary)
    rows = [
        (
            numeral(row["rank"], "count"),
            *(str(row[path]) for path in varied),
            *(numeral(row.get(name), style) for name, style in COLUMNS),  # type: ignore[arg-type]
            row["status"],
        )
        for row in found.rows[:SHOWN]
    ]
    terminal.table(("rank", *varied, *HEADINGS, "status"), rows, title=str(found.summary["question"]))
    if len(found.rows) > SHOWN:
        terminal.text(f"{len(found.rows) - SHOWN} more; --out and --json have them all")
    failures = found.summary["failures"]
    for reason, count in failures.items() if isinstance(failures, dict) else ():
        terminal.text(f"{count} failed: {reason}")
    conclusion = found.summary["conclusion"]
    for sentence in conclusion if isinstance(conclusion, list) else ():
        terminal.text(f"\n{sentence}")
    if out:
        from backtest.sweep_store import PAGE

        terminal.text(f"\nheat map: {out.rstrip('/')}/{PAGE}")


def bench(
    years: Years = 10,
    names: Names = 500,
    workers: Workers = 2,
    quick: Quick = False,
    out: Plot = "",
    data: NoData = "sample",
    json_to: Json = "",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """How fast, how exact, how large: the engine beside plain daily vectorbt and bt, in one run on the same work.

    \b
    Times of a variant are processor time of one core; those of the sweep are the
    clock's. Without `bt` (pip install bt) its column is empty.
    \b
    Examples:
      hedgebasket bench --quick
      hedgebasket bench --out bench --json bench.json
    """
    from pathlib import Path

    from backtest.bench import bench as measure
    from backtest.bench import scaling_page
    from backtest.contenders import Work

    terminal = Terminal(quiet, json_to)
    work = Work(years, names, held_long=min(50, names // 4), held_short=min(75, names // 4))
    with terminal.progress() as progress:
        found = measure(work, workers, quick, progress)
    terminal.data(found)
    contenders = found["contenders"]
    rows = [
        (
            row["name"],
            numeral(row["per_variant_ms"], "ratio3"),
            numeral(row["times_the_engine"], "count"),
            numeral(row["peak_mb"], "count"),
            numeral(row["nav_error"], "tiny"),
        )
        for row in (contenders if isinstance(contenders, list) else [])
    ]
    title = f"one variant: {years} years x {names} names, quarterly; the engine with all costs and carry"
    terminal.table(("", "ms a variant", "times", "peak MB", "NAV error"), rows, title=title)
    if found["bt_ms"] is None:
        terminal.text("bt is not installed; `pip install bt` to measure it too")
    terminal.text(
        f"A variant costs {numeral(found['memory_passes'], 'ratio')} passes over the price table from memory "
        f"({numeral(found['memory_pass_ms'], 'ratio3')} ms each); one account alone, with all its orders, "
        f"{numeral(found['single_run_ms'], 'count')} ms. Largest NAV "
        f"difference {numeral(found['max_nav_error'], 'tiny')}, the engine's daily vectorbt portfolio with all "
        "carry included."
    )
    sweep = found["sweep"]
    if isinstance(sweep, dict):
        terminal.text(
            f"{sweep['variants']:,} variants with all figures: {numeral(sweep['seconds'], 'ratio')} s by {workers} "
            f"workers ({numeral(sweep['speed_up'], 'ratio')} times one), {numeral(sweep['peak_mb'], 'count')} MB."
        )
    scaling = found.get("scaling")
    if isinstance(scaling, list):
        columns = ("engine_ms", "engine_mb", "vectorbt_ms")
        cells = [(row["scale"], row["value"], *(numeral(row[c], "ratio3") for c in columns)) for row in scaling]
        terminal.table(("", "", "engine ms", "peak MB", "vectorbt ms"), cells, title="cost of one variant")
    if out and isinstance(scaling, list):
        scaling_page(found, Path(out) / "scaling.html")
        terminal.text(f"plot: {Path(out) / 'scaling.html'}")
