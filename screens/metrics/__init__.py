"""Every metric that a screen can use, one file per family. Importing this package registers all of them."""

from __future__ import annotations

from screens.metrics import (
    ai_beta,
    ai_funding,
    bankruptcy_scores,
    earnings_quality,
    failure_score,
    growth,
    leverage,
    operating_profit,
    profitability,
    refinancing,
    shares,
    statement_scores,
    structural,
)
from screens.registry import REGISTRY

__all__ = [
    "REGISTRY",
    "ai_beta",
    "ai_funding",
    "bankruptcy_scores",
    "earnings_quality",
    "failure_score",
    "growth",
    "leverage",
    "operating_profit",
    "profitability",
    "refinancing",
    "shares",
    "statement_scores",
    "structural",
]
