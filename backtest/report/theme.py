"""Colours by role, in both themes: every figure and the page's style sheet read them here.

Book, basket and hedged keep one colour each everywhere; alternatives are grey. Blue, vermilion and bluish green stay
apart for readers with colour-vision deficiencies (after Okabe and Ito, 2008) and hold 3:1 against their background.
"""

from __future__ import annotations

LIGHT = {
    "book": "#1f66a8",
    "basket": "#c2501f",
    "hedged": "#00795f",
    "alternative": "#8b939d",
    "alternative2": "#b3bac2",
    "target": "#8b939d",
    "trading": "#7d5ba6",
    "borrow": "#c2501f",
    "dividends": "#a8790a",
    "rebate": "#00795f",
    "interest": "#1f66a8",
    "gain": "#00795f",
    "loss": "#c2501f",
    "band": "#8b939d",
    "text": "#4a525c",
    "grid": "#e6e8eb",
    "axis": "#c9ced4",
}

DARK = {
    "book": "#6db1ee",
    "basket": "#f28b5b",
    "hedged": "#3fc9a4",
    "alternative": "#8a939f",
    "alternative2": "#5f6873",
    "target": "#8a939f",
    "trading": "#b79be0",
    "borrow": "#f28b5b",
    "dividends": "#e0b64a",
    "rebate": "#3fc9a4",
    "interest": "#6db1ee",
    "gain": "#3fc9a4",
    "loss": "#f28b5b",
    "band": "#8a939f",
    "text": "#b4bcc6",
    "grid": "#252c35",
    "axis": "#3b444f",
}

# Outside the page (a notebook of either theme) text is a grey that can be read on white and on black.
NEUTRAL_TEXT = "#7a828c"
NEUTRAL_GRID = "rgba(128,136,146,0.22)"

FONT = "-apple-system, BlinkMacSystemFont, 'Segoe UI', Inter, Roboto, 'Helvetica Neue', Arial, sans-serif"

LABELS = {"book": "Book", "basket": "Basket", "hedged": "Hedged book"}


def translucent(colour: str, alpha: float) -> str:
    """`#rrggbb` with an opacity.

    >>> translucent("#1f66a8", 0.5)
    'rgba(31,102,168,0.5)'
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"
