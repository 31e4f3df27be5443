"""Tables as data: cells of text with the value behind them, ready for any template.

A cell keeps the raw value (for sorting, and for checks against `summary.json`) beside the text a reader sees. A number
taken from the summary also carries its JSON pointer, so that page and summary can be compared mechanically.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from backtest.report.numerals import Style, is_number, numeral
from backtest.result import Json

Tone = Literal["", "good", "bad", "muted"]


@dataclass(frozen=True)
class Cell:
    """What is shown, what it sorts by, its place in the summary, a second line, its tone, a warning mark, a link."""

    text: str
    value: float | str | None = None
    key: str = ""
    style: str = ""
    detail: str = ""
    tone: Tone = ""
    mark: str = ""
    href: str = ""


@dataclass(frozen=True)
class Column:
    """A heading; `numeric` aligns right in tabular figures; `role` colours it as in the figures; `note` explains it."""

    title: str
    numeric: bool = True
    role: str = ""
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Columns and rows under a caption; the first cell of a row is its heading."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    sortable: bool = False
    emphasised: frozenset[int] = field(default_factory=frozenset)  # rows in bold, by position


class Summary:
    """`summary.json` read by JSON pointer; whatever is absent is None, never an error.

    >>> Summary({"a": {"b": 0.25}}).number("/a/b", "percent")
    Cell(text='25.0%', value=0.25, key='/a/b', style='percent', detail='', tone='', mark='', href='')
    """

    def __init__(self, data: Mapping[str, Json]) -> None:
        self.data = data

    def get(self, pointer: str) -> Json:
        """The value at a pointer such as `/sleeves/book/cagr`."""
        found: object = self.data
        for step in pointer.strip("/").split("/"):
            if not isinstance(found, Mapping) or step not in found:
                return None
            found = found[step]
        return found  # type: ignore[return-value]

    def table(self, pointer: str) -> dict[str, Json]:
        """The object at a pointer; an empty one where there is none."""
        found = self.get(pointer)
        return dict(found) if isinstance(found, Mapping) else {}

    def number(self, pointer: str, style: Style = "auto", *, sign: bool = False) -> Cell:
        """A cell that shows the number at a pointer."""
        value = self.get(pointer)
        if not is_number(value):
            return Cell(numeral(None), None)
        tag = f"{style}+" if sign else style
        return Cell(numeral(value, style, sign=sign), float(value), pointer, tag)  # type: ignore[arg-type]


def written(value: object, style: Style = "auto", *, sign: bool = False, tone: Tone = "") -> Cell:
    """A cell for a number that stands in one of the result's frames."""
    return Cell(numeral(value, style, sign=sign), float(value) if is_number(value) else None, tone=tone)  # type: ignore[arg-type]


def heading(text: object, detail: object = "") -> Cell:
    """The first cell of a row."""
    return Cell(str(text), str(text), detail=str(detail))


def words(text: object) -> Cell:
    """A cell of text; missing text is empty, not `nan`."""
    shown = "" if text is None or text != text else str(text)
    return Cell(shown, shown)


def rows(cells: Iterable[Sequence[Cell]]) -> tuple[tuple[Cell, ...], ...]:
    """Freeze rows."""
    return tuple(tuple(row) for row in cells)
