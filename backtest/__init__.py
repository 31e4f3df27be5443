"""The runs: a book hedged with a basket, simulated with every cost, judged, and reported.

    >>> import backtest
    >>> result = backtest.run("configs/runs/low_quality_vs_mega_cap.yaml", data)  # doctest: +SKIP

Names load on first use, so that reading a config stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backtest.pipeline import run
    from backtest.report.picture import lines
    from backtest.result import Result
    from backtest.spec import RunSpec
    from backtest.sweep_run import SweepResult, sweep

_HOMES = {
    "run": ("backtest.pipeline", "run"),
    "lines": ("backtest.report.picture", "lines"),
    "Result": ("backtest.result", "Result"),
    "RunSpec": ("backtest.spec", "RunSpec"),
    "SweepResult": ("backtest.sweep_run", "SweepResult"),
    "sweep": ("backtest.sweep_run", "sweep"),
}

__all__ = ["Result", "RunSpec", "SweepResult", "lines", "run", "sweep"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
