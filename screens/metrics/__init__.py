"""Every metric that a screen can use, one file per family. Importing this package registers all of them."""

from __future__ import annotations

from screens.metrics import (
    ai_beta,
    ai_funding,
    ai_scores,
    ai_sources,
    bankruptcy_scores,
    crowding,
    earnings_quality,
    failure_score,
    growth,
    leverage,
    liquidity,
    momentum,
    operating_profit,
    profitability,
    qmj,
    refinancing,
    shares,
    statement_scores,
    structural,
    valuation,
)
from screens.registry import REGISTRY

__all__ = [
    "REGISTRY",
    "ai_beta",
    "ai_funding",
    "ai_scores",
    "ai_sources",
    "bankruptcy_scores",
    "crowding",
    "earnings_quality",
    "failure_score",
    "growth",
    "leverage",
    "liquidity",
    "momentum",
    "operating_profit",
    "profitability",
    "qmj",
    "refinancing",
    "shares",
    "statement_scores",
    "structural",
    "valuation",
]
