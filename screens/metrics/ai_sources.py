"""AI exposure from filings, industries and dated tags: three sources beside the return-based beta.

1. Text: matches of AI terms per 10,000 words of the last annual report; adoption terms in Items 1 and 7, infrastructure
   terms in the whole, and the share of the density that stands in the risk section (Item 1A).
2. Industry: the exposure of the NAICS group behind a name's GICS sub-industry. High is exposed, not threatened.
3. Tags: those of the store's `tags` table and of a dated file; a tag without a date is refused in a backtest.
"""

from __future__ import annotations

import csv
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from screens.metrics.tier_rule import Floats, Mask, plain
from screens.per_view import per_view
from screens.registry import Values, metric

if TYPE_CHECKING:
    from market.view import View

BUSINESS_SECTIONS, RISK_SECTIONS = ("1", "7"), ("1a",)
SMALLEST_DENSITY = 1e-9
ANY = "any"


@metric(
    family="ai_exposure",
    unit="log(1 + matches per 10,000 words)",
    direction="neutral",
    formula="ln(1 + adoption terms per 10,000 words of Items 1 and 7 of the last annual report)",
    source="Babina, Fedyk, He and Hodson (2024), J. Financial Economics 151, for the terms",
    needs=("table:filing_text",),
)
def ai_text_density(view: View) -> Values:
    return plain(np.log1p(view.text("adoption_density", BUSINESS_SECTIONS)))


@metric(
    family="ai_exposure",
    unit="log(1 + matches per 10,000 words)",
    direction="neutral",
    formula="ln(1 + infrastructure terms per 10,000 words of the last annual report)",
    source="own definition (GPU, data centre, hyperscale, power purchase)",
    needs=("table:filing_text",),
)
def ai_infrastructure_density(view: View) -> Values:
    return plain(np.log1p(view.text("infrastructure_density")))


@metric(
    family="ai_exposure",
    unit="share",
    direction="higher_is_worse",
    formula="density in Item 1A / (densities in Items 1, 7 and 1A)",
    source="own definition: mostly named as a risk is threatened, mostly as business is user or seller",
    needs=("table:filing_text",),
)
def ai_risk_share(view: View) -> Values:
    risk = view.text("adoption_density", RISK_SECTIONS)
    parts = [view.text("adoption_density", (section,)) for section in BUSINESS_SECTIONS]
    known = ~np.isnan(risk) & ~np.isnan(parts).all(axis=0)
    business = np.where(np.isnan(parts), 0.0, parts).sum(axis=0)
    return plain(np.where(known, risk / (business + risk + SMALLEST_DENSITY), np.nan))


@lru_cache(maxsize=1)
def _industry_exposures() -> dict[str, tuple[float, float]]:
    """GICS sub-industry to (all AI, language models)."""
    folder = files("screens") / "data"
    with (folder / "ai_industry_exposure.csv").open(encoding="utf-8") as stream:
        exposure = {row["naics"]: (float(row["aiie"]), float(row["lm_aiie"])) for row in csv.DictReader(stream)}
    with (folder / "gics_naics.csv").open(encoding="utf-8") as stream:
        return {row["industry"]: exposure[row["naics"]] for row in csv.DictReader(stream)}


@per_view
def industry_exposure(view: View, version: str) -> Floats:
    """Exposure by sub-industry, shape (n_assets,); NaN where the sub-industry is unknown or a conglomerate's."""
    known, column = _industry_exposures(), 1 if version == "language_models" else 0
    return np.array([known[name][column] if name in known else np.nan for name in view.industry()])


@metric(
    family="ai_exposure",
    unit="standard deviations over industries",
    direction="higher_is_worse",
    formula="AIIE (all) or LM-AIIE (language_models) of the NAICS group behind the GICS sub-industry",
    source="Felten, Raj and Seamans (2021), Strategic Management J. 42(12)",
    needs=("table:securities",),
    choices={"version": ("language_models", "all")},
)
def ai_industry_exposure(view: View, *, version: str = "language_models") -> Values:
    return plain(industry_exposure(view, version))


@per_view
def tagged(view: View, names: tuple[str, ...], file: str | None, allow_undated: bool | None = None) -> Mask:
    """Names that carry one of these tags on the session's day; all tags where `names` is empty.

    Raises `ConfigError` for a tag of the file without a date, unless the session is the last one of the data (a live
    screen) or `allow_undated` is set; None where the caller leaves its user no way to set it.
    """
    from screens.ai_tags import TAGS, read_tags, refuse_undated

    wanted = names or TAGS
    out = np.logical_or.reduce([view.tagged(name) for name in wanted])
    if file is not None:
        rows = tuple(tag for tag in read_tags(file) if tag.tag in wanted)
        if not allow_undated and view.session < view.market.sessions[-1]:
            refuse_undated(rows, file, can_be_allowed=allow_undated is not None)
        day = view.session.date()
        acting = {tag.ticker for tag in rows if tag.acts_on(day)}
        out = out | np.array([ticker in acting for ticker in view.tickers], dtype=bool)
    return out


@metric(
    family="ai_exposure",
    unit="0 or 1",
    direction="neutral",
    formula="1 where the name carries the tag on the day (tags table of the store, and a dated file)",
    source="dated public events, given with each tag",
    needs=("table:tags",),
    paths=("tags",),
    choices={
        "tag": (
            ANY,
            "hyperscaler",
            "ai_semis",
            "ai_infra",
            "neocloud",
            "ai_software",
            "ai_adopter",
            "ai_disrupted",
            "ai_financed",
        )
    },
)
def ai_tagged(view: View, *, tag: str = ANY, tags: str | None = None, allow_undated: bool = False) -> Values:
    names = () if tag == ANY else (tag,)
    return plain(tagged(view, names, tags, allow_undated).astype(float))
