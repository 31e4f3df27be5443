"""Planted prices for the basket's tests."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

PanelMaker = Callable[..., SimpleNamespace]


@pytest.fixture(scope="session")
def make_panel() -> PanelMaker:
    """A price panel from arrays (n_sessions, n_assets): weekdays from 2024-01-02, no dividends and no splits."""

    def make(close, dividend=None, split=None, volume=None, tickers=None, start="2024-01-02"):
        close = np.asarray(close, dtype=float)
        n_sessions, n_assets = close.shape
        return SimpleNamespace(
            sessions=pd.bdate_range(start, periods=n_sessions).as_unit("ns"),
            tickers=pd.Index(tickers or [chr(65 + i) for i in range(n_assets)]),
            close=close,
            dividend=np.zeros(close.shape) if dividend is None else np.asarray(dividend, dtype=float),
            split=np.ones(close.shape) if split is None else np.asarray(split, dtype=float),
            volume=np.full(close.shape, 1e6) if volume is None else np.asarray(volume, dtype=float),
            total_return_only=frozenset(),
        )

    return make
