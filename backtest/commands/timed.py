"""What `--verbose` tells: how long each stage took, and what the market read meanwhile.

1. A stage ends when the next begins; its seconds are those of the clock.
2. What is read comes from the market's own log, one line a table, within the stage that asked for it.
3. The last line is the total, also where an error ended the work.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from backtest.commands.printable import printable

LOG = "hedgebasket"


@contextlib.contextmanager
def timed(stream: TextIO) -> Iterator[Callable[[str, int, int], None]]:
    """A function `(stage, done, total)` that tells stages and their seconds on a stream, and what is read beside."""
    began = since = time.monotonic()
    current = ""

    def end_stage() -> None:
        nonlocal since
        now = time.monotonic()
        if current:
            stream.write(f"{now - since:8.2f} s  {current}\n")
            stream.flush()
        since = now

    def report(stage: str, done: int, total: int) -> None:
        nonlocal current
        stage = printable(stage)
        if stage != current:
            end_stage()
            current = stage

    log, handler = logging.getLogger(LOG), logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(" " * 12 + "%(message)s"))
    level, log.propagate = log.level, False
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    try:
        yield report
    finally:
        end_stage()
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = True
        stream.write(f"{time.monotonic() - began:8.2f} s  in all\n")
        stream.flush()
