"""Bankruptcy scores from the statements: Altman's Z in three versions and Ohlson's O.

1. Flows cover twelve months, balances are the latest known; constants as published, ratios in decimals.
2. Financials, real estate and utilities are left out, as in Dichev (1998); `all_sectors: true` lets them in.
3. A score is unknown where an input is: nothing is imputed. Liabilities of zero cap equity / liabilities at 10.
4. Z fits manufacturers, Z'' everybody else; `altman_zone` takes the one that fits and says safe, grey or distressed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from screens.metrics import derived
from screens.metrics.tier_rule import Floats, plain
from screens.per_view import per_view
from screens.registry import NOT_REGULATED, Values, metric

if TYPE_CHECKING:
    from market.view import View

HIGHEST_EQUITY_LIABILITIES = 10.0
Z_CUTS, Z_PRIVATE_CUTS, Z_DOUBLE_PRIME_CUTS = (1.81, 2.99), (1.23, 2.90), (1.10, 2.60)
BALANCES = ("current_assets", "current_liabilities", "retained_earnings", "operating_income", "assets", "liabilities")
# GICS sub-industries that make things (SIC 2000-3999), by a word of their name; SIC numbers are not in every store.
MANUFACTURING_WORDS = (
    "Aerospace",
    "Apparel, Accessories",
    "Automobile",
    "Auto Parts",
    "Automotive Parts",
    "Biotechnology",
    "Brewers",
    "Building Products",
    "Chemicals",
    "Communications Equipment",
    "Construction Machinery",
    "Construction Materials",
    "Consumer Electronics",
    "Containers",
    "Distillers",
    "Electrical Components",
    "Electronic",
    "Equipment",
    "Farm Machinery",
    "Footwear",
    "Health Care Supplies",
    "Heavy Electrical",
    "Home Furnishings",
    "Household",
    "Industrial Gases",
    "Industrial Machinery",
    "Leisure Products",
    "Life Sciences Tools",
    "Motorcycle",
    "Packaged Foods",
    "Packaging",
    "Paper",
    "Agricultural Products",
    "Refining",
    "Personal Care",
    "Pharmaceuticals",
    "Semiconductor",
    "Soft Drinks",
    "Steel",
    "Technology Hardware",
    "Tires",
    "Tobacco",
)
NOT_MAKING_WORDS = ("Retail", "Services & Supplies", "Oil & Gas Equipment")


@per_view
def altman_ratios(view: View) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Working capital, retained earnings, EBIT and sales over assets; market and book equity over liabilities."""
    assets, owed = derived.assets(view), derived.latest(view, "liabilities")
    return (
        derived.working_capital(view) / assets,
        derived.latest(view, "retained_earnings") / assets,
        derived.ebit(view) / assets,
        derived.ttm(view, "revenue") / assets,
        _over_liabilities(view.market_cap(), owed),
        _over_liabilities(derived.latest(view, "equity"), owed),
    )


def _over_liabilities(equity: Floats, liabilities: Floats) -> Floats:
    ratio = np.where(liabilities > 0, equity / liabilities, np.nan)
    return np.where((liabilities == 0) & ~np.isnan(equity), HIGHEST_EQUITY_LIABILITIES, ratio)


@metric(
    family="distress",
    unit="score",
    direction="lower_is_worse",
    formula="1.2 WC/TA + 1.4 RE/TA + 3.3 EBIT/TA + 0.6 market cap/TL + 1.0 sales/TA; < 1.81 distress, > 2.99 safe",
    source="Altman (1968), J. Finance 23(4), constants as restated by Altman (2000)",
    needs=(*BALANCES, "revenue", "table:market_cap"),
    excludes=NOT_REGULATED,
)
def altman_z(view: View) -> Values:
    working, retained, earnings, sales, market, _ = altman_ratios(view)
    return plain(1.2 * working + 1.4 * retained + 3.3 * earnings + 0.6 * market + 1.0 * sales)


@metric(
    family="distress",
    unit="score",
    direction="lower_is_worse",
    formula="0.717 WC/TA + 0.847 RE/TA + 3.107 EBIT/TA + 0.420 equity/TL + 0.998 sales/TA; < 1.23 distress, > 2.9 safe",
    source="Altman (2000), Z' for private firms",
    needs=(*BALANCES, "revenue", "equity"),
    excludes=NOT_REGULATED,
)
def altman_z_private(view: View) -> Values:
    working, retained, earnings, sales, _, book = altman_ratios(view)
    return plain(0.717 * working + 0.847 * retained + 3.107 * earnings + 0.420 * book + 0.998 * sales)


@metric(
    family="distress",
    unit="score",
    direction="lower_is_worse",
    formula="6.56 WC/TA + 3.26 RE/TA + 6.72 EBIT/TA + 1.05 equity/TL; < 1.10 distress, > 2.60 safe",
    source="Altman (2000), Z'' for non-manufacturers",
    needs=(*BALANCES, "equity"),
    excludes=NOT_REGULATED,
)
def altman_z_double_prime(view: View) -> Values:
    working, retained, earnings, _, _, book = altman_ratios(view)
    return plain(6.56 * working + 3.26 * retained + 6.72 * earnings + 1.05 * book)


@per_view
def is_manufacturer(view: View) -> np.ndarray:
    """Whether a name's GICS sub-industry makes things; shape (n_assets,)."""
    industries = view.industry()
    made = {
        name: any(word in name for word in MANUFACTURING_WORDS) and not any(word in name for word in NOT_MAKING_WORDS)
        for name in set(industries.tolist())
    }
    return np.array([made[name] for name in industries], dtype=bool)


@metric(
    family="distress",
    unit="zone (0 safe, 1 grey, 2 distress)",
    direction="higher_is_worse",
    formula="zone of Z for manufacturers and of Z'' for all others",
    source="Altman (2000)",
    needs=(*BALANCES, "revenue", "equity", "table:market_cap"),
    excludes=NOT_REGULATED,
)
def altman_zone(view: View) -> Values:
    z, z2 = altman_z(view).value, altman_z_double_prime(view).value
    zones = []
    for score, (low, high) in ((z, Z_CUTS), (z2, Z_DOUBLE_PRIME_CUTS)):
        zones.append(np.where(np.isnan(score), np.nan, (score < high).astype(float) + (score < low)))
    return plain(np.where(is_manufacturer(view), zones[0], zones[1]))


@metric(
    family="distress",
    unit="log odds",
    direction="higher_is_worse",
    formula=(
        "-1.32 - 0.407 ln(TA/price index) + 6.03 TL/TA - 1.43 WC/TA + 0.0757 CL/CA - 1.72 [TL > TA] - 2.37 NI/TA"
        " - 1.83 CFO/TL + 0.285 [NI < 0 in both years] - 0.521 (NI - NI_1)/(|NI| + |NI_1|)"
    ),
    source="Ohlson (1980), J. Accounting Research 18(1), Model 1",
    needs=(
        "assets",
        "liabilities",
        "current_assets",
        "current_liabilities",
        "net_income",
        "cash_from_operations",
    ),
    excludes=NOT_REGULATED,
    bounds={"price_index": (1.0, None)},
)
def ohlson_o(view: View, *, price_index: float = 660.0) -> Values:
    """The probability of failure is 1 / (1 + exp(-O)).

    price_index: GNP deflator with 1968 = 100 (about 510 in 2012, 660 in 2023). It moves every name by the same amount,
    so ranks need no exact figure; probabilities do.
    """
    assets, owed = derived.assets(view), derived.latest(view, "liabilities")
    income, before = derived.ttm(view, "net_income"), derived.ttm(view, "net_income", 4)
    swing = np.abs(income) + np.abs(before)
    change = np.where(swing == 0, 0.0, (income - before) / swing)
    lost_twice = np.where(np.isnan(income + before), np.nan, (income < 0) & (before < 0))
    return plain(
        -1.32
        - 0.407 * np.log(assets / price_index)
        + 6.03 * owed / assets
        - 1.43 * derived.working_capital(view) / assets
        + 0.0757 * derived.latest(view, "current_liabilities") / derived.latest(view, "current_assets")
        - 1.72 * (owed > assets)
        - 2.37 * income / assets
        - 1.83 * derived.ttm(view, "cash_from_operations") / owed
        + 0.285 * lost_twice
        - 0.521 * change
    )
