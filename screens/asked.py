"""Which figures of the statements the metrics read, so that they can be computed when a store is filled.

1. Every metric runs once, with its defaults, on a market of one company with one fact, and an index.
2. What its statements were asked for is the answer: no list to keep in step with the formulas.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from market import calendar
from market.errors import DataError
from market.market import planted
from screens.metrics import REGISTRY

if TYPE_CHECKING:
    from market.histories import Ask

SPAN = ("2023-01-03", "2024-12-31")


def asked_by_metrics() -> frozenset[Ask]:
    """Every (item, basis, lag) that some metric reads."""
    sessions = calendar.sessions_between(*SPAN)
    prices = pd.DataFrame({"date": sessions, "close": 100.0, "volume": 1e6})
    prices = pd.concat([prices.assign(ticker=ticker) for ticker in ("A", "SPY")])
    end = pd.Timestamp("2024-09-30")
    facts = pd.DataFrame({"ticker": ["A"], "item": ["assets"], "value": [1.0], "period_end": [end], "filed": [end]})
    securities = pd.DataFrame({"ticker": ["A"], "name": ["A"], "sector": ["Industrials"], "industry": ["Machinery"]})
    market = planted("one company", prices=prices, facts=facts, securities=securities)
    view = market.as_of(sessions[-1])
    with np.errstate(all="ignore"):
        for metric in (REGISTRY[name] for name in REGISTRY):
            with contextlib.suppress(DataError):  # a metric of a table that this market lacks
                metric(view)
    return market.statements.asked
