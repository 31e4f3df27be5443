"""Printing: results to stdout, progress to stderr, JSON where asked.

1. On a terminal, tables are drawn to its width; in a pipe they are plain aligned columns, never cut.
2. With `--json -` stdout carries the JSON and nothing else; with `--json FILE` the file is written whole or not at all.
3. With `--csv` the same table goes to a file or to stdout, at full precision.
4. Progress is a bar with the time left on a terminal, lines with it elsewhere, and nothing with `--quiet`.
5. With `--verbose` each stage is a line with its seconds, and each table that is read another; `--quiet` wins.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from backtest.commands.printable import printable
from backtest.commands.timed import timed
from backtest.plain_json import as_json, write_whole
from market.errors import ConfigError

if TYPE_CHECKING:
    from pandas import DataFrame

Progress = Callable[[str, int, int], None]

SECONDS_A_LINE = 5  # between lines of progress where there is no terminal to draw a bar on


class Terminal:
    """Where a command writes to."""

    def __init__(self, quiet: bool = False, json_to: str = "", csv_to: str = "", verbose: bool = False) -> None:
        """`json_to` and `csv_to` are files, `-` for stdout, or nothing. Raises `ConfigError` where both want stdout."""
        if json_to == csv_to == "-":
            raise ConfigError("--csv - and --json - together: stdout carries one of them; give the other a file")
        self.quiet = quiet
        self.verbose = verbose and not quiet
        self.json_to = json_to
        self.csv_to = csv_to

    @property
    def silent(self) -> bool:
        """Whether stdout belongs to JSON or CSV."""
        return "-" in (self.json_to, self.csv_to)

    def note(self, text: str) -> None:
        """A word on progress, to stderr."""
        if not self.quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def text(self, text: str = "") -> None:
        """A line of results."""
        if self.silent:
            return
        text = printable(text)
        if sys.stdout.isatty():
            width = shutil.get_terminal_size().columns
            text = "\n".join(textwrap.fill(line, width, subsequent_indent="  ") for line in text.split("\n"))
        sys.stdout.write(text + "\n")

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
        """Rows of results under headings; columns of numbers are aligned right."""
        if self.silent:
            return
        headings, title = [printable(heading) for heading in headings], printable(title)
        cells = [[_shown(value) for value in row] for row in rows]
        right = [bool(rows) and all(_numeric(row[i]) for row in rows) for i in range(len(headings))]
        if sys.stdout.isatty():
            _drawn(headings, cells, right, title)
        else:
            sys.stdout.write(plain_table(headings, cells, right, title))

    def data(self, result: object) -> None:
        """The same results as JSON, where `--json` asked for it."""
        if not self.json_to:
            return
        text = as_json(result)
        if self.json_to == "-":
            if not _unicode(sys.stdout):
                text = json.dumps(json.loads(text), indent=2)  # escapes instead of question marks
            sys.stdout.write(text + "\n")
        else:
            write_whole(Path(self.json_to), text + "\n")
            self.note(f"wrote {self.json_to}")

    def csv(self, frame: DataFrame) -> None:
        """A table as CSV, where `--csv` asked for it: full precision, nothing where a figure is unknown."""
        if not self.csv_to:
            return
        text = frame.to_csv(lineterminator="\n")
        if self.csv_to == "-":
            sys.stdout.write(text)
        else:
            write_whole(Path(self.csv_to), text)
            self.note(f"wrote {self.csv_to}")

    @contextlib.contextmanager
    def progress(self) -> Iterator[Progress]:
        """A function `(stage, done, total)` to report progress with; `total` 0 where it is not known."""
        if self.quiet:
            yield lambda stage, done, total: None
        elif self.verbose:
            with timed(sys.stderr) as report:
                yield report
        elif sys.stderr.isatty():
            with _bar() as report:
                yield report
        else:
            yield _lines(sys.stderr)


def plain_table(headings: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[bool], title: str = "") -> str:
    """Aligned columns without any drawing.

    >>> print(plain_table(["name", "rank"], [["AAL", "1"], ["F", "12"]], [False, True]), end="")
    name  rank
    AAL      1
    F       12
    """
    table = [list(headings), *[list(row) for row in cells]]
    widths = [max(len(row[i]) for row in table) for i in range(len(headings))]
    lines = [
        "  ".join(v.rjust(w) if r else v.ljust(w) for v, w, r in zip(row, widths, right, strict=True)).rstrip()
        for row in table
    ]
    return "\n".join([*([title] if title else []), *lines]) + "\n"


def _unicode(stream: TextIO) -> bool:
    return (stream.encoding or "utf-8").lower().replace("-", "").startswith("utf")


def _shown(value: object) -> str:
    if value is None or value != value:
        return "–"
    if isinstance(value, dt.date):
        return value.isoformat()[:10]
    if isinstance(value, float):
        return f"{value:.4g}"
    return printable(str(value))


def _numeric(value: object) -> bool:
    """Numbers, and texts that are one (`−3.4%`, `$1.2m`, `–`)."""
    if isinstance(value, str):
        return bool(value) and (value[0] in "0123456789−–$+." or (value[0] == "-" and value[1:2].isdigit()))
    return value is None or isinstance(value, int | float) or value != value


def _drawn(headings: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[bool], title: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=Text(title) if title else None, title_justify="left", pad_edge=False)
    for heading, aligned in zip(headings, right, strict=True):
        table.add_column(Text(heading), justify="right" if aligned else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(value) for value in row))
    Console().print(table)


@contextlib.contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def report(stage: str, done: int, total: int) -> None:
            counted = f"{stage} {done:,} of {total:,}" if total else stage
            bar.update(task, description=counted, completed=done, total=total or None)

        yield report


def _lines(stream: TextIO) -> Progress:
    """A line a stage; within a stage that counts, one more every few seconds, with the time left."""
    told, first, began, last = "", 0, 0.0, 0.0

    def say(text: str) -> None:
        stream.write(text + "\n")
        stream.flush()

    def report(stage: str, done: int, total: int) -> None:
        nonlocal told, first, began, last
        now = time.monotonic()
        if stage != told:
            told, first, began, last = stage, done, now, now
            say(f"{stage}…")
        elif total > 0 and first < done < total and now - last >= SECONDS_A_LINE:
            last = now
            say(f"{stage}: {done:,} of {total:,}, about {time_left(now - began, done - first, total - done)} left")

    return report


def time_left(spent: float, done: int, left: int) -> str:
    """Minutes and seconds that `left` take if `done` took `spent` seconds.

    >>> time_left(30.0, 10, 25)
    '1:15'
    """
    seconds = round(spent / done * left)
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}:{minutes:02d}:{seconds % 60:02d}" if hours else f"{minutes}:{seconds % 60:02d}"
