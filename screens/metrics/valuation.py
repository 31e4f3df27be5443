"""Valuation: controls, so that a screen can see whether it shorts what is merely dear or merely cheap.

1. Yields have the price in the denominator, which is positive, so their order survives losses.
2. Market cap is the company's in USD; flows cover twelve months.
3. All are neutral: neither cheap nor dear is weak. A screen says itself which side it wants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.metrics import derived
from screens.metrics.tier_rule import Floats, plain
from screens.per_view import per_view
from screens.registry import NOT_FINANCIAL, Values, metric

if TYPE_CHECKING:
    from market.view import View


@per_view
def price(view: View) -> Floats:
    """Market cap where positive."""
    cap = view.market_cap()
    return np.where(cap > 0, cap, np.nan)


@metric(
    family="valuation",
    unit="yield",
    direction="neutral",
    formula="net income / market cap",
    source="Basu (1977), J. Finance 32(3)",
    needs=("net_income", "table:market_cap"),
)
def earnings_yield(view: View) -> Values:
    return plain(derived.ttm(view, "net_income") / price(view))


@metric(
    family="valuation",
    unit="ratio",
    direction="neutral",
    formula="equity / market cap",
    source="Fama and French (1992), J. Finance 47(2)",
    needs=("equity", "table:market_cap"),
)
def book_to_market(view: View) -> Values:
    return plain(derived.latest(view, "equity") / price(view))


@metric(
    family="valuation",
    unit="yield",
    direction="neutral",
    formula="revenue / market cap",
    source="Barbee, Mukherji and Raines (1996), Financial Analysts J. 52(2)",
    needs=("revenue", "table:market_cap"),
)
def sales_yield(view: View) -> Values:
    return plain(derived.ttm(view, "revenue") / price(view))


@metric(
    family="valuation",
    unit="yield",
    direction="neutral",
    formula="(cash from operations - capital expenditure) / market cap",
    source="Lakonishok, Shleifer and Vishny (1994), J. Finance 49(5)",
    needs=("cash_from_operations", "capital_expenditure", "table:market_cap"),
    excludes=NOT_FINANCIAL,
)
def fcf_yield(view: View) -> Values:
    return plain(derived.fcf(view) / price(view))


@metric(
    family="valuation",
    unit="yield",
    direction="neutral",
    formula="EBIT / (market cap + debt - cash and short-term investments), where that is positive",
    source="Loughran and Wellman (2011), J. Financial and Quantitative Analysis 46(6), EBIT in place of EBITDA",
    needs=("operating_income", "long_term_debt", "short_term_debt", "table:market_cap"),
    excludes=NOT_FINANCIAL,
)
def ebit_enterprise_value(view: View) -> Values:
    value = price(view) + derived.net_debt(view)
    return plain(np.where(value > 0, derived.ebit(view) / value, np.nan), [(value <= 0, "neg_enterprise_value")])


@metric(
    family="valuation",
    unit="yield",
    direction="neutral",
    formula="(dividends + share repurchases - share issuance) / market cap; a missing part counts as zero",
    source="Boudoukh, Michaely, Richardson and Roberts (2007), J. Finance 62(2)",
    needs=("dividends_paid", "share_repurchases", "share_issuance", "table:market_cap"),
)
def payout_yield(view: View) -> Values:
    parts = [derived.ttm(view, item) for item in ("dividends_paid", "share_repurchases", "share_issuance")]
    paid, bought, issued = (derived.or_zero(part) for part in parts)
    unknown = np.logical_and.reduce([np.isnan(part) for part in parts])
    return plain(np.where(unknown, np.nan, (paid + bought - issued) / price(view)))


@metric(
    family="valuation",
    unit="log USD",
    direction="neutral",
    formula="ln(market cap)",
    source="Banz (1981), J. Financial Economics 9(1)",
    needs=("table:market_cap",),
)
def log_market_cap(view: View) -> Values:
    return plain(np.log(price(view)))
