"""One row of the first screen: a test a sceptic would ask for, what was found, and how it reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backtest.report.numerals import is_number
from backtest.report.tables import Cell
from backtest.result import Json

Verdict = Literal["for", "against", "open", "fact"]
VERDICTS: dict[Verdict, str] = {"for": "speaks for it", "against": "speaks against it", "open": "open", "fact": ""}
SIGNIFICANT_T = 1.96


@dataclass(frozen=True)
class Test:
    """The question, the finding as text and numbers in turn, and the reading."""

    name: str
    found: tuple[str | Cell, ...]
    verdict: Verdict
    reading: str = ""


def by_t(t: Json, above: str, below: str) -> tuple[Verdict, str]:
    """`for` with the words `above` from t = 1.96 on, `against` with `below` from -1.96 down, otherwise open."""
    if not is_number(t) or abs(float(t)) < SIGNIFICANT_T:  # type: ignore[arg-type]
        return "open", "not distinguishable from zero"
    return ("for", above) if float(t) > 0 else ("against", below)  # type: ignore[arg-type]
