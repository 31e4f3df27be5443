"""The standing warnings of a market: what a reader must know before believing a result on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from market.market import Market


def notes(market: Market) -> list[str]:
    """Warnings that belong beside every result on this data, the gravest first."""
    return list(market.manifest.notes)
