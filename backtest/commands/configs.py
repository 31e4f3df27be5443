"""Commands about configs: validate them, describe them to editors, list what they can use, start a set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backtest.commands.options import Csv, Debug, Json, NoData, Quiet
from backtest.commands.terminal import Terminal
from backtest.plain_json import as_json, write_whole
from market.errors import ConfigError
from screens.reading import shown

Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="YAML files, or directories of them.")]
OutDirectory = Annotated[str, typer.Option("--out", metavar="DIR", help="Write one file a kind into this directory.")]
Target = Annotated[Path, typer.Argument(metavar="DIR", help="Where to; by default `configs` here.")]
Family = Annotated[str, typer.Option("--family", help="Only the metrics of one family.")]


def validate(
    files: Files, data: NoData = "sample", json_to: Json = "", quiet: Quiet = False, debug: Debug = False
) -> None:
    """Check config files and everything they refer to; prints every error with its place. Opens no data.

    \b
    Examples:
      hedgebasket validate configs/runs/low_quality_vs_mega_cap.yaml
      hedgebasket validate configs --json -
    """
    from screens.loading import validate_files

    terminal = Terminal(quiet, json_to)
    chosen = [path for file in files for path in _yaml_files(file)]
    problems = validate_files(chosen)
    fields = ("file", "line", "path", "message")
    terminal.data({"files": len(chosen), "errors": [{f: getattr(p, f) for f in fields} for p in problems]})
    if problems:
        if terminal.silent:
            raise typer.Exit(ConfigError.exit_code)
        raise ConfigError(problems)
    terminal.text(f"{len(chosen)} file{'s' if len(chosen) != 1 else ''} fine")


def schema(
    out: OutDirectory = "", data: NoData = "sample", json_to: Json = "", quiet: Quiet = False, debug: Debug = False
) -> None:
    """JSON Schemas of all config kinds, so that an editor completes and checks the YAML as you type.

    \b
    Examples:
      hedgebasket schema --out schemas
      hedgebasket schema --json -
    """
    from screens.schema import as_text
    from screens.schema import schemas as json_schemas

    terminal = Terminal(quiet, json_to)
    schemas = json_schemas()
    if out:
        directory = Path(out)
        directory.mkdir(parents=True, exist_ok=True)
        for kind, content in schemas.items():
            write_whole(directory / f"{kind}.json", as_text(content))
            terminal.text(str(directory / f"{kind}.json"))
    elif not json_to:
        terminal.text(as_json(schemas))
    terminal.data(schemas)


def metrics(
    family: Family = "",
    data: NoData = "sample",
    json_to: Json = "",
    csv_to: Csv = "",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Every metric a screen can use, with unit, direction and formula; --json and --csv add source and items needed.

    \b
    Examples:
      hedgebasket metrics
      hedgebasket metrics --family leverage
      hedgebasket metrics --csv metrics.csv
    """
    from screens.metrics import REGISTRY

    terminal = Terminal(quiet, json_to, csv_to)
    listed = [metric for metric in REGISTRY.values() if family in ("", metric.family)]
    if not listed:
        families = ", ".join(dict.fromkeys(metric.family for metric in REGISTRY.values()))
        raise ConfigError(f"no metric in the family '{family}'; families: {families}")
    fields = ("name", "family", "unit", "direction", "formula", "source")
    rows = [{field: getattr(metric, field) for field in fields} | {"needs": list(metric.needs)} for metric in listed]
    terminal.data(rows)
    if csv_to:
        import pandas as pd

        flat = [row | {"needs": " ".join(row["needs"])} for row in rows]
        terminal.csv(pd.DataFrame(flat).set_index("name"))
    worse = {"higher_is_worse": "high", "lower_is_worse": "low", "neutral": ""}
    shown = [(m.name, m.family, m.unit, worse[m.direction], m.formula) for m in listed]
    terminal.table(("metric", "family", "unit", "worse", "formula"), shown)


def init(
    directory: Target = Path("configs"),
    data: NoData = "sample",
    json_to: Json = "",
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a commented starter set of configs: screens, baskets, books, runs, sweeps. Never overwrites a file.

    \b
    Examples:
      hedgebasket init
      hedgebasket init my-hedge/configs
    """
    from backtest.starter import copy_templates

    terminal = Terminal(quiet, json_to)
    written = copy_templates(directory)
    terminal.data({"directory": str(directory), "files": [str(path) for path in written]})
    for path in written:
        terminal.text(str(path))
    main_job = directory / "runs" / "low_quality_vs_mega_cap.yaml"
    if main_job in written:
        terminal.text(f"\nNext: hedgebasket backtest {main_job} --out runs/first")
        schemas = directory.absolute().parent / "schemas"
        terminal.text(f"For completion in an editor: hedgebasket schema --out {shown(schemas)}")


def _yaml_files(path: Path) -> list[Path]:
    """The file itself, or every YAML file beneath a directory; what is not there is left to the loader to report."""
    if not path.is_dir():
        return [path]
    found = sorted(p for pattern in ("*.yaml", "*.yml") for p in path.rglob(pattern))
    if not found:
        raise ConfigError(f"{path}: no YAML file in this directory")
    return found
