"""The tier rule: a denominator that turns negative ranks worst, never best."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from screens.metrics import REGISTRY
from screens.registry import BEST, NORMAL, UNKNOWN, WORST, Values

NAN = np.nan


def badness_ranks(name: str, view: object) -> list[float]:
    entry = REGISTRY[name]
    bad = entry(view).badness(entry.direction)
    return rankdata(bad, method="average").tolist()


@pytest.fixture
def debtors(planted):
    """The seven companies of the domain's hand-made fixture: (net debt, EBITDA), total assets 1000."""
    net = np.array([-100.0, -100, 100, 500, 500, 100, 600])
    ebitda = np.array([50.0, -50, 100, 100, 1, -10, -200])
    return planted(
        7,
        {
            "assets": np.full(7, 1000.0),
            "long_term_debt": np.maximum(net, 0.0) + 50,
            "cash_and_short_term_investments": np.maximum(-net, 0.0) + 50,
            "operating_income": ebitda - 20,
            "depreciation_amortization": np.full(7, 20.0),
        },
    )


def test_net_debt_to_ebitda_ranks_the_seven_companies(debtors):
    assert badness_ranks("net_debt_ebitda", debtors) == [1.5, 1.5, 3, 4, 5, 6, 7]


def test_net_debt_to_ebitda_reports_reasons_not_quotients_in_the_outer_tiers(debtors):
    values = REGISTRY["net_debt_ebitda"](debtors)
    assert values.tier.tolist() == [BEST, BEST, NORMAL, NORMAL, NORMAL, WORST, WORST]
    assert values.reason.tolist() == ["net_cash", "net_cash", "", "", "", "neg_ebitda", "neg_ebitda"]
    # E: 500x is real and ranks as such, but 50x is displayed
    np.testing.assert_array_equal(values.value, [NAN, NAN, 1.0, 5.0, 50.0, NAN, NAN])


def test_threshold_on_net_debt_to_ebitda_follows_the_tiers(debtors):
    values = REGISTRY["net_debt_ebitda"](debtors)
    above = values.compare(">", 4, "higher_is_worse")
    assert above.tolist() == [False, False, False, True, True, True, True]
    below = values.compare("<=", 4, "higher_is_worse")
    assert below.tolist() == [True, True, True, False, False, False, False]


def test_net_debt_within_half_a_percent_of_assets_counts_as_none(planted):
    view = planted(
        2,
        {
            "assets": [1000, 1000],
            "long_term_debt": [104, 106],
            "cash_and_short_term_investments": [100, 100],
            "operating_income": [-10, -10],
        },
    )
    assert REGISTRY["net_debt_operating_income"](view).tier.tolist() == [BEST, WORST]


@pytest.fixture
def interest_payers(planted):
    """EBIT and interest of the domain's coverage fixture; the last company has neither debt nor interest."""
    return planted(
        5,
        {
            "assets": np.full(5, 1000.0),
            "operating_income": [100, 10, -5, -50, 30],
            "interest_expense": [10, 10, 10, 10, 0],
            "long_term_debt": [200, 200, 200, 200, 0],
        },
    )


def test_interest_coverage_ranks_and_thresholds(interest_payers):
    assert badness_ranks("interest_coverage", interest_payers) == [2, 3, 4, 5, 1]
    values = REGISTRY["interest_coverage"](interest_payers)
    np.testing.assert_array_equal(values.value, [10.0, 1.0, NAN, NAN, NAN])
    thin = values.compare("<", 2, "lower_is_worse")
    assert thin.tolist() == [False, True, True, True, False]
    assert values.compare(">=", 2, "lower_is_worse").tolist() == [True, False, False, False, True]


def test_interest_that_is_not_reported_beside_debt_stays_unknown(planted):
    view = planted(
        3,
        {
            "assets": [1000, 1000, 1000],
            "operating_income": [50, 50, 50],
            "interest_expense": [NAN, 0, NAN],
            "long_term_debt": [100, 100, 0],
        },
    )
    values = REGISTRY["interest_coverage"](view)
    assert values.tier.tolist() == [UNKNOWN, UNKNOWN, BEST]
    assert values.reason.tolist() == ["", "interest_not_reported", "no_interest"]


def test_negative_equity_ranks_worst_on_debt_to_equity(planted):
    view = planted(
        4,
        {"assets": [100] * 4, "equity": [50, 5, -5, -60], "long_term_debt": [20, 80, 10, 90]},
    )
    assert badness_ranks("debt_equity", view) == [1, 2, 3, 4]
    assert REGISTRY["debt_equity"](view).compare(">", 100, "higher_is_worse").tolist() == [False, False, True, True]


# net income and book equity in m USD of two companies of the Russell 3000 in 2015 (domain 1.4), and two sound ones
RUSSELL = {
    "net_income": [-95.7, -60.0, 12.0, 3.0],
    "equity": [-5.2, -4.9, 100.0, 100.0],
    "assets": [200.0, 150.0, 200.0, 200.0],
}


def test_loss_on_negative_equity_is_the_worst_return_on_equity(planted):
    assert badness_ranks("roe", planted(4, RUSSELL)) == [4, 3, 1, 2]


def test_the_raw_quotient_would_put_them_on_top(planted):
    """The mutation that the tier rule exists for: ROE of SGYP is +18.4, the best of all."""
    view = planted(4, RUSSELL)
    raw = view.item("net_income") / view.item("equity")
    mutated = rankdata(-raw, method="average").tolist()
    assert mutated[0] == 1
    assert mutated != badness_ranks("roe", view)


def test_profit_on_negative_or_thin_equity_says_nothing(planted):
    view = planted(3, {"net_income": [50, 50, 50], "equity": [-100, 40, 60], "assets": [1000, 1000, 1000]})
    values = REGISTRY["roe"](view)
    assert values.known().tolist() == [False, False, True]
    assert values.reason.tolist() == ["neg_equity_use_roa", "thin_equity_use_roa", ""]


def test_return_on_capital_with_capital_below_zero(planted):
    view = planted(
        3,
        {
            "operating_income": [10, -10, 10],
            "income_tax": [2, 0, 2],
            "pretax_income": [10, -10, 8],
            "equity": [10, 10, 50],
            "long_term_debt": [10, 10, 50],
            "cash_and_short_term_investments": [50, 50, 20],
            "assets": [100, 100, 100],
        },
    )
    values = REGISTRY["roic"](view)
    assert values.tier.tolist() == [UNKNOWN, WORST, NORMAL]
    assert values.value[2] == pytest.approx(10 * (1 - 2 / 8) / 80)


def test_tax_rate_is_bounded_and_statutory_after_a_loss(planted):
    from screens.metrics.derived import tax_rate

    view = planted(4, {"income_tax": [60, -10, 5, NAN], "pretax_income": [100, 100, -100, 100]})
    np.testing.assert_allclose(tax_rate(view), [0.35, 0.0, 0.21, NAN])


def test_loss_without_sales_has_the_worst_margin(planted):
    view = planted(
        3, {"operating_income": [-2e6, -200e6, 1e6], "revenue": [0.5e6, 400e6, 0.5e6], "assets": [50e6, 1e9, 50e6]}
    )
    values = REGISTRY["operating_margin"](view)
    assert values.tier.tolist() == [WORST, NORMAL, UNKNOWN]
    bad = values.badness("lower_is_worse")
    assert bad[0] > bad[1]


def test_missing_debt_is_missing_and_zero_only_by_the_rule(planted):
    from screens.metrics.derived import debt

    items = {
        "long_term_debt": [100, NAN, NAN, NAN, NAN],
        "short_term_debt": [NAN, 30, NAN, NAN, NAN],
        "liabilities": [500, 500, 500, 500, 500],
        "current_liabilities": [NAN, 100, NAN, 100, 100],
        ("long_term_debt", "latest", 5): [NAN, NAN, NAN, NAN, 40],
    }
    # known; a short-term part alone; no current liabilities; nothing seen for two years; seen five quarters ago
    np.testing.assert_array_equal(debt(planted(5, items)), [100, NAN, NAN, 0, NAN])


def test_debt_is_not_zero_where_interest_is_paid(planted):
    from screens.metrics.derived import debt

    items = {"liabilities": [500], "current_liabilities": [100], "interest_expense": [12]}
    assert np.isnan(debt(planted(1, items))[0])


def test_refinancing_wall_tiers(planted):
    view = planted(
        4,
        {
            "long_term_debt": [100] * 4,
            "short_term_debt": [0, 50, 50, 50],
            "cash_and_short_term_investments": [10, 20, 20, 0],
            "cash_from_operations": [5, 30, -40, -40],
            "capital_expenditure": [0, 0, 0, 0],
            "assets": [400] * 4,
        },
    )
    values = REGISTRY["refinancing_wall_12m"](view)
    assert values.tier.tolist() == [BEST, NORMAL, NORMAL, WORST]
    np.testing.assert_allclose(values.value[1:3], [50 / 50, 50 / 20])


def test_cash_runway_in_months(planted):
    view = planted(
        2,
        {
            "cash_and_short_term_investments": [60, 60],
            "cash_from_operations": [-100, 10],
            "capital_expenditure": [20, 0],
        },
    )
    values = REGISTRY["cash_runway"](view)
    assert values.value[0] == pytest.approx(6.0)
    assert values.tier.tolist() == [NORMAL, BEST]


def test_financials_and_real_estate_are_unknown_unless_asked_for(planted):
    view = planted(3, {"liabilities": [90] * 3, "assets": [100] * 3}, sector=["Financials", "Energy", "Real Estate"])
    values = REGISTRY["liabilities_assets"](view)
    np.testing.assert_array_equal(values.value, [NAN, 0.9, NAN])
    assert values.reason.tolist() == ["sector", "", "sector"]
    assert np.isfinite(REGISTRY["liabilities_assets"](view, all_sectors=True).value).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=2, max_size=12),
)
def test_losers_never_outrank_earners(pairs):
    """Whatever the numbers: with net debt, EBITDA <= 0 ranks behind every positive EBITDA."""
    from screens.metrics.leverage import _years_of

    net, earnings = (np.array(column) for column in zip(*pairs, strict=True))
    with np.errstate(all="ignore"):
        bad = _years_of(net, earnings, np.full(len(net), 1e3), "neg").badness("higher_is_worse")
    indebted = net > 0
    losers, earners = bad[indebted & (earnings <= 0)], bad[indebted & (earnings > 0)]
    if losers.size and earners.size:
        assert losers.min() > earners.max()
    if (net <= 0).any() and indebted.any():
        assert bad[net <= 0].max() < bad[indebted].min()


def test_badness_keeps_ties_and_order_across_tiers():
    values = Values(
        np.array([NAN, 2.0, 2.0, NAN, NAN]),
        np.array([0, 1, 1, 2, -1], dtype=np.int8),
        np.array([5.0, 2.0, 2.0, 0.1, NAN]),
    )
    np.testing.assert_array_equal(values.badness("higher_is_worse"), [1, 2.5, 2.5, 4, NAN])
