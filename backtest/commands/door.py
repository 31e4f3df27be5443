"""What every command goes through: errors become messages and exit codes, Ctrl-C a clean end.

1. A `HedgeBasketError` prints its message and exits with its own code (2 config, 3 data, 4 infeasible).
2. Files and directories that cannot be read or written exit 2 when the command line named them wrongly, 3 when the disk
   is at fault.
3. Ctrl-C exits 130 and says how to go on; a closed pipe ends quietly.
4. `--debug` shows the stack trace as well. Anything else is a fault of the program and is shown as one.
"""

from __future__ import annotations

import errno
import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import ParamSpec

import typer

from backtest.commands.printable import printable, shortened
from market.errors import ConfigError, HedgeBasketError

P = ParamSpec("P")
WRONG_PATH = {
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.EEXIST,
    errno.EINVAL,
    errno.ELOOP,
}
RESUME = "interrupted; nothing half-written is left behind. Run the same command again{how}."
RESUMABLE = {"sweep": " with --resume to go on where it stopped", "sync": ": it goes on where it stopped"}


def door(command: Callable[P, None]) -> Callable[P, None]:
    """The command with its errors turned into messages and exit codes."""

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except KeyboardInterrupt:
            _fail("\n" + RESUME.format(how=RESUMABLE.get(command.__name__, "")), 130)
        except HedgeBasketError as error:
            _trace(bool(kwargs.get("debug")))
            _fail(message(error), error.exit_code)
        except BrokenPipeError:
            # The reader went away (`| head`); what is still buffered has nowhere to go.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except OSError as error:
            _trace(bool(kwargs.get("debug")))
            place = f"{error.filename}: " if error.filename else ""
            wrong = error.errno in WRONG_PATH
            _fail(f"error: {place}{error.strerror or error}", ConfigError.exit_code if wrong else 3)
        except MemoryError:
            _trace(bool(kwargs.get("debug")))
            _fail("error: out of memory; shorten the span or the list of variants", 3)

    return guarded


def message(error: HedgeBasketError) -> str:
    """The error as a reader wants it: every problem on its own line, then how many there were."""
    if isinstance(error, ConfigError) and error.problems:
        count = len(error.problems)
        lines = [str(problem).replace("\n", "\\n") for problem in error.problems]  # a line each, whatever they quote
        return "\n".join([*lines, f"{count} error{'s' if count > 1 else ''}"])
    return f"error: {error}"


def _trace(wanted: bool) -> None:
    if wanted:
        traceback.print_exc()


def _fail(text: str, code: int) -> None:
    sys.stdout.flush()
    sys.stderr.write(shortened(printable(text)) + "\n")
    raise typer.Exit(code) from None
