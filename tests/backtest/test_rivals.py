"""Alternatives on the sample: a fund that ends early, the sectors without the names, the names without their beta."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtest import further_rivals, summary
from backtest.accounts import Accounts
from backtest.cautions import cautions
from backtest.evaluate.performance import daily_risk_free
from backtest.frames import nav_frame
from backtest.legs import Legs
from backtest.rivals import EQUAL_BETA, HOLD_LESS, Rivals, rivals
from backtest.terms import terms
from basket import hedge

MIX = f"short {further_rivals.SECTOR_MIX}, {EQUAL_BETA}"


@pytest.fixture(scope="module")
def legs(flagship_legs: Legs) -> Legs:
    return replace(flagship_legs, spec=flagship_legs.spec.model_copy(update={"benchmarks": ("SPY", "RSP")}))


@pytest.fixture(scope="module")
def accounts(legs: Legs) -> Accounts:
    return Accounts(legs, terms(legs.spec, legs.data, legs.panel))


@pytest.fixture(scope="module")
def path(legs: Legs) -> pd.Series:
    return legs.ratio_path(legs.short.returns)["target"]


@pytest.fixture(scope="module")
def always(accounts: Accounts, path: pd.Series) -> np.ndarray:
    return accounts.simulate(accounts.hedged_by(accounts.basket_targets, path)).nav


@pytest.fixture(scope="module")
def found(accounts: Accounts, path: pd.Series, always: np.ndarray) -> Rivals:
    return rivals(accounts, path, always)


def test_a_fund_that_ends_is_followed_to_its_last_price(legs: Legs, accounts: Accounts, found: Rivals) -> None:
    name = f"short RSP, {EQUAL_BETA} (to 2026-03-03)"
    nav = found.nav[name]
    assert nav.last_valid_index() == pd.Timestamp("2026-03-03")
    assert found.nav.drop(columns=[c for c in found.nav if "RSP" in c]).notna().all(axis=None)
    unhedged = accounts.simulate()
    risk_free = daily_risk_free(legs.data.rates("fed_funds"), legs.sessions)
    lines = summary.benchmark_figures(found, unhedged.nav, legs, risk_free)
    known = nav.dropna()
    years = (known.index[-1] - known.index[0]).days / 365.25
    assert lines[name]["cagr"] == pytest.approx((known.iloc[-1] / known.iloc[0]) ** (1 / years) - 1, rel=1e-3)
    book = pd.Series(unhedged.nav, legs.sessions)[known.index].pct_change()
    assert lines[name]["variance_removed"] == pytest.approx(1 - known.pct_change().var() / book.var())
    assert "share_held" in lines[HOLD_LESS]
    assert "share_held" not in lines[further_rivals.PURE_LEG]
    level = nav_frame(legs, unhedged, unhedged)["RSP"]
    assert level.last_valid_index() == pd.Timestamp("2026-03-03")
    hindsight = {"difference": 0.0}
    warned = [one for one in cautions(legs, legs.data, unhedged, hindsight) if one.startswith("benchmarks:")]
    assert len(warned) == 1
    assert "RSP end on 2026-03-03" in warned[0]


def test_the_sectors_of_the_basket_in_sector_funds(legs: Legs, found: Rivals) -> None:
    weights = further_rivals.sector_weights(legs)
    assert weights.sum(axis=1).to_numpy() == pytest.approx(1.0)
    session = weights.index[-1]
    view = legs.data.as_of(session)
    sector = pd.Series(view.sector(), index=view.tickers)
    held = legs.short.weights.loc[session]
    assert weights.loc[session, "XLI"] == pytest.approx(held[sector[held.index] == "Industrials"].sum())
    made = further_rivals.sector_mix(legs)
    assert made is not None
    targets, mixed = made
    assert all(row.sum() == pytest.approx(1.0) for row in targets.values())
    # the session after a rebalance earns the weights bought at it
    after = legs.data.sessions[legs.data.sessions.searchsorted(session) + 1]
    funds = {fund: legs.index_returns(fund)[after] for fund in weights.columns}
    assert mixed[after] == pytest.approx(sum(weights.loc[session, fund] * value for fund, value in funds.items()))
    assert found.nav[MIX].pct_change().std() < found.nav[f"short SPY, {EQUAL_BETA}"].pct_change().std() * 1.5
    beta = np.cov(found.nav[MIX].pct_change().iloc[1:], legs.index_returns("SPY")[legs.sessions[1:]])
    assert beta[0, 1] / beta[1, 1] == pytest.approx(0.2, abs=0.15)  # as the hedge's own


def test_the_mix_is_known_when_it_is_bought(legs: Legs) -> None:
    cut = pd.Timestamp("2023-06-30")
    early = replace(legs, data=legs.data.cut(cut), sessions=legs.sessions[legs.sessions <= cut])
    whole, part = further_rivals.sector_mix(legs), further_rivals.sector_mix(early)
    assert whole is not None
    assert part is not None
    pd.testing.assert_series_equal(whole[1][:cut], part[1][:cut], check_exact=True, check_freq=False)


def test_without_sector_funds_there_is_no_mix(legs: Legs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(further_rivals, "SECTOR_FUNDS", {"Energy": "XLE", "Utilities": "NOT THERE"})
    assert further_rivals.sector_mix(legs) is None


def test_the_pure_leg_is_the_hedge_with_its_beta_bought_back(legs: Legs, found: Rivals, always: np.ndarray) -> None:
    nav = found.nav[further_rivals.PURE_LEG]
    ratio = hedge.held_ratio(found.ratios[f"short SPY, {EQUAL_BETA}"], legs.sessions)
    t = 700
    days = (legs.sessions[t] - legs.sessions[t - 1]).days
    rate = legs.data.rates("fed_funds")[legs.sessions[t - 1]] + 0.0050
    moved = ratio.iloc[t] * (legs.index_returns("SPY")[legs.sessions[t]] - rate * days / 360)
    traded = abs(ratio.iloc[t] - ratio.iloc[t - 1]) * 0.5e-4
    assert nav.iloc[t] / nav.iloc[t - 1] - 1 == pytest.approx(always[t] / always[t - 1] - 1 + moved - traded, abs=1e-12)
    market = legs.index_returns("SPY")[legs.sessions[1:]]
    book = pd.Series(always, legs.sessions).pct_change().iloc[1:]
    betas = [np.cov(one, market)[0, 1] / market.var() for one in (book, nav.pct_change().iloc[1:])]
    assert betas[0] == pytest.approx(0.2, abs=0.1)
    assert betas[1] == pytest.approx(1.18, abs=0.1)  # the book's own: the short's beta is gone
