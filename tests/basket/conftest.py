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


@pytest.fixture(scope="session")
def planted():
    """Twelve stocks of three sectors and SPY, 2022-01-03 to 2023-06-30; S10 and S11 are two lines of one company.

    Volatility rises with the number, but S07 is the wildest. S05 lists in 2023; S03 splits two for one and pays
    dividends; S07 is delisted for bankruptcy on 2023-03-15 (Nasdaq). Market capitalisation falls with the number; S11
    carries the company's too.
    """
    from market import calendar
    from market.market import planted as plant

    sessions = calendar.sessions_between(pd.Timestamp("2022-01-03").date(), pd.Timestamp("2023-06-30").date())
    rng = np.random.default_rng(11)
    market = rng.normal(0.0003, 0.01, len(sessions))
    rows = []
    for i in range(12):
        own = rng.normal(0, 0.004 * (1 + (12 if i == 7 else i)), len(sessions))
        close = 40 * np.exp(np.cumsum(market + own))
        frame = pd.DataFrame({"date": sessions, "ticker": f"S{i:02d}", "close": close, "volume": 1e6 * (12 - i)})
        frame["dividend"], frame["split"] = 0.0, 1.0
        if i == 3:
            half = frame["date"] >= pd.Timestamp("2023-02-01")
            frame.loc[half, "close"] /= 2
            frame.loc[frame["date"] == pd.Timestamp("2023-02-01"), "split"] = 2.0
            frame.loc[frame["date"].isin(pd.to_datetime(["2023-01-17", "2023-04-17"])), "dividend"] = 0.5
        if i == 5:
            frame = frame[frame["date"] >= pd.Timestamp("2023-01-30")]
        if i == 7:
            frame = frame[frame["date"] <= pd.Timestamp("2023-03-15")]
        rows.append(frame)
    spy = pd.DataFrame({"date": sessions, "ticker": "SPY", "close": 400 * np.exp(np.cumsum(market)), "volume": 1e8})
    names = [f"S{i:02d}" for i in range(12)]
    securities = pd.DataFrame(
        {
            "ticker": [*names, "SPY"],
            "name": [*(f"Company {i}" for i in range(12)), "Fund"],
            "cik": [*(100 + min(i, 10) for i in range(12)), 999],
            "sector": [*(["Energy", "Industrials", "Materials"][i % 3] for i in range(12)), ""],
            "exchange": ["Nasdaq"] * 13,
            "type": [*(["stock"] * 12), "fund"],
            "delist_reason": ["bankruptcy" if name == "S07" else "" for name in [*names, "SPY"]],
        }
    )
    months = sessions[sessions.to_series().groupby(sessions.to_period("M")).transform("max") == sessions]
    size = pd.concat(
        pd.DataFrame({"date": months, "ticker": name, "value": 1e10 * (13 - min(i, 10))})
        for i, name in enumerate(names)
    )
    members = pd.DataFrame({"index": "idx", "ticker": names, "start": sessions[0], "end": pd.NaT})
    members.loc[members["ticker"] == "S02", "end"] = pd.Timestamp("2023-03-31")
    rates = pd.DataFrame({"date": sessions, "name": "fed_funds", "value": 0.03})
    borrow = pd.DataFrame(
        {"date": pd.Timestamp("2023-05-26"), "ticker": ["S08", "S09", "S04"], "fee_annual": [0.025, 0.08, 0.0025],
         "available_shares": [1000.0, 1e6, 1e7]}
    )  # fmt: skip
    return plant(
        prices=pd.concat([*rows, spy]),
        securities=securities,
        market_cap=size,
        members=members,
        rates=rates,
        borrow=borrow,
    )


@pytest.fixture
def write(tmp_path):
    """Write a config beneath a project of its own; returns its path."""
    (tmp_path / "pyproject.toml").write_text("")

    def put(name: str, text: str):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    put(
        "screens/wild.yaml",
        "kind: screen\nname: wild\nuniverse: {index: idx, min_history_sessions: 60}\n"
        "blocks: {risk: {weight: 1, metrics: [volatility]}}\nselection: {count: 4, enter_rank: 3, exit_rank: 6}\n",
    )
    return put
