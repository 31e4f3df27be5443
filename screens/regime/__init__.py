"""Regime: market-level signals on the members of each date, a fragility score, and a gate with hysteresis.

    >>> import market, screens.regime
    >>> screens.regime.evaluate("configs/regimes/fragility.yaml", market.open("sample"), "2025-10-31")  # doctest: +SKIP

Names load on first use, so that reading a config stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from screens.regime.fragility import evaluate, history
    from screens.regime.signals import SIGNALS
    from screens.regime.spec import RegimeSpec

_HOMES = {
    "evaluate": "screens.regime.fragility",
    "history": "screens.regime.fragility",
    "RegimeSpec": "screens.regime.spec",
    "SIGNALS": "screens.regime.signals",
}

__all__ = ["SIGNALS", "RegimeSpec", "evaluate", "history"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
