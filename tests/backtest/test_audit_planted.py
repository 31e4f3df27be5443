"""The audit of a run on the sample: nothing found in what ships, and each planted look-ahead caught where it is.

The market is cut early, so that few rebalances have to be built; one date a time, the last one, has the most behind it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest.audit import audit, audit_dates
from backtest.legs import Legs
from backtest.spec import RunSpec
from basket.hedge import walk
from market import Market
from screens.loading import load

FLAGSHIP = Path(__file__).resolve().parents[2] / "configs" / "runs" / "low_quality_vs_mega_cap.yaml"


@pytest.fixture(scope="module")
def spec() -> RunSpec:
    return load(FLAGSHIP, RunSpec)


@pytest.fixture(scope="module")
def early(flagship_legs: Legs) -> Market:
    return flagship_legs.data.cut("2020-06-30")


def found(spec: RunSpec, data: Market) -> set[str]:
    return {one.what for one in audit(spec, data, 1).differences}


def test_what_ships_has_no_differences(spec: RunSpec, early: Market) -> None:
    told: list[str] = []
    done = audit(spec, early, 2, lambda stage, at, of: told.append(stage))
    assert done.differences == []
    assert len(done.dates) == 2
    assert told == [f"cut at {date.date()}" for date in done.dates]


def test_a_ratio_that_sees_its_own_session_is_caught(
    spec: RunSpec, early: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = walk._fits

    def one_too_many(row: object, history: object, starts: np.ndarray, ends: np.ndarray, params: object) -> object:
        return original(row, history, starts, np.minimum(ends + 1, len(history.book)), params)

    monkeypatch.setattr(walk, "_fits", one_too_many)
    assert found(spec, early) == {"hedge ratio without its own session's return"}


def test_a_screen_that_sees_next_weeks_filings_is_caught(
    spec: RunSpec, early: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The view of a rebalance is that of ten sessions later, where the data have them."""
    original = Market.as_of

    def ahead(self: Market, session: object) -> object:
        later = int(self.sessions.searchsorted(pd.Timestamp(str(session)))) + 10
        return original(self, self.sessions[min(later, len(self.sessions) - 1)])

    monkeypatch.setattr(Market, "as_of", ahead)
    assert any(what.startswith("weight in the") for what in found(spec, early))


def test_twenty_dates_by_default_half_of_them_rebalances(flagship_legs: Legs) -> None:
    dates = audit_dates(flagship_legs, 20)
    assert len(dates) == 20
    rebalances = set(flagship_legs.short.rebalances)
    assert sum(date in rebalances for date in dates) == 10
    assert max(dates) < flagship_legs.sessions[-1]
    only = audit_dates(replace(flagship_legs, sessions=flagship_legs.sessions[:60]), 1)
    assert len(only) == 1
