"""Metrics of real companies, worked out by hand from the figures printed in their annual reports, USD m.

Each company is looked at some days after its report came out. The sample keeps debt with its current part in
`long_term_debt` where the filer tags it so; `cash` is cash and equivalents alone for those companies.
"""

from __future__ import annotations

from math import log

import numpy as np
import pytest

import market
from screens.metrics import REGISTRY

# 10-K of 2023-11-03, fiscal year to 2023-09-30, and the year before.
APPLE = {
    "revenue": (383_285, 394_328), "cost": 214_137, "research": 29_915, "sga": 24_932, "operating": 114_301,
    "net": (96_995, 99_803), "assets": (352_583, 352_755), "liabilities": 290_437, "equity": (62_146, 50_672),
    "cfo": 110_543, "capex": (10_959, 10_708), "debt": (95_281 + 9_822, 98_959 + 11_128), "cash": 29_965,
    "tax": 16_741, "pretax": 113_736, "cash_before": 23_646,
}  # fmt: skip
# 10-K of 2024-02-21, fiscal year to 2024-01-28.
NVIDIA = {
    "revenue": (60_922, 26_974), "cost": 16_621, "research": 8_675, "sga": 2_654, "operating": 32_972,
    "net": (29_760, 4_368), "assets": (65_728, 41_182), "liabilities": 22_750, "equity": (42_978, 22_101),
    "cfo": 28_090, "capex": (1_069, 1_833), "debt": (8_459 + 1_250, 9_703 + 1_250), "cash": 7_280,
}  # fmt: skip
# 10-K of 2024-01-26, fiscal year to 2023-11-30.
CARNIVAL = {
    "revenue": (21_593, 12_168), "operating": 1_956, "net": (-74, -6_093), "assets": (49_120, 51_703),
    "liabilities": 42_238, "equity": (6_882, 7_065), "cfo": 4_281, "capex": (3_284, 4_940), "debt": (31_339, 35_615),
    "cash": 2_415,
}  # fmt: skip
# 10-K of 2024-01-31, fiscal year to 2023-12-31.
BOEING = {
    "revenue": (77_794, 66_608), "operating": -773, "net": (-2_222, -4_935), "assets": (137_012, 137_100),
    "equity": (-17_233, -15_883), "cfo": 5_960, "capex": (1_527, 1_222), "debt": (52_055, 56_794), "cash": 12_691,
    "cost": 70_070,
}  # fmt: skip
# 10-K of 2025-01-31, fiscal year to 2024-12-28.
INTEL = {
    "revenue": (53_101, 54_228), "cost": 35_756, "operating": -11_678, "net": (-18_756, 1_689),
    "assets": (196_485, 191_572), "equity": (99_270, 105_590), "cfo": 8_288, "capex": (23_944, 25_750),
    "debt": (50_011, 49_266), "cash": 8_249,
}  # fmt: skip
# 10-K of 2024-02-20, fiscal year to 2023-12-31.
COCA_COLA = {
    "revenue": (45_754, 43_004), "cost": 18_520, "sga": 13_972, "operating": 11_311, "net": (10_714, 9_542),
    "assets": (97_703, 92_763), "equity": (25_941, 24_105), "cfo": 11_599, "capex": (1_852, 1_484),
}  # fmt: skip


def mean(pair: tuple[float, float]) -> float:
    return sum(pair) / 2


BY_HAND = {
    ("AAPL", "2023-11-10"): {
        "gross_margin": (383_285 - 214_137) / 383_285,
        "gross_profit_assets": (383_285 - 214_137) / 352_583,
        "operating_margin": 114_301 / 383_285,
        "net_margin": 96_995 / 383_285,
        "roa": 96_995 / mean(APPLE["assets"]),
        "roe": 96_995 / mean(APPLE["equity"]),
        "asset_turnover": 383_285 / mean(APPLE["assets"]),
        "liabilities_assets": 290_437 / 352_583,
        "debt_assets": 105_103 / 352_583,
        "debt_equity": 105_103 / 62_146,
        "net_debt_assets": (105_103 - 29_965) / 352_583,
        "net_debt_operating_income": (105_103 - 29_965) / 114_301,
        "cash_flow_debt": 110_543 / 105_103,
        "fcf_margin": (110_543 - 10_959) / 383_285,
        "fcf_assets": (110_543 - 10_959) / 352_583,
        "accruals": (96_995 - 110_543) / mean(APPLE["assets"]),
        "revenue_growth": 383_285 / 394_328 - 1,
        "asset_growth": 352_583 / 352_755 - 1,
        "capex_intensity": 10_959 / 383_285,
        "capex_growth": 10_959 / 10_708 - 1,
        "funding_gap": (10_959 - 110_543) / 352_583,
        "debt_funded_capex": (105_103 - 110_087) / 10_959,
        # after tax at the rate paid, over the mean of capital now and a year ago
        "roic": 114_301 * (1 - 16_741 / 113_736) / mean((105_103 + 62_146 - 29_965, 110_087 + 50_672 - 23_646)),
    },
    ("NVDA", "2024-03-01"): {
        "gross_margin": (60_922 - 16_621) / 60_922,
        "roa": 29_760 / mean(NVIDIA["assets"]),
        "roe": 29_760 / mean(NVIDIA["equity"]),
        "revenue_growth": 60_922 / 26_974 - 1,
        "asset_growth": 65_728 / 41_182 - 1,
        "capex_growth": 1_069 / 1_833 - 1,
        "income_growth": (29_760 - 4_368) / 41_182,
        "liabilities_assets": 22_750 / 65_728,
        "debt_equity": 9_709 / 42_978,
        "net_debt_operating_income": (9_709 - 7_280) / 32_972,
        "cash_flow_assets": 28_090 / mean(NVIDIA["assets"]),
        "loss_share": 0.0,
    },
    ("CCL", "2024-02-05"): {
        "roa": -74 / mean(CARNIVAL["assets"]),
        "roe": -74 / mean(CARNIVAL["equity"]),
        "operating_margin": 1_956 / 21_593,
        "net_debt_operating_income": (31_339 - 2_415) / 1_956,
        "debt_equity": 31_339 / 6_882,
        "liabilities_assets": 42_238 / 49_120,
        "fcf_margin": (4_281 - 3_284) / 21_593,
        "revenue_growth": 21_593 / 12_168 - 1,
        "income_growth": (-74 + 6_093) / 51_703,
        "loss_share": 4 / 5,  # 2020 to 2023
    },
    ("BA", "2024-02-05"): {
        "roa": -2_222 / mean(BOEING["assets"]),
        "operating_margin": -773 / 77_794,
        "debt_assets": 52_055 / 137_012,
        "net_debt_assets": (52_055 - 12_691) / 137_012,
        "fcf_assets": (5_960 - 1_527) / 137_012,
        "accruals": (-2_222 - 5_960) / mean(BOEING["assets"]),
        "loss_share": 1.0,  # 2019 to 2023
        "asset_growth": 137_012 / 137_100 - 1,
    },
    ("INTC", "2025-02-10"): {
        "gross_margin": (53_101 - 35_756) / 53_101,
        "operating_margin": -11_678 / 53_101,
        "roe": -18_756 / mean(INTEL["equity"]),
        "funding_gap": (23_944 - 8_288) / 196_485,
        "capex_intensity": 23_944 / 53_101,
        "debt_funded_capex": (50_011 - 49_266) / 23_944,
        "cash_runway": 8_249 / ((23_944 - 8_288) / 12),
        "loss_share": 1 / 5,
    },
    ("KO", "2024-02-26"): {
        "gross_profit_assets": (45_754 - 18_520) / 97_703,
        "net_margin": 10_714 / 45_754,
        "roe": 10_714 / mean(COCA_COLA["equity"]),
        "cash_flow_assets": 11_599 / mean(COCA_COLA["assets"]),
        "revenue_growth": 45_754 / 43_004 - 1,
    },
}
CASES = [(ticker, day, metric) for (ticker, day), figures in BY_HAND.items() for metric in figures]


@pytest.fixture(scope="module")
def data():
    return market.open("sample")


@pytest.mark.parametrize(("ticker", "day", "metric"), CASES, ids=["-".join(case) for case in CASES])
def test_as_printed(data, ticker: str, day: str, metric: str) -> None:
    view = data.as_of(day)
    found = REGISTRY[metric](view).value[list(view.tickers).index(ticker)]
    assert found == pytest.approx(BY_HAND[ticker, day][metric], rel=1e-6, abs=1e-12)


def test_enough_metrics_are_checked_by_hand() -> None:
    assert len({metric for _, _, metric in CASES}) >= 25


def test_negative_equity_and_losses_have_reasons_and_no_quotients(data) -> None:
    view = data.as_of("2024-02-05")
    boeing = list(view.tickers).index("BA")
    for metric, reason in (
        ("roe", "neg_equity_loss"),
        ("debt_equity", "neg_equity"),
        ("net_debt_operating_income", "neg_operating_income"),
    ):
        values = REGISTRY[metric](view)
        assert np.isnan(values.value[boeing])
        assert (values.tier[boeing], values.reason[boeing]) == (2, reason)
        worst = values.badness(REGISTRY[metric].direction)
        assert worst[boeing] > np.nanquantile(worst, 0.9)


def test_naive_distance_to_default_of_intel_from_its_parts(data) -> None:
    """Bharath and Shumway (2008), equations 12 to 15, from Intel's debt, its cap and a year of its returns."""
    view = data.as_of("2025-02-10")
    intel = list(view.tickers).index("INTC")
    returns = view.returns(252)[:, intel]
    cap, face = view.market_cap()[intel], 0.5 * 50_011e6  # all debt is tagged long-term here
    sigma_equity = returns.std(ddof=1) * np.sqrt(252)
    sigma_debt = 0.05 + 0.25 * sigma_equity
    sigma = cap / (cap + face) * sigma_equity + face / (cap + face) * sigma_debt
    drift = np.prod(1 + returns) - 1
    expected = (log((cap + face) / face) + drift - 0.5 * sigma**2) / sigma
    assert REGISTRY["naive_distance_to_default"](view).value[intel] == pytest.approx(expected, rel=1e-9)
