"""Metrics on the shipped sample: known companies, coverage, and nothing from the future."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

import market
from screens.metrics import REGISTRY
from screens.metrics.cross_section import percentile, rank_z

FLAGSHIP = (
    "liabilities_assets", "net_debt_operating_income", "naive_distance_to_default", "gross_profit_assets", "roa",
    "operating_margin", "fcf_assets", "loss_share", "ai_beta",
)  # fmt: skip
# Share of non-financial members on 2019-06-28, 2022-06-30 and 2025-06-30, from facts with a real filing date (README of
# the data). Facts with an assumed lag add up to .12, completed liabilities and annual cash flows more.
FLOORS = {
    "liabilities_assets": (0.80, 0.82, 0.85),
    "debt_equity": (0.59, 0.63, 0.62),
    "net_debt_operating_income": (0.50, 0.53, 0.54),
    "naive_distance_to_default": (0.59, 0.62, 0.62),
    "gross_profit_assets": (0.66, 0.62, 0.64),
    "roa": (0.85, 0.89, 0.91),
    "roe": (0.84, 0.88, 0.88),  # 2025: .91 before thin and negative equity with a profit became unknown
    "roic": (0.28, 0.44, 0.47),
    "operating_margin": (0.71, 0.75, 0.78),
    "fcf_margin": (0.73, 0.75, 0.77),
    "funding_gap": (0.74, 0.75, 0.77),
    "debt_funded_capex": (0.35, 0.32, 0.28),
}
ABSENT = ("net_debt_ebitda", "current_ratio", "altman_z", "ohlson_o", "beneish_m")


@pytest.fixture(scope="module")
def data():
    return market.open("sample")


def population(view):
    return view.is_member("sp500") & view.is_stock() & ~np.isin(view.sector(), ("Financials", "Real Estate"))


@pytest.mark.parametrize(("place", "day"), [(0, "2019-06-28"), (1, "2022-06-30"), (2, "2025-06-30")])
def test_coverage_is_at_least_what_the_data_carry(data, place, day):
    view = data.as_of(day)
    members = population(view)
    for name, floors in FLOORS.items():
        assert REGISTRY[name](view).known()[members].mean() >= floors[place] - 0.005, name
    for name in ABSENT:  # no depreciation, no current items: unknown, not zero
        assert not REGISTRY[name](view).known()[members].any(), name


def test_nothing_after_the_session_is_seen(data):
    """Every metric at t is the same when everything after t is removed."""
    day = "2023-03-17"
    whole, cut = data.as_of(day), data.cut(day).as_of(day)
    columns = whole.tickers.get_indexer(cut.tickers)
    assert (columns >= 0).all()
    rest = np.setdiff1d(np.arange(len(whole.tickers)), columns)
    for name, entry in REGISTRY.items():
        first, second = entry(whole), entry(cut)
        assert not np.isfinite(whole.close()[rest]).any()
        np.testing.assert_allclose(second.value, first.value[columns], rtol=1e-9, atol=1e-12, err_msg=name)
        if first.tier is not None:
            np.testing.assert_array_equal(second.tier, first.tier[columns], err_msg=name)


def test_boeing_and_apple_fiscal_2023(data):
    """From their 10-Ks: Boeing's book equity was -17,233 m; Apple earned 96,995 m on 352,583 m of assets."""
    view = data.as_of("2024-02-15")
    boeing, apple = (list(view.tickers).index(name) for name in ("BA", "AAPL"))
    equity = REGISTRY["debt_equity"](view)
    assert equity.tier[boeing] == 2
    assert equity.reason[boeing] == "neg_equity"
    november = data.as_of("2023-11-10")
    assert REGISTRY["operating_margin"](november).value[apple] == pytest.approx(114_301 / 383_285, rel=1e-4)
    assert REGISTRY["roa"](november).value[apple] == pytest.approx(96_995 / ((352_583 + 352_755) / 2), rel=1e-4)


def test_carnival_lost_money_in_its_covid_years(data):
    view = data.as_of("2023-03-31")
    carnival = list(view.tickers).index("CCL")
    assert REGISTRY["loss_share"](view).value[carnival] == pytest.approx(3 / 5)  # 2020, 2021 and 2022
    assert REGISTRY["net_debt_operating_income"](view).reason[carnival] == "neg_operating_income"


def test_ai_beta_adds_up_to_nothing_over_the_market(data):
    """The factor is orthogonal to the market, so the value-weighted mean beta is near zero; NVIDIA's is not."""
    view = data.as_of("2024-06-28")
    beta, cap = REGISTRY["ai_beta"](view).value, view.market_cap()
    members = view.is_member("sp500") & np.isfinite(beta) & np.isfinite(cap)
    assert abs(np.average(beta[members], weights=cap[members])) < 0.1
    assert beta[list(view.tickers).index("NVDA")] == np.nanmax(np.where(members, beta, np.nan))


def test_market_beta_and_residual_volatility_against_statsmodels(data):
    view = data.as_of("2024-06-28")
    column = list(view.tickers).index("KO")
    cash = view.rate_history("fed_funds", 252) / 252
    fit = sm.OLS(view.returns(252)[:, column] - cash, sm.add_constant(view.series("SPY", 252) - cash)).fit()
    assert REGISTRY["market_beta"](view).value[column] == pytest.approx(fit.params[1], rel=1e-9)
    residual = REGISTRY["idiosyncratic_volatility"](view, window=252).value[column]
    assert residual == pytest.approx(np.sqrt(fit.mse_resid * 252), rel=1e-9)


def test_momentum_and_volatility_by_hand(data):
    view = data.as_of("2024-06-28")
    column = list(view.tickers).index("NVDA")  # split ten for one on 2024-06-10
    returns = view.returns(252)[:, column]
    assert REGISTRY["momentum_12_1"](view).value[column] == pytest.approx(np.prod(1 + returns[:-21]) - 1)
    assert REGISTRY["return_1m"](view).value[column] == pytest.approx(np.prod(1 + returns[-21:]) - 1)
    assert REGISTRY["volatility"](view).value[column] == pytest.approx(returns.std(ddof=1) * np.sqrt(252))
    closes = view.closes(252)[:, column]
    assert REGISTRY["high_52w_ratio"](view).value[column] == pytest.approx(closes[-1] / closes.max())


def test_frazzini_pedersen_beta_by_hand(data):
    view = data.as_of("2024-06-28")
    column = list(view.tickers).index("JNJ")
    stock, spy = (np.log1p(x) for x in (view.returns(1260)[:, column], view.series("SPY", 1260)))
    three = [x[2:] + x[1:-1] + x[:-2] for x in (stock, spy)]
    rho = np.corrcoef(*three)[0, 1]
    expected = 0.6 * rho * stock[-252:].std(ddof=1) / spy[-252:].std(ddof=1) + 0.4
    assert REGISTRY["frazzini_pedersen_beta"](view).value[column] == pytest.approx(expected, rel=1e-9)


def test_frazzini_pedersen_beta_leaves_gaps_out(planted):
    rng = np.random.default_rng(3)
    market_returns = rng.normal(0, 0.01, 1260)
    returns = market_returns[:, None] + rng.normal(0, 0.01, (1260, 2))
    returns[300:305, 0] = np.nan
    view = planted(2, {}, returns=returns, funds={"SPY": market_returns})
    stock, spy = np.log1p(returns[:, 0]), np.log1p(market_returns)
    three = [x[2:] + x[1:-1] + x[:-2] for x in (stock, spy)]
    there = np.isfinite(three[0])
    rho = np.corrcoef(three[0][there], three[1][there])[0, 1]
    expected = 0.6 * rho * stock[-252:].std(ddof=1) / spy[-252:].std(ddof=1) + 0.4
    assert REGISTRY["frazzini_pedersen_beta"](view).value[0] == pytest.approx(expected, rel=1e-9)


def test_junk_is_the_opposite_of_quality(data):
    view = data.as_of("2024-06-28")
    members = population(view)
    junk = REGISTRY["qmj_junk"](view).value
    gross, roa = (REGISTRY[name](view).value for name in ("gross_profit_assets", "roa"))
    both = members & np.isfinite(junk) & np.isfinite(gross) & np.isfinite(roa)
    assert np.corrcoef(junk[both], gross[both])[0, 1] < -0.3
    assert np.corrcoef(junk[both], roa[both])[0, 1] < -0.3


def test_ranks_share_ties_and_stay_inside_the_population():
    values = np.array([3.0, 1.0, 3.0, np.nan, 9.0])
    inside = np.array([True, True, True, True, False])
    np.testing.assert_allclose(percentile(values, inside), [2 / 3, 0.5 / 3, 2 / 3, np.nan, np.nan])
    z = rank_z(values, inside)
    assert np.nansum(z) == pytest.approx(0)
    assert np.nanstd(z, ddof=1) == pytest.approx(1)
    np.testing.assert_array_equal(rank_z(np.ones(3), np.ones(3, dtype=bool)), [0, 0, 0])
