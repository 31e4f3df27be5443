"""Every metric that a screen can use, one file per family. Importing this package registers all of them."""

from __future__ import annotations

from screens.metrics import leverage, operating_profit, profitability
from screens.registry import REGISTRY

__all__ = ["REGISTRY", "leverage", "operating_profit", "profitability"]
