"""Who, how much, against what: dated weights, an index level, capacity, the trade list, and hedge ratios.

`basket.build(spec, data)` builds a basket or a book; `basket.hedge` estimates the ratio. Names load on first use, so
that reading a config costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from basket import hedge
    from basket.building import build
    from basket.built import Basket
    from basket.level import build_history

_HOMES = {
    "build": ("basket.building", "build"),
    "Basket": ("basket.built", "Basket"),
    "build_history": ("basket.level", "build_history"),
}

__all__ = ["Basket", "build", "build_history", "hedge"]


def __getattr__(name: str) -> object:
    if name == "hedge":
        return import_module("basket.hedge")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
