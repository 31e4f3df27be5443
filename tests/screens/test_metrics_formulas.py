"""Plain ratios typed again from their definitions, on one planted company."""

from __future__ import annotations

import math

import numpy as np
import pytest

from screens.metrics import REGISTRY

NAN = np.nan
# One company in m USD: twelve months, and the twelve before (lag 4 quarters, one fiscal year).
NOW = {
    "revenue": 1200.0, "cost_of_revenue": 700.0, "gross_profit": 500.0, "research_and_development": 60.0,
    "selling_general_administrative": 200.0, "operating_income": 180.0, "depreciation_amortization": 50.0,
    "interest_expense": 30.0, "pretax_income": 150.0, "income_tax": 30.0, "net_income": 120.0,
    "stock_based_compensation": 24.0, "cash_from_operations": 190.0, "capital_expenditure": 90.0,
    "dividends_paid": 40.0, "share_repurchases": 25.0, "share_issuance": 5.0, "debt_issuance": 80.0,
    "debt_repayment": 50.0, "assets": 2000.0, "current_assets": 700.0, "cash_and_short_term_investments": 150.0,
    "receivables": 220.0, "inventory": 180.0, "liabilities": 1100.0, "current_liabilities": 400.0, "payables": 130.0,
    "deferred_revenue": 60.0, "short_term_debt": 100.0, "long_term_debt": 500.0, "equity": 880.0,
    "minority_interest": 20.0, "retained_earnings": 300.0, "debt_due_36m": 240.0,
}  # fmt: skip
THEN = {
    "revenue": 1000.0, "gross_profit": 430.0, "operating_income": 160.0, "net_income": 100.0, "assets": 1800.0,
    "current_assets": 600.0, "cash_and_short_term_investments": 120.0, "receivables": 190.0, "inventory": 170.0,
    "liabilities": 1000.0, "current_liabilities": 360.0, "payables": 120.0, "deferred_revenue": 50.0,
    "short_term_debt": 80.0, "long_term_debt": 460.0, "equity": 780.0, "minority_interest": 20.0,
    "capital_expenditure": 75.0, "cash_from_operations": 170.0,
}  # fmt: skip
CAP = 2500.0

EXPECTED = {
    "liabilities_assets": 1100 / 2000,
    "debt_assets": 600 / 2000,
    "debt_equity": 600 / 880,
    "net_debt_assets": 450 / 2000,
    "net_debt_operating_income": 450 / 180,
    "net_debt_ebitda": 450 / 230,
    "debt_ebitda": 600 / 230,
    "interest_coverage": 180 / 30,
    "ebitda_coverage": 230 / 30,
    "cash_flow_debt": 190 / 600,
    "current_ratio": 700 / 400,
    "gross_profit_assets": 500 / 2000,
    "roa": 120 / 1900,
    "roe": 120 / 830,
    "roic": 180 * 0.8 / ((600 + 880 + 20 - 150 + 540 + 780 + 20 - 120) / 2),
    "gross_margin": 500 / 1200,
    "operating_margin": 180 / 1200,
    "net_margin": 120 / 1200,
    "fcf_margin": 100 / 1200,
    "fcf_assets": 100 / 2000,
    "cash_flow_assets": 190 / 1900,
    "asset_turnover": 1200 / 1900,
    "operating_profitability": (500 - 200 - 60 - 30) / 880,
    "cash_based_operating_profitability": (500 - 200 - (30 + 10 - 10 - 10)) / 2000,
    # working capital without cash and short-term debt: 700-400-150+100 = 250, before 600-360-120+80 = 200
    "cash_flow_profitability": (120 + 50 - 50 - 90) / 2000,
    "balance_sheet_accruals": (50 - 50) / 1900,
    "accruals": (120 - 190) / 1900,
    "net_operating_assets_growth": ((2000 - 150 - 1100 + 600) - (1800 - 120 - 1000 + 540)) / 1900,
    "sbc_burden": 24 / 1200,
    "fcf_after_sbc_margin": (190 - 90 - 24) / 1200,
    "net_equity_financing": (5 - 25 - 40) / 1900,
    "net_debt_issuance": (80 - 50 + 20) / 1900,
    "short_term_debt_share": 100 / 600,
    "refinancing_wall_12m": 100 / (150 + 100),
    "refinancing_wall_36m": 240 / (150 + 100),
    "revenue_growth": 0.2,
    "income_growth": 20 / 1800,
    "asset_growth": 2000 / 1800 - 1,
    "operating_margin_change": 0.15 - 0.16,
    "capex_intensity": 90 / 1200,
    "capex_intensity_change": 90 / 1200 - 75 / 1000,
    "capex_growth": 90 / 75 - 1,
    "funding_gap": -100 / 2000,
    "debt_funded_capex": 60 / 90,
    "earnings_yield": 120 / CAP,
    "book_to_market": 880 / CAP,
    "sales_yield": 1200 / CAP,
    "fcf_yield": 100 / CAP,
    "ebit_enterprise_value": 180 / (CAP + 450),
    "payout_yield": (40 + 25 - 5) / CAP,
    "log_market_cap": math.log(CAP),
}


@pytest.fixture
def company(planted):
    million = 1e6
    items: dict = {name: [value * million] for name, value in NOW.items()}
    for basis, lag in (("ttm", 4), ("latest", 4), ("year", 1)):
        items |= {(name, basis, lag): [value * million] for name, value in THEN.items()}
    return planted(1, items, market_cap=[CAP * million])


@pytest.mark.parametrize("name", list(EXPECTED))
def test_ratio(company, name):
    expected = EXPECTED[name]
    if name == "log_market_cap":
        expected += math.log(1e6)
    assert REGISTRY[name](company).value[0] == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_revenue_acceleration(planted):
    view = planted(1, {"revenue": [150], ("revenue", "ttm", 4): [120], ("revenue", "ttm", 8): [100]})
    assert REGISTRY["revenue_acceleration"](view).value[0] == pytest.approx(0.25 - 0.20)


def test_capex_intensity_against_the_median_of_two_years(planted):
    items = {"capital_expenditure": [20], "revenue": [100]}
    for lag, capex in enumerate([11, 13, 9, 12, 10], start=1):
        items |= {("capital_expenditure", "ttm", lag): [capex], ("revenue", "ttm", lag): [100]}
    view = planted(1, items)
    assert REGISTRY["capex_intensity_change"](view).value[0] == pytest.approx(0.20 - 0.11)


def test_debt_funded_capex_is_bounded(planted):
    items = {"long_term_debt": [500, 0, 100], ("long_term_debt", "latest", 4): [100, 500, 100]}
    items |= {"capital_expenditure": [50, 50, 0]}
    np.testing.assert_array_equal(REGISTRY["debt_funded_capex"](planted(3, items)).value, [2, -1, NAN])


def test_research_inside_selling_costs_can_be_said(company):
    """Compustat's SG&A holds research; then it must be added back, and not deducted twice."""
    cash_based = REGISTRY["cash_based_operating_profitability"](company, research_in_sga=True).value[0]
    assert cash_based == pytest.approx((500 - (200 - 60) - 20) / 2000)
    plain = REGISTRY["operating_profitability"](company, research_in_sga=True).value[0]
    assert plain == pytest.approx((500 - 200 - 30) / 880)


def test_days_to_cover_and_squeeze(planted):
    rng = np.random.default_rng(1)
    market = rng.normal(0, 0.01, 60)
    returns = market[:, None] + rng.normal(0, 1, (60, 30)) * np.linspace(0.005, 0.05, 30)
    view = planted(
        30,
        returns=returns,
        funds={"SPY": market},
        market_cap=np.full(30, 1e9),
        close=np.full(30, 50.0),
        dollar_volume=np.full(30, 2e7),
        short_percent_of_float=np.linspace(1, 30, 30),
        borrow_known=np.ones(30, dtype=bool),
        borrow_fee=np.linspace(0.003, 0.3, 30),
    )
    np.testing.assert_allclose(REGISTRY["short_percent_of_float"](view).value[-1], 0.30)
    # 30 % of 20 m shares over 0.4 m shares a session
    np.testing.assert_allclose(REGISTRY["days_to_cover"](view).value[-1], 0.30 * 2e7 / 4e5)
    score = REGISTRY["squeeze_score"](view).value
    assert score[-1] > 0.7
    assert score[0] < 0.4


def test_price_impact(planted):
    returns = np.full((63, 2), 0.01)
    view = planted(2, returns=returns, dollar_volume=np.array([5e6, NAN]))
    np.testing.assert_allclose(REGISTRY["price_impact"](view).value, [0.002, NAN])
