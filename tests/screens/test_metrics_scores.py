"""Distress and quality scores against their formulas, typed again from the papers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import fsolve
from scipy.stats import norm

from screens.metrics import REGISTRY
from screens.metrics.structural import asset_value

NAN = np.nan


def value(name: str, view: object, **params: object) -> np.ndarray:
    return REGISTRY[name](view, **params).value


# A manufacturer in m USD, and a services company with an accumulated deficit and negative book equity.
BALANCE = {
    "assets": [2000.0, 800.0],
    "current_assets": [800.0, 200.0],
    "current_liabilities": [500.0, 300.0],
    "retained_earnings": [400.0, -350.0],
    "operating_income": [240.0, -40.0],
    "revenue": [2400.0, 600.0],
    "liabilities": [1200.0, 900.0],
    "equity": [800.0, -100.0],
    "net_income": [150.0, -90.0],
    ("net_income", "ttm", 4): [120.0, -30.0],
    "cash_from_operations": [260.0, -20.0],
}
CAPS = np.array([1800.0, 150.0])


@pytest.fixture
def pair(planted):
    return planted(2, BALANCE, market_cap=CAPS, industry=["Steel", "Restaurants"])


def test_altman_z_and_its_two_relatives(pair):
    # X1 = .15, -.125; X2 = .2, -.4375; X3 = .12, -.05; ME/TL = 1.5, .1667; BE/TL = .6667, -.1111; S/TA = 1.2, .75
    z = [
        1.2 * 0.15 + 1.4 * 0.2 + 3.3 * 0.12 + 0.6 * 1.5 + 1.2,
        1.2 * -0.125 + 1.4 * -0.4375 + 3.3 * -0.05 + 0.6 / 6 + 0.75,
    ]
    np.testing.assert_allclose(value("altman_z", pair), z)
    assert z[0] == pytest.approx(2.956)
    private = [
        0.717 * 0.15 + 0.847 * 0.2 + 3.107 * 0.12 + 0.42 * 2 / 3 + 0.998 * 1.2,
        0.717 * -0.125 + 0.847 * -0.4375 + 3.107 * -0.05 + 0.42 * -1 / 9 + 0.998 * 0.75,
    ]
    np.testing.assert_allclose(value("altman_z_private", pair), private)
    double_prime = [
        6.56 * 0.15 + 3.26 * 0.2 + 6.72 * 0.12 + 1.05 * 2 / 3,
        6.56 * -0.125 + 3.26 * -0.4375 + 6.72 * -0.05 + 1.05 * -1 / 9,
    ]
    np.testing.assert_allclose(value("altman_z_double_prime", pair), double_prime)
    # grey by Z (1.81 < 2.956 < 2.99) for the manufacturer, distressed by Z'' for the other
    np.testing.assert_array_equal(value("altman_zone", pair), [1, 2])


def test_altman_without_liabilities_caps_equity_over_them_at_ten(planted):
    items = BALANCE | {"liabilities": [0.0, 0.0]}
    with_cap = value("altman_z", planted(2, items, market_cap=CAPS))
    np.testing.assert_allclose(with_cap[0], 1.2 * 0.15 + 1.4 * 0.2 + 3.3 * 0.12 + 0.6 * 10 + 1.2)


def test_altman_leaves_out_utilities_and_financials(planted):
    view = planted(2, BALANCE, market_cap=CAPS, sector=["Utilities", "Financials"])
    assert np.isnan(value("altman_z", view)).all()
    assert np.isfinite(value("altman_z", view, all_sectors=True)).all()


def test_ohlson_o(pair):
    def o(ta, tl, wc, cl, ca, ni, before, cfo, index):
        size = math.log(ta / index)
        oeneg = 1 if tl > ta else 0
        intwo = 1 if ni < 0 and before < 0 else 0
        chin = (ni - before) / (abs(ni) + abs(before))
        return (
            -1.32 - 0.407 * size + 6.03 * tl / ta - 1.43 * wc / ta + 0.0757 * cl / ca - 1.72 * oeneg
            - 2.37 * ni / ta - 1.83 * cfo / tl + 0.285 * intwo - 0.521 * chin
        )  # fmt: skip

    expected = [
        o(2000, 1200, 300, 500, 800, 150, 120, 260, 660),
        o(800, 900, -100, 300, 200, -90, -30, -20, 660),
    ]
    np.testing.assert_allclose(value("ohlson_o", pair), expected)
    # the unit trap: another price index moves every name by the same amount
    moved = value("ohlson_o", pair, price_index=100.0)
    np.testing.assert_allclose(moved - np.array(expected), -0.407 * math.log(6.6))


def test_ohlson_two_losses_means_both_years_negative(planted):
    """Public code sums the two years, or counts two profits; both are wrong."""
    items = {key: [v[0]] * 3 for key, v in BALANCE.items()}
    items |= {"net_income": [-100, 100, -100], ("net_income", "ttm", 4): [-100, 100, 300]}
    o = value("ohlson_o", planted(3, items))
    ta = 2000
    chin = np.array([0.0, 0.0, -1.0])
    rest = o + 2.37 * np.array([-100, 100, -100]) / ta + 0.521 * chin
    np.testing.assert_allclose(rest - rest[1], [0.285, 0, 0], atol=1e-12)


def lagged(item: str, basis: str, now: float, then: float, lag: int = 4) -> dict:
    return {item: [now], (item, basis, lag): [then]}


def test_piotroski_nine_points_and_scaled_eight(planted):
    good = {
        "net_income": [100], ("net_income", "ttm", 4): [60],
        "cash_from_operations": [150],
        "assets": [1100], ("assets", "latest", 4): [1000], ("assets", "latest", 8): [1000],
        "long_term_debt": [180], ("long_term_debt", "latest", 4): [200],
        "current_assets": [400], ("current_assets", "latest", 4): [300],
        "current_liabilities": [200], ("current_liabilities", "latest", 4): [200],
        "shares_outstanding": [99], ("shares_outstanding", "latest", 4): [100],
        "gross_profit": [450], ("gross_profit", "ttm", 4): [350],
        "revenue": [1100], ("revenue", "ttm", 4): [900],
    }  # fmt: skip
    assert value("piotroski_f", planted(1, good))[0] == 9
    # a fall of the margin costs a point; an unknown current ratio leaves 7 of 8, scaled to nine
    worse = good | {"gross_profit": [400]}
    assert value("piotroski_f", planted(1, worse))[0] == 8
    unknown = {k: v for k, v in worse.items() if "current_assets" not in k}
    assert value("piotroski_f", planted(1, unknown))[0] == pytest.approx(7 * 9 / 8)
    two_unknown = {k: v for k, v in unknown.items() if "long_term_debt" not in k}
    result = REGISTRY["piotroski_f"](planted(1, two_unknown))
    assert np.isnan(result.value[0])
    assert result.reason[0] == "too_few_signs"


def test_piotroski_debt_is_a_ratio_not_an_amount(planted):
    """Debt up 5 % on assets up 50 %: leverage fell."""
    from screens.metrics.statement_scores import piotroski_signs

    items = {
        "assets": [1500], ("assets", "latest", 4): [1000], ("assets", "latest", 8): [1000],
        "long_term_debt": [210], ("long_term_debt", "latest", 4): [200],
    }  # fmt: skip
    assert piotroski_signs(planted(1, items))[4, 0] == 1


def test_beneish_m(planted):
    items = {
        "receivables": [150], ("receivables", "latest", 4): [100],
        "revenue": [1200], ("revenue", "ttm", 4): [1000],
        "gross_profit": [420], ("gross_profit", "ttm", 4): [400],
        "current_assets": [500], ("current_assets", "latest", 4): [400],
        "property_plant_equipment": [600], ("property_plant_equipment", "latest", 4): [550],
        "assets": [1400], ("assets", "latest", 4): [1200],
        "depreciation_amortization": [60], ("depreciation_amortization", "ttm", 4): [70],
        "selling_general_administrative": [200], ("selling_general_administrative", "ttm", 4): [180],
        "net_income": [90],
        "cash_from_operations": [40],
        "current_liabilities": [300], ("current_liabilities", "latest", 4): [240],
        "long_term_debt": [350], ("long_term_debt", "latest", 4): [300],
    }  # fmt: skip
    dsri = (150 / 1200) / (100 / 1000)
    gmi = (400 / 1000) / (420 / 1200)
    aqi = (1 - (500 + 600) / 1400) / (1 - (400 + 550) / 1200)
    sgi = 1.2
    depi = (70 / (550 + 70)) / (60 / (600 + 60))
    sgai = (200 / 1200) / (180 / 1000)
    lvgi = ((300 + 350) / 1400) / ((240 + 300) / 1200)
    tata = (90 - 40) / 1400
    m = -4.84 + 0.920 * dsri + 0.528 * gmi + 0.404 * aqi + 0.892 * sgi + 0.115 * depi
    m += -0.172 * sgai + 4.679 * tata - 0.327 * lvgi
    assert value("beneish_m", planted(1, items))[0] == pytest.approx(m)
    # without plant: asset quality and depreciation indices are one
    bare = {k: v for k, v in items.items() if "property" not in str(k)}
    neutral = m - 0.404 * (aqi - 1) - 0.115 * (depi - 1)
    assert value("beneish_m", planted(1, bare))[0] == pytest.approx(neutral)


def test_naive_distance_to_default(planted):
    rng = np.random.default_rng(3)
    returns = rng.normal(0.0003, 0.02, (252, 2))
    view = planted(
        2,
        {
            "long_term_debt": [400, 0],
            "short_term_debt": [100, NAN],
            "liabilities": [900, 900],
            "current_liabilities": [300, 300],
        },
        returns=returns,
        market_cap=[1000.0, 1000.0],
    )
    sigma = returns[:, 0].std(ddof=1) * math.sqrt(252)
    mu = np.prod(1 + returns[:, 0]) - 1
    e, f = 1000.0, 100 + 400 / 2
    sv = e / (e + f) * sigma + f / (e + f) * (0.05 + 0.25 * sigma)
    expected = (math.log((e + f) / f) + mu - sv**2 / 2) / sv
    values = REGISTRY["naive_distance_to_default"](view)
    assert values.value[0] == pytest.approx(expected)
    assert values.reason[1] == "no_debt"
    assert values.badness("lower_is_worse").tolist() == [2, 1]
    assert values.compare("<", 3, "lower_is_worse").tolist() == [expected < 3, False]


def test_merton_two_equations_against_a_general_solver():
    equity, volatility, face = np.array([100.0, 20.0, 300.0]), np.array([0.3, 0.8, 0.2]), np.array([50.0, 80.0, 10.0])
    rate = 0.04
    assets, sigma = asset_value(equity, volatility, face, rate)

    def equations(x, e, s, f):
        v, sv = x
        d1 = (math.log(v / f) + rate + sv**2 / 2) / sv
        return [
            v * norm.cdf(d1) - f * math.exp(-rate) * norm.cdf(d1 - sv) - e,
            norm.cdf(d1) * sv * v - s * e,
        ]

    for i in range(3):
        start = (equity[i] + face[i], volatility[i] * equity[i] / (equity[i] + face[i]))
        v, sv = fsolve(equations, start, args=(equity[i], volatility[i], face[i]), xtol=1e-12)
        assert assets[i] == pytest.approx(v, rel=1e-6)
        assert sigma[i] == pytest.approx(sv, rel=1e-6)


def test_merton_iterative_recovers_the_assets_it_was_made_from(planted):
    """Equity is the call on simulated assets with known volatility; the iteration must find that volatility again."""
    rng = np.random.default_rng(5)
    sigma, face, rate = 0.25, 60.0, 0.02
    assets = 100 * np.exp(np.cumsum(rng.normal(0.0002, sigma / math.sqrt(252), 252)))
    d1 = (np.log(assets / face) + rate + sigma**2 / 2) / sigma
    equity = assets * norm.cdf(d1) - face * math.exp(-rate) * norm.cdf(d1 - sigma)
    returns = np.concatenate([[NAN], equity[1:] / equity[:-1] - 1])[:, None]
    view = planted(
        1,
        {"long_term_debt": [0.0], "short_term_debt": [face]},
        returns=returns, closes=equity[:, None], market_cap=equity[-1:], rate=rate,
    )  # fmt: skip
    changes = np.diff(np.log(assets))
    sv = changes.std(ddof=1) * math.sqrt(252)
    expected = (math.log(assets[-1] / face) + changes.mean() * 252) / sv
    got = value("merton_distance_to_default", view, method="iterative")[0]
    assert got == pytest.approx(expected, rel=0.02)


def test_chs_failure_score_weights_and_constants(planted):
    """Two stocks, so that winsorising at 5/95 is the only thing done to the inputs; typed again by hand."""
    rng = np.random.default_rng(11)
    n, t = 40, 252
    returns = rng.normal(0, 0.02, (t, n))
    spy = rng.normal(0, 0.01, t)
    income = {("net_income", "quarter", lag): rng.normal(10, 30, n) for lag in range(4)}
    owed = {("liabilities", "latest", lag): rng.uniform(200, 900, n) for lag in range(4)}
    cap, cash, equity = rng.uniform(500, 5000, n), rng.uniform(10, 100, n), rng.normal(300, 300, n)
    close = rng.uniform(3, 40, n)
    view = planted(
        n,
        income | owed | {"cash_and_short_term_investments": cash, "equity": equity},
        returns=returns, funds={"SPY": spy}, market_cap=cap, close=close,
    )  # fmt: skip
    path = np.cumprod(1 + returns, axis=0)
    phi = 2 ** (-1 / 3)
    nimta = [
        income["net_income", "quarter", k] / (cap * path[-1 - 63 * k] / path[-1] + owed["liabilities", "latest", k])
        for k in range(4)
    ]
    nimtaavg = (1 - phi**3) / (1 - phi**12) * sum(phi ** (3 * k) * nimta[k] for k in range(4))
    exret = 0
    for k in range(12):
        block = slice(t - 21 * (k + 1), t - 21 * k)
        exret = exret + phi**k * np.log(np.prod(1 + returns[block], axis=0) / np.prod(1 + spy[block]))
    exretavg = (1 - phi) / (1 - phi**12) * exret
    mta = cap + owed["liabilities", "latest", 0]
    book = equity + 0.1 * (cap - equity)
    inputs = {
        -20.26: nimtaavg,
        1.42: owed["liabilities", "latest", 0] / mta,
        -7.13: exretavg,
        1.41: np.sqrt(252 / 62 * (returns[-63:] ** 2).sum(axis=0)),
        -0.045: np.log(cap / cap.sum()),
        -2.13: cash / mta,
        0.075: cap / np.where(book <= 0, 1, book),
        -0.058: np.log(np.minimum(close, 15)),
    }
    expected = -9.16 + sum(c * np.clip(x, *np.percentile(x, [5, 95])) for c, x in inputs.items())
    np.testing.assert_allclose(value("chs_failure", view), expected)


def test_dilution_is_split_adjusted(planted):
    """Tesla's cover pages: +408.6 % naive, +1.73 % after the five-for-one split of August 2020."""
    view = planted(
        1,
        {"shares_outstanding": [947_900_733], ("shares_outstanding", "latest", 4): [186_361_726]},
        session="2020-10-30",
        split=np.where(np.arange(1300)[:, None] == 1300 - 44, 5.0, 1.0),
    )
    view.ends["shares_outstanding", "latest"] = np.array(["2020-10-20"], dtype="datetime64[ns]")
    lagged_end = np.array(["2020-07-20"], dtype="datetime64[ns]")
    plain = view.item_period_end
    view.item_period_end = lambda name, basis=None, lag=0: lagged_end if lag else plain(name, basis, lag)
    growth = value("dilution", view)[0]
    assert math.exp(growth) - 1 == pytest.approx(0.0173, abs=5e-5)


def test_dilution_beyond_a_doubling_is_a_matter_of_basis(planted):
    items = {("shares_diluted", "year", 0): [25_000], ("shares_diluted", "year", 1): [2_500]}
    result = REGISTRY["dilution"](planted(1, items))
    assert np.isnan(result.value[0])
    assert result.reason[0] == "share_basis"


def test_flows_of_different_periods_are_not_mixed(planted):
    """Twelve months of cash flow to March less a fiscal year's capital expenditure to December means nothing."""
    view = planted(
        2,
        {
            ("cash_from_operations", "ttm", 0): [120, 120],
            ("capital_expenditure", "ttm", 0): [50, 50],
            ("cash_from_operations", "year", 0): [100, NAN],
            ("capital_expenditure", "year", 0): [50, 50],
            "assets": [1000, 1000],
        },
    )
    view.ends["capital_expenditure", "ttm"] = np.full(2, np.datetime64("2023-12-31", "ns"))
    np.testing.assert_allclose(value("fcf_assets", view), [0.05, NAN])


def test_loss_share_and_earnings_variability(planted):
    income = {("net_income", "year", k): [v] for k, v in enumerate([-1.0, 2.0, -3.0, NAN, 4.0])}
    assert value("loss_share", planted(1, income))[0] == pytest.approx(0.5)
    few = {("net_income", "year", k): [v] for k, v in enumerate([-1.0, 2.0])}
    assert np.isnan(value("loss_share", planted(1, few))[0])
    rng = np.random.default_rng(2)
    quarters = rng.normal(5, 2, 24)
    items = {("net_income", "quarter", k): [quarters[k]] for k in range(24)} | {"assets": [400.0]}
    expected = np.std([quarters[k] - quarters[k + 4] for k in range(20)], ddof=1) / 400
    assert value("earnings_variability", planted(1, items))[0] == pytest.approx(expected)
