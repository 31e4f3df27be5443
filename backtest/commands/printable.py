"""What may reach a terminal: text from data and configs, with nothing a terminal would obey and no line without end.

1. Control characters, escape sequences, marks that turn the direction of text and halves of surrogate pairs are written
   out (`\\x1b`); only line breaks stay.
2. An over-long line keeps its beginning and its end: the place in front, the hint behind.
3. A stream that cannot show a character shows `?` in its place rather than failing; a closed one swallows what it gets.
"""

from __future__ import annotations

import io
import os
import sys

LONGEST_LINE = 1500  # the longest message of the program itself, a list of every metric, has half of that


def printable(text: str) -> str:
    r"""The text as it may be shown.

    >>> printable("plain − text") == "plain − text"
    True
    >>> print(printable("\x1b[2Jgone \u202eevil"))
    \x1b[2Jgone \u202eevil
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def shortened(text: str, longest: int = LONGEST_LINE) -> str:
    """Every line of the text, the over-long ones without their middle.

    >>> shortened("abcdefghij", 7)
    'abc…hij'
    """
    half = (longest - 1) // 2
    return "\n".join(line if len(line) <= longest else f"{line[:half]}…{line[-half:]}" for line in text.split("\n"))


def forgiving_streams() -> None:
    """Let stdout and stderr replace what their encoding does not have, and be there even where they were closed."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  lives as long as the program
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _shown(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    return character.encode("unicode_escape").decode("ascii")
