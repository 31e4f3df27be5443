"""Who stands behind a ticker: permanent names, issuers, and what a delisting returns."""

from __future__ import annotations

import numpy as np
import pandas as pd

import market
from market.calendar import sessions_between
from market.securities import delisting_return

SESSIONS = sessions_between("2024-01-02", "2024-01-31")


def test_a_reused_symbol_inherits_nothing() -> None:
    prices = pd.DataFrame({"date": SESSIONS, "ticker": "XX", "close": np.arange(1.0, len(SESSIONS) + 1)})
    prices = pd.concat([prices, prices.assign(ticker="YY")])
    securities = pd.DataFrame(
        {
            "ticker": ["XX", "XX", "YY"],
            "name": ["Old Co", "New Co", "Other"],
            "first_date": [None, SESSIONS[12], None],
            "last_date": [SESSIONS[5], None, None],
            "delist_reason": ["bankruptcy", None, None],
        }
    )
    facts = pd.DataFrame(
        {"ticker": "XX", "item": "assets", "period_end": [SESSIONS[1], SESSIONS[13]], "value": [1.0, 2.0],
         "known_at": [SESSIONS[2], SESSIONS[14]]}
    )  # fmt: skip
    data = market.planted("test", prices=prices, securities=securities, facts=facts)
    old = f"XX@{SESSIONS[5].date()}"
    assert list(data.tickers) == ["XX", old, "YY"]
    close = data.panel().close
    assert np.isnan(close[:12, 0]).all()  # the new company has no history before its first day
    assert close[12:, 0].tolist() == list(range(13, len(SESSIONS) + 1))
    assert close[:6, 1].tolist() == [1, 2, 3, 4, 5, 6]
    assert np.isnan(close[6:, 1]).all()
    assert data.table("facts").set_index("ticker")["value"].to_dict() == {old: 1.0, "XX": 2.0}
    assert data.securities["name"].tolist() == ["New Co", "Old Co", "Other"]
    assert data.as_of(SESSIONS[-1]).history_sessions().tolist() == [len(SESSIONS) - 12, 6, len(SESSIONS)]


def test_issuers() -> None:
    names = ["GOOG", "GOOGL", "FOX", "FOXA", "BRK.A", "BRK.B", "ZZZ", "^VIX"]
    prices = pd.DataFrame({"date": SESSIONS[0], "ticker": names, "close": 1.0})
    securities = pd.DataFrame(
        {
            "ticker": names[:6],
            "cik": [1652044, 1652044, 1754301, 1754301, None, None],
            "name": [
                "Alphabet Inc. Class C",
                "Alphabet",
                "Fox",
                "Fox",
                "Berkshire Hathaway Inc. Class A",
                "Berkshire Hathaway",
            ],
        }
    )
    data = market.planted("test", prices=prices, securities=securities)
    issuer = dict(zip(data.tickers, data.as_of(SESSIONS[0]).issuer(), strict=True))
    assert issuer["GOOG"] == issuer["GOOGL"] == "CIK1652044"
    assert issuer["BRK.A"] == issuer["BRK.B"] == "berkshire hathaway"
    assert issuer["ZZZ"] == "ZZZ"
    kinds = dict(zip(data.tickers, data.securities["type"], strict=True))
    assert kinds["^VIX"] == "index"
    assert kinds["ZZZ"] == "stock"
    assert data.securities.loc["ZZZ", "name"] == "ZZZ"


def test_delisting_returns_of_the_literature() -> None:
    nan = float("nan")
    assert delisting_return("bankruptcy", nan, "NYSE") == -0.30  # Shumway (1997)
    assert delisting_return("Liquidation", nan, "Nasdaq") == -0.55  # Shumway and Warther (1999)
    assert delisting_return("merger", nan, "NYSE") == 0.0
    assert delisting_return("bankruptcy", -0.99, "NYSE") == -0.99
    assert delisting_return("", nan, "") == 0.0
