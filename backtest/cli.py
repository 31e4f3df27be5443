"""The command line: parse, call one function, print, exit code.

1. `COMMANDS` names every command, the function behind it and one line of help; nothing else is known at start.
2. The overview is printed from that table, so `hedgebasket --help` imports no library at all.
3. A command imports its own module only; completion, and tests through `application()`, import them all.
4. What goes wrong on purpose becomes a message and an exit code in `backtest.commands.door`.
"""

from __future__ import annotations

import difflib
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from backtest.commands.printable import forgiving_streams

if TYPE_CHECKING:
    import typer

PROGRAM = "hedgebasket"
COMPLETION_VARIABLE = "_HEDGEBASKET_COMPLETE"

COMMANDS: dict[str, tuple[str, str]] = {
    "backtest": ("runs:backtest", "the main job: basket, hedge, simulation, evidence, report"),
    "screen": ("screening:screen", "names ranked by a screen, as known on a date"),
    "explain": ("screening:explain", "why one name passed or failed: rule by rule, score by score"),
    "diff": ("screening:diff", "who enters and leaves between two screens, by which rule"),
    "basket": ("baskets:basket", "constituents, weights, capacity and the trade list on a date"),
    "ratios": ("studies:ratios", "hedge-ratio estimators side by side, in and out of sample"),
    "regime": ("studies:regime", "the fragility signals, the gate and its state on a date"),
    "stress": ("studies:stress", "named windows, shocks and reverse stress"),
    "audit": ("studies:audit", "look-ahead audit: recompute on truncated data and compare"),
    "sweep": ("sweeps:sweep", "many screens and ratios, and what so many trials prove"),
    "bench": ("sweeps:bench", "how fast and how exact: the engine beside plain vectorbt and bt"),
    "compare": ("runs:compare", "finished runs side by side"),
    "fundamentals": ("screening:fundamentals", "what was known of a company on a date, and from where"),
    "metrics": ("configs:metrics", "every metric a screen can use: family, unit, direction, formula"),
    "validate": ("configs:validate", "every error of config files, with file:line and a hint"),
    "schema": ("configs:schema", "JSON Schemas of all config kinds, for editors"),
    "init": ("configs:init", "a commented starter set of configs"),
    "data status": ("stores:status", "what the store holds: tables, names, span, provenance"),
    "data import": ("stores:import_tables", "bring your own tables, CSV or Parquet"),
    "data sync": ("stores:sync", "fill the store from Yahoo and SEC: resumable, rate-limited"),
    "data check": ("stores:check", "data-quality audit: jumps, stale series, split mistakes"),
}

OVERVIEW = """Usage: {program} COMMAND [ARGUMENTS] [OPTIONS]

Build low-quality short baskets from declarative screens, and backtest them as
a hedge.

Start here:
  {program} init                     a commented starter set, in configs/
  {program} validate configs         check it, without opening any data
  {program} backtest configs/runs/low_quality_vs_mega_cap.yaml \\
    --out runs/first

Commands:
{commands}

Every command takes:
  --data sample|DIR   the store to read (default: the sample that ships)
  --json FILE|-       results as JSON, to a file or to stdout
  --quiet             no progress on stderr
  --debug             stack traces
  --help              the command's own arguments, with examples
The long ones take --verbose as well: seconds a stage, and what is read.

  {program} --version              the version
  {program} --install-completion   completion for this shell

Exit codes: 0 fine, 1 a check found something, 2 the config or command line is
wrong, 3 data is missing or bad, 4 the run is infeasible or ruined, 130
interrupted. NO_COLOR=1 takes the colours away."""


def overview() -> str:
    """The text of `--help`."""
    width = max(map(len, COMMANDS))
    lines = "\n".join(f"  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items())
    return OVERVIEW.format(program=PROGRAM, commands=lines)


def application(names: Iterable[str] | None = None, *, completion: bool = False) -> typer.Typer:
    """The typer application with these commands, or with all of them."""
    import typer

    from backtest.commands.door import door

    def made(**more: str) -> typer.Typer:
        return typer.Typer(
            add_completion=completion,
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
            no_args_is_help=True,
            context_settings={"help_option_names": ["-h", "--help"]},
            **more,  # type: ignore[arg-type]
        )

    app = made(name=PROGRAM, help="Build low-quality short baskets and backtest them as a hedge.")
    app.callback()(_nothing)  # keeps the command's name in the usage line even when only one is loaded
    groups: dict[str, typer.Typer] = {}
    for name in COMMANDS if names is None else names:
        target, summary = COMMANDS[name]
        module, _, function = target.partition(":")
        command = getattr(import_module(f"backtest.commands.{module}"), function)
        group, _, leaf = name.rpartition(" ")
        if group and group not in groups:
            groups[group] = made(name=group, help="The store: what it holds, and how to fill it.")
            app.add_typer(groups[group])
        home = groups[group] if group else app
        home.command(leaf, short_help=summary)(door(command))
    return app


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, _terminated)
    forgiving_streams()
    try:
        if COMPLETION_VARIABLE in os.environ or {"--install-completion", "--show-completion"} & set(words):
            application(completion=True)(args=words, prog_name=PROGRAM)
        if not words or words[0] in ("-h", "--help", "help"):
            _say(overview())
            sys.exit(0)
        if words[0] in ("-V", "--version"):
            _say(f"{PROGRAM} {version()}")
            sys.exit(0)
        application(_wanted(words))(args=words, prog_name=PROGRAM)
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # of help and lists; a command's own errors never come this far
        sys.stderr.write(f"{PROGRAM}: cannot write ({error.strerror or error})\n")
        sys.exit(3)
    sys.exit(0)


def version() -> str:
    """The installed version; `0+unknown` in a tree that was never installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed(PROGRAM)
    except PackageNotFoundError:
        return "0+unknown"


def _wanted(words: Sequence[str]) -> list[str]:
    """The commands to load for this command line; exits 2 with a suggestion where there is no such command."""
    first = words[0]
    members = [name for name in COMMANDS if name == first or name.startswith(first + " ")]
    if not members:
        known = list(dict.fromkeys(name.split()[0] for name in COMMANDS))
        near = difflib.get_close_matches(first, known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        what = "option" if first.startswith("-") else "command"
        sys.stderr.write(f"{PROGRAM}: no such {what} '{first}'{hint}\nTry '{PROGRAM} --help' for the list.\n")
        sys.exit(2)
    exact = [name for name in members if name == " ".join(words[:2])]
    return exact or members


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _nothing() -> None:
    """Build low-quality short baskets from declarative screens, and backtest them as a hedge."""


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    """A polite kill unwinds like Ctrl-C, so that nothing half-written stays behind."""
    sys.exit(143)


if __name__ == "__main__":
    main()
