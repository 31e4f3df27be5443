"""The options all commands share, and the arguments several of them take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    str, typer.Option("--data", metavar="sample|DIR", help="The store to read: the shipped sample, or a directory.")
]
NoData = Annotated[
    str, typer.Option("--data", metavar="sample|DIR", help="Accepted as everywhere; this command opens no data.")
]
Json = Annotated[str, typer.Option("--json", metavar="FILE|-", help="Results as JSON to a file, or to stdout with -.")]
Csv = Annotated[str, typer.Option("--csv", metavar="FILE|-", help="The table as CSV to a file, or to stdout with -.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Seconds a stage, and what is read; on stderr.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show stack traces.")]
AsOf = Annotated[str, typer.Option("--as-of", metavar="DATE", help="A session, as YYYY-MM-DD.")]
LatestAsOf = Annotated[str, typer.Option("--as-of", metavar="DATE", help="A session; by default the data's last.")]

ScreenFile = Annotated[Path, typer.Argument(metavar="SCREEN", help="A screen's YAML file.")]
BasketFile = Annotated[Path, typer.Argument(metavar="BASKET", help="A basket's YAML file.")]
RunFile = Annotated[Path, typer.Argument(metavar="RUN", help="A run's YAML file.")]
SweepFile = Annotated[Path, typer.Argument(metavar="SWEEP", help="A sweep's YAML file.")]
