"""Commands about many runs at once: sweeps, and how fast the engine is."""

from __future__ import annotations

from typing import Annotated

import typer

from backtest.commands.options import Data, Debug, Json, Quiet, SweepFile
from backtest.commands.terminal import Terminal
from backtest.report.numerals import numeral

Workers = Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Processes on this machine.")]
Dask = Annotated[str, typer.Option("--dask", metavar="ADDRESS", help="A Dask scheduler, instead of local processes.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a sweep that was stopped.")]
Out = Annotated[str, typer.Option("--out", metavar="DIR", help="Write table, returns, summary and heat map here.")]

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
    debug: Debug = False,
) -> None:
    """Many variants of one run: any fields of run, basket, book or screen, by list, range or sample.

    \b
    The table is ranked, and says how many were tried and what that does to the best
    of them: deflated Sharpe, probability of overfitting, tests against the benchmark.
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

    terminal = Terminal(quiet, json_to)
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
