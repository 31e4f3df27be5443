"""Money, time, evidence: simulate a hedge, close its ledger, evaluate it, report it.

`backtest.run(spec, data)` is the main job; `backtest.pipeline` tells it on one page. Names load on first use, so that the
command line answers at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backtest.pipeline import run
    from backtest.result import Result
    from backtest.spec import RunSpec

_HOMES = {
    "run": "backtest.pipeline",
    "Result": "backtest.result",
    "RunSpec": "backtest.spec",
}

__all__ = ["Result", "RunSpec", "run"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
