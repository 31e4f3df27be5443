"""The few exceptions of the project, split by what the caller can do about them.

`ConfigError` (exit 2): the config or the command line is wrong: edit it. It carries every problem found, not the first.
`DataError` (exit 3): data is missing or bad: fetch, import or repair it.
`InfeasibleError` (exit 4): the request is sound, but that date's data cannot satisfy it, or the run was ruined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a config: where it stands, what was found, what was expected, and a hint.

    `file` is empty where the config did not come from a file, or its reader does not know it.
    """

    file: str
    line: int
    path: str
    message: str
    column: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}{f':{self.column}' if self.column else ''}: " if self.file else ""
        text = f"{place}{self.path}: {self.message}" if self.path else f"{place}{self.message}"
        # What a file holds may be anything; a terminal is sent nothing that moves its cursor.
        return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


class HedgeBasketError(Exception):
    """Base of every error the project raises on purpose."""

    exit_code = 1


class ConfigError(HedgeBasketError):
    """The config or the command line is wrong. `problems` lists all of them, in file order."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        self.problems: tuple[Problem, ...] = () if isinstance(problems, str) else tuple(sorted(set(problems)))
        super().__init__(problems if isinstance(problems, str) else "\n".join(map(str, self.problems)))


class DataError(HedgeBasketError):
    """Data is missing or bad; the message names the table and, where there is one, the row."""

    exit_code = 3


class InfeasibleError(HedgeBasketError):
    """The rules cannot all hold on that date's data, or the run ended in ruin."""

    exit_code = 4
