"""Every regime signal: importing this module registers all families."""

from __future__ import annotations

from screens.regime import capital, cohorts, concentration, earnings, trend
from screens.regime.registry import SIGNALS

__all__ = ["SIGNALS", "capital", "cohorts", "concentration", "earnings", "trend"]
