"""Quantities of the statements that several metrics share, computed once per view.

1. `per_view` keeps each array for as long as its view lives: sixty metrics read the same few dozen arrays.
2. Debt is long-term plus short-term debt; a missing long-term debt stays missing unless the zero-fill rule allows zero.
3. Flows that are added to or divided by one another come from one period (`flows`): a store may hold twelve months to
   March for one item and the last fiscal year for another, and their difference means nothing.
4. Balances are averaged over four quarters where both ends are known, otherwise the last one stands.

All arrays have shape (n_assets,), money in USD, NaN where unknown; they must not be written to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.metrics.tier_rule import Floats, Mask
from screens.per_view import per_view

if TYPE_CHECKING:
    from market.view import Basis, View

STATUTORY_TAX_RATE = 0.21  # US federal, since 2018; used where pretax income is not positive
HIGHEST_TAX_RATE = 0.35
QUARTERS_WITHOUT_DEBT = 8  # no debt-like item seen for two years: the company has none


def ttm(view: View, item: str, lag: int = 0) -> Floats:
    """Twelve months of a flow, `lag` quarters ago."""
    return view.item(item, "ttm", lag)


def latest(view: View, item: str, lag: int = 0) -> Floats:
    """A balance, `lag` quarters ago."""
    return view.item(item, "latest", lag)


def or_zero(values: Floats) -> Floats:
    """Zero where missing: only for the items that the zero-fill rule names."""
    return np.where(np.isnan(values), 0.0, values)


@per_view
def assets(view: View, lag: int = 0) -> Floats:
    """Total assets; a row without positive assets is invalid (NaN)."""
    total = latest(view, "assets", lag)
    return np.where(total > 0, total, np.nan)


@per_view
def average(view: View, item: str) -> Floats:
    """(X_t + X_{t-4 quarters}) / 2 of a balance, or X_t where the earlier one is unknown."""
    now, before = latest(view, item), latest(view, item, 4)
    return np.where(np.isnan(before), now, (now + before) / 2)


@per_view
def average_assets(view: View) -> Floats:
    total = average(view, "assets")
    return np.where(total > 0, total, np.nan)


@per_view
def flows(view: View, *items: str, lag: int = 0) -> tuple[Floats, ...]:
    """The items over one common period: twelve months where their ends agree, else the fiscal year where those agree.

    lag: years back, for both bases.
    """
    ttms = [view.item(item, "ttm", 4 * lag) for item in items]
    years = [view.item(item, "year", lag) for item in items]
    same_ttm, same_year = _same_end(view, items, "ttm"), _same_end(view, items, "year")
    return tuple(
        np.where(same_ttm, by_ttm, np.where(same_year, by_year, np.nan))
        for by_ttm, by_year in zip(ttms, years, strict=True)
    )


def _same_end(view: View, items: tuple[str, ...], basis: Basis) -> Mask:
    """Where all items have a value and their latest periods end on one date."""
    ends = [view.item_period_end(item, basis) for item in items]
    return np.logical_and.reduce([~np.isnat(ends[0]), *(end == ends[0] for end in ends[1:])])


@per_view
def ebit(view: View) -> Floats:
    """Operating income; else pretax income plus interest expense over one period."""
    operating = ttm(view, "operating_income")
    pretax, interest = flows(view, "pretax_income", "interest_expense")
    return np.where(np.isnan(operating), pretax + np.abs(interest), operating)


@per_view
def ebit_and_interest(view: View) -> tuple[Floats, Floats]:
    """Operating income (else pretax income plus interest) and interest expense, over one period."""
    operating, beside = flows(view, "operating_income", "interest_expense")
    pretax, interest = flows(view, "pretax_income", "interest_expense")
    earnings = np.where(np.isnan(operating), pretax + np.abs(interest), operating)
    paid = np.where(np.isnan(operating), interest, beside)
    return np.where(np.isnan(earnings), ebit(view), earnings), np.abs(paid)


@per_view
def ebitda(view: View) -> Floats:
    """Operating income plus depreciation and amortisation over one period; never a reported "adjusted" figure."""
    operating, depreciation = flows(view, "operating_income", "depreciation_amortization")
    return operating + depreciation


@per_view
def fcf(view: View) -> Floats:
    """Cash from operations less capital expenditure over one period."""
    cash, capex = flows(view, "cash_from_operations", "capital_expenditure")
    return cash - capex


@per_view
def debt_seen(view: View) -> Mask:
    """Whether anything that looks like debt was reported in the last eight quarters."""
    seen = np.zeros(len(view.tickers), dtype=bool)
    for lag in range(QUARTERS_WITHOUT_DEBT):
        for item in ("long_term_debt", "short_term_debt"):
            seen |= ~np.isnan(latest(view, item, lag))
    return seen | (np.abs(or_zero(ttm(view, "interest_expense"))) > 0)


@per_view
def debt(view: View, lag: int = 0) -> Floats:
    """Long-term plus short-term debt.

    A missing short-term debt counts as zero beside a known long-term one. A missing long-term debt counts as zero only
    where total and current liabilities are there and no debt has been seen for eight quarters; otherwise it is missing.
    """
    long_term, short_term = latest(view, "long_term_debt", lag), latest(view, "short_term_debt", lag)
    total = long_term + or_zero(short_term)
    classified = ~np.isnan(latest(view, "liabilities", lag)) & ~np.isnan(latest(view, "current_liabilities", lag))
    if not (np.isnan(total) & classified).any():
        return total
    return np.where(np.isnan(total) & classified & ~debt_seen(view), 0.0, total)


@per_view
def net_debt(view: View) -> Floats:
    """Debt less cash and short-term investments; within 0.5 % of assets of zero it counts as zero."""
    net = debt(view) - latest(view, "cash_and_short_term_investments")
    return np.where(np.abs(net) < 0.005 * assets(view), 0.0, net)


@per_view
def working_capital(view: View, lag: int = 0) -> Floats:
    """Current assets less current liabilities; NaN for an unclassified balance sheet."""
    return latest(view, "current_assets", lag) - latest(view, "current_liabilities", lag)


@per_view
def tax_rate(view: View) -> Floats:
    """Income tax over pretax income, between 0 and 35 %; 21 % where pretax income is not positive."""
    tax, pretax = flows(view, "income_tax", "pretax_income")
    return np.where(
        pretax > 0, np.clip(tax / pretax, 0.0, HIGHEST_TAX_RATE), np.where(pretax <= 0, STATUTORY_TAX_RATE, np.nan)
    )


@per_view
def history(view: View, item: str, basis: Basis, periods: int) -> Floats:
    """The last `periods` figures of an item, newest first; shape (periods, n_assets)."""
    return np.vstack([view.item(item, basis, lag) for lag in range(periods)])


@per_view
def profit_before_research(view: View) -> tuple[Floats, Floats]:
    """Gross profit less selling, general and administrative costs, and research costs, over one period.

    Research costs that are missing count as zero; whether SG&A holds them is for the caller to say.
    """
    gross, selling = flows(view, "gross_profit", "selling_general_administrative")
    return gross - selling, or_zero(ttm(view, "research_and_development"))


@per_view
def operating_working_capital(view: View, lag: int = 0) -> Floats:
    """Current assets less current liabilities, without cash and without short-term debt (AFP 2019)."""
    cash, due = latest(view, "cash_and_short_term_investments", lag), latest(view, "short_term_debt", lag)
    return working_capital(view, lag) - cash + or_zero(due)
