"""Commands that study a run: other hedge ratios, what would hurt, the state of the tape, and the look-ahead audit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backtest.commands.options import Csv, Data, Debug, Json, LatestAsOf, Quiet, RunFile, Verbose
from backtest.commands.terminal import Terminal
from backtest.report.numerals import numeral

if TYPE_CHECKING:
    import pandas as pd

Kinds = Annotated[str, typer.Option("--estimators", metavar="A,B", help="Only these; by default all that can run.")]
BOOK_PER_SQUEEZE = (0.0, -0.1, 0.3)  # the book unmoved, falling (January 2021), rising along (a junk rally)
RunOrRegime = Annotated[Path, typer.Argument(metavar="RUN", help="A run's YAML file, or a regime's.")]
Dates = Annotated[int, typer.Option("--dates", metavar="N", min=1, help="At how many sessions to cut the data.")]
DIFFERENCES_SHOWN = 20


def ratios(
    run: RunFile,
    estimators: Kinds = "",
    data: Data = "sample",
    json_to: Json = "",
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> None:
    """Hedge-ratio estimators side by side on a run's book and basket, walk-forward, with 95 % intervals.

    \b
    Examples:
      hedgebasket ratios configs/runs/low_quality_vs_mega_cap.yaml
      hedgebasket ratios my_run.yaml --estimators ols,ewma,kalman --json -
    """
    import market
    from backtest.estimator_inputs import cost_of_change_bps, factor_returns, instruments, own_parameters
    from backtest.legs import build_legs
    from backtest.spec import RunSpec
    from basket import hedge
    from screens.loading import load

    terminal = Terminal(quiet, json_to, verbose=verbose)
    spec = load(run, RunSpec)
    chosen = [name.strip() for name in estimators.split(",") if name.strip()] or None
    for name in chosen or ():
        hedge.estimator(name)  # a misspelt one is refused before anything is built
    rules = spec.hedge
    with terminal.progress() as progress:
        progress("building book and basket", 0, 0)
        legs = build_legs(spec, market.open(data))
        progress("estimating", 0, 0)
        table = hedge.compare(
            legs.book.returns,
            legs.short.returns,
            kinds=chosen,
            params=own_parameters(legs),
            market=legs.index_returns(spec.market),
            instruments=instruments(legs),
            factors=factor_returns(legs.data) if legs.data.has("factors") else None,
            window=rules.window,
            dates=legs.checks,
            band=rules.band,
            bounds=rules.bounds,
            max_step=rules.max_step,
            min_sessions=rules.min_sessions,
            cost_bps=cost_of_change_bps(legs),
            n_draws=spec.bootstrap.draws,
            seed=spec.bootstrap.seed,
        )
    further = {kind: more for kind, more in table.attrs["further_ratios"].items() if more}
    known = factor_returns(legs.data).index[-1] if legs.data.has("factors") else legs.sessions[-1]
    lines = {
        str(kind): {str(name): value for name, value in line.items()} for kind, line in table.to_dict("index").items()
    }
    terminal.data({k: line | ({"further_ratios": further[k]} if k in further else {}) for k, line in lines.items()})
    show_ratios(terminal, lines, further, {str(name): value for name, value in table.attrs.items()})
    if known < legs.sessions[-1] and not lines.get("factor_neutral", {"reason": "not asked"})["reason"]:
        terminal.text(f"factor_neutral: factor returns end on {known.date()}, and its ratio stands still from there")


def show_ratios(
    terminal: Terminal,
    lines: Mapping[str, Mapping[str, float | str]],
    further: Mapping[str, Mapping[str, float]],
    told: Mapping[str, object],
) -> None:
    """The comparison within 80 columns, then what its columns mean, then who refused and why."""
    able = {kind: line for kind, line in lines.items() if not line.get("reason")}
    rows = [
        (
            kind,
            numeral(line["ratio_mean"], "ratio"),
            numeral(line["ratio_last"], "ratio"),
            numeral(line["variance_in_sample"], "percent0"),
            numeral(line["variance_out_of_sample"], "percent0"),
            f"{numeral(line['variance_low'], 'percent0')} to {numeral(line['variance_high'], 'percent0')}",
            numeral(-100 * float(line["variance_vs_reference"]), "bps", sign=True),
            numeral(line["p_value"], "ratio"),
            numeral(line["hedge_annual"], "percent0", sign=True),
            numeral(line["cost_bps_per_year"], "bps"),
        )
        for kind, line in able.items()
    ]
    against = str(told["reference"])
    headings = ("estimator", "mean", "last", "in", "out", "95 %", f"vs {against}", "p", "made", "cost")
    terminal.table(headings, rows, title=f"hedge ratios, walk-forward, judged {told['start']} to {told['end']}")
    terminal.text(
        "mean, last: dollars short per dollar of book. in, out: share of the book's variance\n"
        f"removed, out of sample with its 95 % interval. vs {against}: points of it beyond {against},\n"
        "with the p-value of no difference. made: the hedge's return a year before costs.\n"
        "cost: bps of book a year to change the ratio."
    )
    if told.get("best"):
        terminal.text(
            f"best: of {told['n_tried']} beside {against} with one instrument, {told['best']}; "
            f"p {numeral(told['best_p_value'], 'ratio')} once all tries are counted."
        )
    for kind, line in lines.items():
        if line.get("judged_from", told["start"]) != told["start"] and not line.get("reason"):
            terminal.text(f"{kind}: judged from {line['judged_from']}, its first ratio, beside {against} from there")
        if kind in further:
            beside = ", ".join(f"{name} {numeral(value, 'ratio')}" for name, value in further[kind].items())
            terminal.text(f"{kind}: beside the basket, on average, short {beside}")
        if line.get("reason"):
            terminal.text(f"{kind}: {line['reason']}")
        elif line["n_refused"]:
            refused, checks = numeral(line["n_refused"], "count"), numeral(line["n_refits"], "count")
            terminal.text(f"{kind}: refused at {refused} of {checks} checks, and held its ratio there")


def stress(
    run: RunFile,
    data: Data = "sample",
    json_to: Json = "",
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> None:
    """What has hurt, what would hurt, and what breaks the position: windows, shocks, recalls, reverse stress.

    \b
    Examples:
      hedgebasket stress configs/runs/low_quality_vs_mega_cap.yaml
      hedgebasket stress my_run.yaml --json stress.json
    """
    import market
    from backtest.pipeline import run as simulate
    from backtest.report.evidence_figures import must_lose_first
    from backtest.spec import RunSpec
    from backtest.standing import standing
    from backtest.stress import replay, reverse_stress, shock_table
    from screens.loading import load

    terminal = Terminal(quiet, json_to, verbose=verbose)
    spec = load(run, RunSpec)
    with terminal.progress() as progress:
        result = simulate(spec, market.open(data), progress)
    position = standing(result)
    windows = must_lose_first(result.stress)
    again = replay(position.short / position.long, windows)
    shocks = shock_table(position)
    breaks = [reverse_stress(position, slope) for slope in BOOK_PER_SQUEEZE]
    called = result.recall_stress()
    terminal.data(
        {
            "windows": windows.to_dict("records"),
            "position": vars(position),
            "replay": again.to_dict("records"),
            "shocks": shocks.to_dict("index"),
            "reverse": [vars(one) for one in breaks],
            "recalls": called.reset_index().to_dict("records"),
        }
    )
    told = [
        (
            ("▼ " if row["must_lose"] else "") + row["window"],
            *(numeral(row[c], "percent", sign=True) for c in ("book", "basket", "hedged")),
            after["hedged"],
        )
        for row, after in zip(windows.to_dict("records"), again.to_dict("records"), strict=True)
    ]
    terminal.table(
        ("window", "book", "basket (long)", "hedged", "at today's ratio"),
        [(*row[:-1], numeral(row[-1], "percent", sign=True)) for row in told],
        title="named windows, close to close (▼: a short of weak companies must lose here)",
    )
    columns = ("book", "hedge", "hedged", "carry_annual", "exit_cost")
    rows = [
        (name, *(numeral(line[c], "percent", sign=True) for c in columns), numeral(line["days_to_trade"], "ratio"))
        for name, line in shocks.iterrows()
    ]
    headings = ("shock, of NAV", "book", "hedge", "hedged", "carry", "exit", "days")
    terminal.table(headings, rows, title="shocks to today's position")
    terminal.text(
        "carry: change a year. exit: change of what buying the basket back in a session costs.\n"
        "days: sessions to trade its slowest name. Its most shorted fifth, of the names whose short\n"
        f"interest is known, weighs {numeral(position.crowded, 'percent0')}."
    )
    for slope, one in zip(BOOK_PER_SQUEEZE, breaks, strict=True):
        beside = "the book unmoved" if slope == 0 else f"the book moving by {slope:+.0%} of it"
        terminal.text(
            f"with {beside}, a rise of the shorts by {numeral(one.margin_call, 'percent0')} brings a margin call, "
            f"by {numeral(one.ruin, 'percent0')} ruin"
        )
    if len(called):
        _show_recalls(terminal, called)


def _show_recalls(terminal: Terminal, called: pd.DataFrame) -> None:
    rows = [
        (
            f"{hazard:.0%} of specials a month",
            numeral(line["buy_ins"], "ratio"),
            *(numeral(line[c], "bps", sign=True) for c in ("cost_mean", "cost_low", "cost_high")),
            numeral(line["worst_month"], "percent2"),
        )
        for hazard, line in called.iterrows()
    ]
    headings = ("lenders call", "buy-ins a year", "cost, bps a year", "5 %", "95 %", "worst month")
    terminal.table(headings, rows, title="had lenders called shares back, over the run")
    terminal.text("cost: of average NAV; a draw in which it helps to be bought in costs less than nothing.")


def regime(
    run: RunOrRegime,
    as_of: LatestAsOf = "",
    data: Data = "sample",
    json_to: Json = "",
    csv_to: Csv = "",
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> None:
    """The fragility signals on a date, each against its own past, and the state of the gate.

    \b
    RUN may be a run or a regime's own file; a run that names no regime is shown
    with the shipped one. A run with an overlay also shows how much of its hedge
    may be held at that session's close.
    \b
    Examples:
      hedgebasket regime configs/runs/low_quality_vs_mega_cap.yaml \\
        --as-of 2025-10-31
      hedgebasket regime configs/regimes/fragility.yaml --json -
    """
    import market
    from backtest.overlay import state_on
    from backtest.spec import RunSpec
    from backtest.starter import templates
    from market.errors import ConfigError
    from screens.loading import load_any
    from screens.regime import RegimeSpec, evaluate

    terminal = Terminal(quiet, json_to, csv_to, verbose=verbose)
    spec, of_run = load_any(run), None
    if isinstance(spec, RunSpec):
        of_run = spec
        spec = load_any(spec.regime.target if spec.regime else templates() / "regimes" / "fragility.yaml")
    if not isinstance(spec, RegimeSpec):
        raise ConfigError(f"{run}: neither a run nor a regime")
    with terminal.progress() as progress:
        progress("reading the market", 0, 0)
        opened = market.open(data)
        progress("computing the signals through time", 0, 0)
        found = evaluate(spec, opened, as_of or opened.end)
        tactical = None
        if of_run is not None and of_run.overlay is not None:
            progress("building book and basket", 0, 0)
            tactical = state_on(of_run, opened, found["as_of"])
    terminal.data({**found, **({} if tactical is None else {"overlay": tactical})})
    if csv_to:
        import pandas as pd

        terminal.csv(pd.DataFrame.from_dict(found["signals"], orient="index").rename_axis("signal"))
    rows = [
        (name, numeral(signal["value"]), numeral(signal["percentile"], "percent0"), signal["fragile"])
        for name, signal in found["signals"].items()
    ]
    terminal.table(("signal", "value", "percentile", "fragile when"), rows, title=f"{spec.name} on {found['as_of']}")
    terminal.text(
        f"score {numeral(found['score'], 'ratio')}, state {found['state']}, acting {found['acting']}, "
        f"scaling {numeral(found['multiplier'], 'ratio')}"
    )
    if tactical is not None:
        terminal.text(
            f"overlay: {numeral(tactical['multiplier'], 'percent0')} of the hedge may be held at this close "
            f"({tactical['mode']} {numeral(tactical['size'], 'percent0')}, "
            f"squeeze switch {numeral(tactical['squeeze'], 'percent0')})"
        )
    elif of_run is not None and of_run.overlay is not None:
        terminal.text("overlay: the run does not trade on that day")


def audit(
    run: RunFile,
    dates: Dates = 20,
    data: Data = "sample",
    json_to: Json = "",
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> None:
    """Look-ahead audit: run again on data that end early, and demand the same figures to the bit up to that day.

    \b
    Exits 1 where anything differs.
    \b
    Examples:
      hedgebasket audit configs/runs/low_quality_vs_mega_cap.yaml
      hedgebasket audit my_run.yaml --dates 5 --data ~/my-store
    """
    import market
    from backtest.audit import audit as audited
    from backtest.spec import RunSpec
    from screens.loading import load

    terminal = Terminal(quiet, json_to, verbose=verbose)
    spec = load(run, RunSpec)
    with terminal.progress() as progress:
        found = audited(spec, market.open(data), dates, progress)
    count = len(found.differences)
    listed = [vars(one) for one in found.differences]
    terminal.data({"dates": len(found.dates), "differences": count, "cuts": found.dates, "found": listed})
    for difference in found.differences[:DIFFERENCES_SHOWN]:
        terminal.text(str(difference))
    terminal.text(f"{len(found.dates)} dates, {count} difference{'' if count == 1 else 's'}")
    if count:
        raise typer.Exit(1)
