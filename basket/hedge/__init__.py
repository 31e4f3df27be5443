"""Hedge ratios: how many dollars of basket to short per dollar of book.

Names resolve on first use, so that importing a spec never imports pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from basket.hedge.comparison import PairedTest, compare, paired_test, walk_forward_all
    from basket.hedge.registry import ESTIMATORS, REGISTRY, Estimator, estimate, estimator
    from basket.hedge.result import DegenerateHedgeError, HedgeRatio, ShortHistoryError
    from basket.hedge.walk import hedged_returns, held_ratio, regularise, walk_forward

_HOMES = {
    "PairedTest": "comparison",
    "compare": "comparison",
    "paired_test": "comparison",
    "walk_forward_all": "comparison",
    "ESTIMATORS": "registry",
    "REGISTRY": "registry",
    "Estimator": "registry",
    "estimate": "registry",
    "estimator": "registry",
    "DegenerateHedgeError": "result",
    "HedgeRatio": "result",
    "ShortHistoryError": "result",
    "held_ratio": "walk",
    "hedged_returns": "walk",
    "regularise": "walk",
    "walk_forward": "walk",
}

__all__ = [
    "ESTIMATORS",
    "REGISTRY",
    "DegenerateHedgeError",
    "Estimator",
    "HedgeRatio",
    "PairedTest",
    "ShortHistoryError",
    "compare",
    "estimate",
    "estimator",
    "hedged_returns",
    "held_ratio",
    "paired_test",
    "regularise",
    "walk_forward",
    "walk_forward_all",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
