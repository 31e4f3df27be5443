"""Screens: which companies are weak, why, and whether the tape is fragile.

    >>> import screens
    >>> names = screens.run("configs/screens/low_quality.yaml", data, as_of="2024-01-02")  # doctest: +SKIP

Everything is imported when it is first used, so that reading a config stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from screens import metrics
    from screens.screen import evaluate, issuers_of, run
    from screens.screened import Screened
    from screens.spec import ScreenSpec

__all__ = ["ScreenSpec", "Screened", "evaluate", "issuers_of", "metrics", "run"]

_HOMES = {
    "run": "screens.screen",
    "evaluate": "screens.screen",
    "issuers_of": "screens.screen",
    "Screened": "screens.screened",
    "ScreenSpec": "screens.spec",
}


def __getattr__(name: str) -> object:
    if name == "metrics":
        return importlib.import_module("screens.metrics")
    if name not in _HOMES:
        raise AttributeError(f"module 'screens' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
