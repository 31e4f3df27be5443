"""Commands that study a run rather than run it: what other hedge ratios would have done."""

from __future__ import annotations

from typing import Annotated

import typer

from backtest.commands.options import Data, Debug, Json, Quiet, RunFile
from backtest.commands.terminal import Terminal
from backtest.report.numerals import numeral

Kinds = Annotated[str, typer.Option("--estimators", metavar="A,B", help="Only these; by default all that can run.")]
REFITS_EVERY = 21  # sessions: estimators that are optimised anew at each refit take minutes at a weekly pace


def ratios(
    run: RunFile,
    estimators: Kinds = "",
    data: Data = "sample",
    json_to: Json = "",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Hedge-ratio estimators side by side on a run's book and basket, walk-forward, with 95 % intervals.

    \b
    Examples:
      hedgebasket ratios configs/runs/low_quality_vs_mega_cap.yaml
      hedgebasket ratios my_run.yaml --estimators ols,ewma,kalman --json -
    """
    import market
    from backtest.legs import build_legs
    from backtest.spec import RunSpec
    from basket import hedge
    from screens.loading import load

    terminal = Terminal(quiet, json_to)
    spec = load(run, RunSpec)
    chosen = [name.strip() for name in estimators.split(",") if name.strip()] or None
    for name in chosen or ():
        hedge.estimator(name)  # a misspelt one is refused before anything is built
    with terminal.progress() as progress:
        progress("building book and basket", 0, 0)
        legs = build_legs(spec, market.open(data))
        progress("estimating", 0, 0)
        table = hedge.compare(
            legs.book.returns,
            legs.short.returns,
            kinds=chosen,
            market=legs.index_returns(spec.market),
            window=spec.hedge.window,
            step=REFITS_EVERY,
            band=spec.hedge.band,
            bounds=spec.hedge.bounds,
            max_step=spec.hedge.max_step,
        )
    lines = table.to_dict("index")
    terminal.data({str(kind): line for kind, line in lines.items()})
    able = {kind: line for kind, line in lines.items() if not line.get("reason")}
    rows = [
        (
            kind,
            numeral(line["ratio_mean"], "ratio"),
            numeral(line["ratio_last"], "ratio"),
            numeral(line["variance_in_sample"], "percent0"),
            numeral(line["variance_out_of_sample"], "percent0"),
            f"{numeral(line['variance_low'], 'percent0')} to {numeral(line['variance_high'], 'percent0')}",
            numeral(line["max_drawdown_out_of_sample"], "percent0"),
            numeral(line["p_value"], "ratio"),
        )
        for kind, line in able.items()
    ]
    headings = ("estimator", "mean", "last", "in", "out", "95 %", "drawdown", "p")
    terminal.table(headings, rows, title="ratio, and share of the book's variance removed in and out of sample")
    for kind, line in lines.items():
        if line.get("reason"):
            terminal.text(f"{kind}: {line['reason']}")
