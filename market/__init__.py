"""What the market was, and what was known when: the ground floor.

`market.open("sample")` or `market.open(directory)` gives a `Market`; `Market.as_of(session)` gives a `View` of what was
known at that session's close. Names load on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from market.market import Market, planted
    from market.market import open_market as open
    from market.panel import PricePanel
    from market.store import Store
    from market.view import View

_HOMES = {
    "open": ("market.market", "open_market"),
    "planted": ("market.market", "planted"),
    "Market": ("market.market", "Market"),
    "View": ("market.view", "View"),
    "PricePanel": ("market.panel", "PricePanel"),
    "Store": ("market.store", "Store"),
}

__all__ = ["Market", "PricePanel", "Store", "View", "open", "planted"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
