"""How a number is written: one rule a unit, a true minus, and a dash where it is unknown.

Fractions come in as decimals and leave as per cent or basis points; nothing else is converted here.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Literal

Style = Literal[
    "percent", "percent0", "percent2", "points", "bps", "ratio", "ratio3", "count", "usd", "tiny", "days", "auto"
]

UNKNOWN = "–"
MINUS = "\u2212"
_NEGATIVE = re.compile(r"(?<![\w-])-(?=[0-9.])")


def is_number(value: object) -> bool:
    """True for finite ints and floats, numpy's included; False for booleans, NaN and text."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        return False
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


def numeral(value: object, style: Style = "auto", *, sign: bool = False) -> str:
    """`value` as text in `style`; `sign` writes the plus too.

    >>> numeral(-0.0342, "percent"), numeral(0.5, "percent", sign=True), numeral(None)
    ('−3.4%', '+50.0%', '–')
    >>> numeral(12_345_678, "usd"), numeral(31.25, "bps"), numeral(3.1e-16, "tiny"), numeral(0.0, "tiny")
    ('$12.3m', '31.2', '3.1e−16', '0')
    """
    if not is_number(value):
        return UNKNOWN
    number = float(value)  # type: ignore[arg-type]
    text = _WRITERS[style](abs(number))
    nothing = not any(digit in text for digit in "123456789")
    if nothing or (number >= 0 and not sign):
        return text
    return (MINUS if number < 0 else "+") + text


def true_minus(text: str) -> str:
    """A sentence whose negative numbers have a minus instead of a hyphen; words and dates keep theirs.

    >>> true_minus("an equal-beta short paid -0.8% (t -0.2) since 2019-07-19")
    'an equal-beta short paid −0.8% (t −0.2) since 2019-07-19'
    """
    return _NEGATIVE.sub(MINUS, text)


def day(value: object) -> str:
    """A date as ISO text, whatever type it came in; a dash where there is none.

    >>> day("2024-01-02 00:00:00"), day(None)
    ('2024-01-02', '–')
    """
    if value is None or value != value:
        return UNKNOWN
    if isinstance(value, dt.date):
        return value.isoformat()[:10]
    return str(value)[:10]


def _usd(number: float) -> str:
    for size, letter in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if number >= size:
            return f"${number / size:,.1f}{letter}"
    return f"${number:,.0f}"


def _auto(number: float) -> str:
    if number == int(number) and number < 1e15:
        return f"{number:,.0f}"
    if number < 1e-4:
        return _tiny(number)
    return f"{number:,.4g}" if number < 1000 else f"{number:,.1f}"


def _tiny(number: float) -> str:
    return "0" if number == 0 else f"{number:.1e}".replace("e-", f"e{MINUS}")


_WRITERS = {
    "percent": lambda x: f"{100 * x:.1f}%",
    "percent0": lambda x: f"{100 * x:.0f}%",
    "percent2": lambda x: f"{100 * x:.2f}%",
    "points": lambda x: f"{100 * x:.1f} pp",
    "bps": lambda x: f"{x:,.1f}",
    "ratio": lambda x: f"{x:,.2f}",
    "ratio3": lambda x: f"{x:,.3f}",
    "count": lambda x: f"{x:,.0f}",
    "usd": _usd,
    "tiny": _tiny,
    "days": lambda x: f"{x:.1f} d",
    "auto": _auto,
}
