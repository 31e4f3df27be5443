"""The SEC's EDGAR: client, company tickers, submissions, companyfacts, and their translation into tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from market.sources.sec.bulk import import_companyfacts
    from market.sources.sec.client import SecClient

_HOMES = {"SecClient": "client", "import_companyfacts": "bulk"}

__all__ = ["SecClient", "import_companyfacts"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
