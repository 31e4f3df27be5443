"""Plain ratios against FinanceToolkit, a library of others, wherever the two define a ratio alike.

Where a denominator is not above zero the definitions part on purpose: the library returns the raw quotient, this
project a tier. Those names are left out of the comparison and looked at by themselves.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from financetoolkit.models import altman_model
from financetoolkit.ratios import (
    efficiency_model,
    liquidity_model,
    profitability_model,
    solvency_model,
    valuation_model,
)

import market
from screens.metrics import REGISTRY

N = 60
FLOWS = (
    "revenue", "cost_of_revenue", "operating_income", "net_income", "interest_expense", "depreciation_amortization",
    "cash_from_operations", "capital_expenditure", "stock_based_compensation", "selling_general_administrative",
)  # fmt: skip
BALANCES = (
    "assets", "liabilities", "equity", "current_assets", "current_liabilities", "cash_and_short_term_investments",
    "short_term_debt", "long_term_debt", "retained_earnings", "receivables",
)  # fmt: skip


class Company:
    """Statements of many companies as series, and their averages over the year."""

    def __init__(self, read: Callable[[str, str, int], np.ndarray], cap: np.ndarray) -> None:
        self._read, self.cap = read, pd.Series(cap)

    def flow(self, item: str, lag: int = 0) -> pd.Series:
        return pd.Series(self._read(item, "ttm", lag))

    def balance(self, item: str, lag: int = 0) -> pd.Series:
        return pd.Series(self._read(item, "latest", lag))

    def average(self, item: str) -> pd.Series:
        now, before = self.balance(item), self.balance(item, 4)
        return now.where(before.isna(), (now + before) / 2)

    @property
    def debt(self) -> pd.Series:
        return self.balance("short_term_debt") + self.balance("long_term_debt")

    @property
    def free_cash_flow(self) -> pd.Series:
        return self.flow("cash_from_operations") - self.flow("capital_expenditure")


ORACLES: dict[str, Callable[[Company], pd.Series]] = {
    "gross_margin": lambda c: profitability_model.get_gross_margin(c.flow("revenue"), c.flow("cost_of_revenue")),
    "operating_margin": lambda c: profitability_model.get_operating_margin(
        c.flow("operating_income"), c.flow("revenue")
    ),
    "net_margin": lambda c: profitability_model.get_net_profit_margin(c.flow("net_income"), c.flow("revenue")),
    "roa": lambda c: profitability_model.get_return_on_assets(c.flow("net_income"), c.average("assets")),
    "roe": lambda c: profitability_model.get_return_on_equity(c.flow("net_income"), c.average("equity")),
    "cash_flow_assets": lambda c: profitability_model.get_cash_return_on_assets(
        c.flow("cash_from_operations"), c.average("assets")
    ),
    "fcf_margin": lambda c: profitability_model.get_free_cash_flow_margin(c.free_cash_flow, c.flow("revenue")),
    "asset_turnover": lambda c: efficiency_model.get_asset_turnover_ratio(c.flow("revenue"), c.average("assets")),
    "sbc_burden": lambda c: efficiency_model.get_stock_based_compensation_ratio(
        c.flow("stock_based_compensation"), c.flow("revenue")
    ),
    "current_ratio": lambda c: liquidity_model.get_current_ratio(
        c.balance("current_assets"), c.balance("current_liabilities")
    ),
    "debt_assets": lambda c: solvency_model.get_debt_to_assets_ratio(c.debt, c.balance("assets")),
    "debt_equity": lambda c: solvency_model.get_debt_to_equity_ratio(c.debt, c.balance("equity")),
    "interest_coverage": lambda c: solvency_model.get_interest_coverage_ratio(
        c.flow("operating_income"), c.flow("interest_expense")
    ),
    "net_debt_ebitda": lambda c: solvency_model.get_net_debt_to_ebitda_ratio(
        operating_income=c.flow("operating_income"),
        depreciation_and_amortization=c.flow("depreciation_amortization"),
        net_debt=c.debt - c.balance("cash_and_short_term_investments"),
    ),
    "debt_ebitda": lambda c: solvency_model.get_gross_debt_to_ebitda_ratio(
        c.debt, c.flow("operating_income"), c.flow("depreciation_amortization")
    ),
    "cash_flow_debt": lambda c: solvency_model.get_cash_flow_coverage_ratio(c.flow("cash_from_operations"), c.debt),
    "fcf_yield": lambda c: solvency_model.get_free_cash_flow_yield(c.free_cash_flow, c.cap),
    "sales_yield": lambda c: 1 / valuation_model.get_price_to_sales_ratio(c.cap, c.flow("revenue")),
}
ON_THE_SAMPLE = (
    "gross_margin", "operating_margin", "net_margin", "roa", "roe", "cash_flow_assets", "fcf_margin", "asset_turnover",
    "debt_assets", "debt_equity", "cash_flow_debt", "fcf_yield", "sales_yield",
)  # fmt: skip


FLOWS_OF = {
    "gross_margin": ("revenue", "cost_of_revenue", "gross_profit"),
    "operating_margin": ("revenue", "operating_income"),
    "net_margin": ("revenue", "net_income"),
    "fcf_margin": ("revenue", "cash_from_operations", "capital_expenditure"),
    "fcf_yield": ("cash_from_operations", "capital_expenditure"),
}


def planted_items() -> dict:
    rng = np.random.default_rng(11)
    signed = {"operating_income", "net_income", "equity", "retained_earnings", "cash_from_operations"}
    items: dict = {}
    for basis, names in (("ttm", FLOWS), ("latest", BALANCES)):
        for name in names:
            sign = np.where(rng.random(N) < 0.25, -1.0, 1.0) if name in signed else 1.0
            for lag in (0, 4):
                items[name, basis, lag] = rng.uniform(20e6, 900e6, N) * sign
    for lag in (0, 4):
        items["revenue", "ttm", lag] = rng.uniform(1e9, 3e9, N)
        items["assets", "latest", lag] = rng.uniform(2e9, 5e9, N)
        items["gross_profit", "ttm", lag] = items["revenue", "ttm", lag] - items["cost_of_revenue", "ttm", lag]
    items |= {(name, None, lag): values for (name, _, lag), values in items.items()}
    for (name, basis, lag), values in list(items.items()):
        if basis == "ttm" and lag:
            items[name, "year", 1] = values
        elif basis == "ttm":
            items[name, "year", 0] = values
    return items


@pytest.fixture(scope="module")
def planted_companies() -> tuple[dict, np.ndarray]:
    return planted_items(), np.random.default_rng(5).uniform(1e9, 9e9, N)


def agree(metric: str, values, expected: np.ndarray, fewest: int) -> None:
    """The same figures wherever this project gives a quotient."""
    ordinary = np.isfinite(values.value) & np.isfinite(expected)
    if values.tier is not None:
        ordinary &= values.tier == 1
    assert ordinary.sum() >= fewest, metric
    np.testing.assert_allclose(values.value[ordinary], expected[ordinary], rtol=1e-12, err_msg=metric)


@pytest.mark.parametrize("metric", list(ORACLES))
def test_ratios_of_planted_companies(planted, planted_companies, metric: str) -> None:
    items, cap = planted_companies
    view = planted(N, items, market_cap=cap)
    company = Company(view.item, cap)
    agree(metric, REGISTRY[metric](view), ORACLES[metric](company).to_numpy(), 30)


@pytest.fixture(scope="module")
def view():
    return market.open("sample").as_of("2025-10-16")


@pytest.mark.parametrize("metric", ON_THE_SAMPLE)
def test_ratios_of_the_sample(view, metric: str) -> None:
    company = Company(view.item, view.market_cap())
    values = REGISTRY[metric](view)
    # The oracle takes what it is given; this project never puts flows of different periods into one quotient.
    ends = [view.item_period_end(item) for item in FLOWS_OF.get(metric, ())]
    for end in ends[1:]:
        values = values.without(end != ends[0])
    if metric == "roe":  # nor does it average over a year in which equity changed its sign
        values = values.without(view.item("equity", "latest", 4) <= 0)
    if metric in ("debt_assets", "debt_equity", "cash_flow_debt"):
        # Current debt that nobody tells is none, by rule; the oracle needs it told.
        values = values.without(np.isnan(view.item("short_term_debt", "latest")))
    agree(metric, values, ORACLES[metric](company).to_numpy(), 10 if metric == "cash_flow_debt" else 30)


def test_where_the_definitions_part_the_library_makes_losers_shine(planted, planted_companies) -> None:
    """Loss over negative equity: the raw quotient is a fine return, the tier the worst there is."""
    items, cap = planted_companies
    view = planted(N, items, market_cap=cap)
    raw = ORACLES["roe"](Company(view.item, cap)).to_numpy()
    values = REGISTRY["roe"](view)
    broken = values.tier == 2
    assert broken.sum() >= 3
    assert (raw[broken] > 0).all()
    badness = values.badness("lower_is_worse")
    assert np.nanmin(badness[broken]) > np.nanmax(badness[values.tier == 1])


def test_altman_z(planted, planted_companies) -> None:
    items, cap = planted_companies
    view = planted(N, items, market_cap=cap)
    c = Company(view.item, cap)
    assets = c.balance("assets")
    expected = altman_model.get_altman_z_score(
        (c.balance("current_assets") - c.balance("current_liabilities")) / assets,
        c.balance("retained_earnings") / assets,
        c.flow("operating_income") / assets,
        c.cap / c.balance("liabilities"),
        c.flow("revenue") / assets,
    )
    agree("altman_z", REGISTRY["altman_z"](view), expected.to_numpy(), N)
