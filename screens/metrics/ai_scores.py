"""Three scores of AI exposure, never one number: beneficiary, at risk, and fragile through its financing.

1. Each source becomes a standardised rank over the population; a score is the mean of the sources known for a name, at
   least half of those that the store has for anybody, plus one for a tag that says the same.
2. The score is then a percentile of the population; a name that fails the score's gate gets zero, with the reason.
3. Beneficiary: AI beta, text of Items 1 and 7, infrastructure text; tags hyperscaler, ai_semis, ai_infra. No gate.
4. At risk: language-model exposure of the industry, minus AI beta, risk share of the text, minus acceleration of sales;
   tag ai_disrupted. Gate: AI beta <= 0, unless tagged. Such names rise when the AI trade falls: they hedge it badly.
5. Financing-fragile: change of capex intensity, funding gap, debt-funded capex, net debt / EBITDA (or / operating
   income in a store without depreciation), interest coverage, and AI beta with a plus sign; tags neocloud, ai_financed.
   Gate: funding gap > 0, and text in the top quarter, or a tag, or t of the AI beta > 1.65.
6. `ai_disagreement` is the spread of the sources' ranks about one name: high where they tell different stories.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from screens.metrics import ai_funding, ai_sources, growth, leverage
from screens.metrics.ai_beta import ai_beta, ai_beta_t, members_or_stocks
from screens.metrics.cross_section import mean_known, percentile, rank_z
from screens.metrics.tier_rule import Floats, Mask, plain
from screens.per_view import per_view
from screens.registry import REGISTRY, Values, metric

if TYPE_CHECKING:
    from market.view import View

BENEFICIARY_TAGS = ("hyperscaler", "ai_semis", "ai_infra")
DISRUPTED_TAGS = ("ai_disrupted",)
FINANCED_TAGS = ("neocloud", "ai_financed")
T_GATE = 1.65
TEXT_GATE = 0.75
PATHS = ("basket", "tags")
NEEDS = ("table:prices", "table:rates", "table:tags", "table:filing_text")


@per_view
def _beta(view: View, factor: str, market: str, basket: str | None) -> tuple[Floats, Floats]:
    """Shrunk AI beta and its t-statistic."""
    beta = ai_beta(view, factor=factor, market=market, basket=basket).value
    return beta, ai_beta_t(view, factor=factor, market=market, basket=basket).value


def _score(parts: Sequence[Floats], bonus: Mask, population: Mask) -> tuple[Floats, Floats]:
    """Mean standardised rank plus the bonus, and its percentile over the population."""
    ranked = [rank_z(part, population) for part in parts]
    there = sum(bool(np.isfinite(part).any()) for part in ranked)
    mean = mean_known(ranked, fewest=max(1, -(-there // 2)))
    return mean + bonus, percentile(mean + bonus, population)


def _gated(share: Floats, gate: Mask, unknown: Mask) -> Values:
    value = np.where(unknown, np.nan, np.where(gate, share, np.where(np.isnan(share), np.nan, 0.0)))
    return plain(value, [(~gate & ~np.isnan(value), "outside_gate")])


def _badness(view: View, name: str) -> Floats:
    entry = REGISTRY[name]
    return entry(view).badness(entry.direction)


@metric(
    family="ai_exposure",
    unit="percentile",
    direction="neutral",
    formula="percentile of mean z(AI beta, text of Items 1 and 7, infrastructure text) + 1 if tagged as beneficiary",
    source="own definition; see ai_beta and ai_text_density",
    needs=NEEDS,
    paths=PATHS,
)
def ai_beneficiary(
    view: View,
    *,
    factor: str = "SMH",
    market: str = "SPY",
    basket: str | None = None,
    tags: str | None = None,
    index: str | None = "sp500",
) -> Values:
    """Use it to keep names out of a short basket, or to cap them."""
    population = members_or_stocks(view, index) & view.is_stock()
    beta, _ = _beta(view, factor, market, basket)
    parts = [beta, ai_sources.ai_text_density(view).value, ai_sources.ai_infrastructure_density(view).value]
    return plain(_score(parts, ai_sources.tagged(view, BENEFICIARY_TAGS, tags), population)[1])


@metric(
    family="ai_exposure",
    unit="percentile",
    direction="higher_is_worse",
    formula=(
        "percentile of mean z(LM-AIIE, -AI beta, risk share of text, -revenue acceleration) + 1 if ai_disrupted;"
        " 0 where AI beta > 0 without a tag"
    ),
    source="own definition; Felten, Raj and Seamans (2021) for the industry's exposure",
    needs=(*NEEDS, "revenue"),
    paths=PATHS,
)
def ai_at_risk(
    view: View,
    *,
    factor: str = "SMH",
    market: str = "SPY",
    basket: str | None = None,
    tags: str | None = None,
    index: str | None = "sp500",
) -> Values:
    population = members_or_stocks(view, index) & view.is_stock()
    beta, _ = _beta(view, factor, market, basket)
    marked = ai_sources.tagged(view, DISRUPTED_TAGS, tags)
    parts = [
        ai_sources.industry_exposure(view, "language_models"),
        -beta,
        ai_sources.ai_risk_share(view).value,
        -growth.revenue_acceleration(view).value,
    ]
    return _gated(_score(parts, marked, population)[1], (beta <= 0) | marked, np.isnan(beta) & ~marked)


@metric(
    family="ai_exposure",
    unit="percentile",
    direction="higher_is_worse",
    formula=(
        "percentile of mean z(capex intensity change, funding gap, debt-funded capex, net debt/EBITDA, -coverage,"
        " AI beta) + 1 if neocloud or ai_financed; 0 unless funding gap > 0 and (text, tag or t > 1.65)"
    ),
    source="own definition",
    needs=(*NEEDS, "capital_expenditure", "cash_from_operations", "revenue", "long_term_debt", "assets"),
    paths=PATHS,
)
def ai_financing_fragile(
    view: View,
    *,
    factor: str = "SMH",
    market: str = "SPY",
    basket: str | None = None,
    tags: str | None = None,
    index: str | None = "sp500",
) -> Values:
    """AI capex paid with debt: such names fall with the AI trade, so they hedge it well."""
    population = members_or_stocks(view, index) & view.is_stock()
    beta, t = _beta(view, factor, market, basket)
    marked = ai_sources.tagged(view, FINANCED_TAGS, tags)
    gap = ai_funding.funding_gap(view).value
    owed = _badness(view, "net_debt_ebitda")
    if not np.isfinite(owed[population]).any():
        owed = _badness(view, "net_debt_operating_income")
    parts = [
        ai_funding.capex_intensity_change(view).value,
        gap,
        ai_funding.debt_funded_capex(view).value,
        owed,
        leverage.interest_coverage(view).badness("lower_is_worse"),
        beta,
    ]
    text = percentile(ai_sources.ai_text_density(view).value, population)
    gate = (gap > 0) & ((text >= TEXT_GATE) | marked | (t > T_GATE))
    return _gated(_score(parts, marked, population)[1], gate, np.isnan(gap))


@per_view
def source_ranks(
    view: View, factor: str, market: str, basket: str | None, tags: str | None, index: str | None
) -> dict[str, Floats]:
    """What each source says of every name, as a percentile of the population; the tag is 0 or 1."""
    population = members_or_stocks(view, index) & view.is_stock()
    sources = {
        "ai_beta": _beta(view, factor, market, basket)[0],
        "text": ai_sources.ai_text_density(view).value,
        "industry": ai_sources.industry_exposure(view, "all"),
        "capex_intensity": ai_funding.capex_intensity(view).value,
    }
    ranked = {name: percentile(value, population) for name, value in sources.items()}
    return ranked | {"tag": ai_sources.tagged(view, BENEFICIARY_TAGS, tags).astype(float)}


@metric(
    family="ai_exposure",
    unit="standard deviation of percentiles",
    direction="neutral",
    formula="standard deviation of the percentiles by AI beta, text, industry and capex intensity, at least two known",
    source="own definition",
    needs=("table:prices", "table:rates", "table:filing_text", "capital_expenditure", "revenue"),
    paths=PATHS,
)
def ai_disagreement(
    view: View,
    *,
    factor: str = "SMH",
    market: str = "SPY",
    basket: str | None = None,
    tags: str | None = None,
    index: str | None = "sp500",
) -> Values:
    ranked = source_ranks(view, factor, market, basket, tags, index)
    stacked = np.vstack([values for name, values in ranked.items() if name != "tag"])
    known = np.isfinite(stacked)
    n = known.sum(axis=0)
    mean = np.where(known, stacked, 0.0).sum(axis=0) / n
    squares = np.where(known, stacked - mean, 0.0) ** 2
    return plain(np.where(n >= 2, np.sqrt(squares.sum(axis=0) / (n - 1)), np.nan))
