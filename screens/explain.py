"""Why a name is in, or out, on a date: every limit, rule, block and figure, and what would have to change.

1. Universe: each limit, the name's figure, passed or not.
2. Rules: each condition, its value and percentile, the threshold as a figure of that date, passed or not.
3. Blocks: each metric's figure, percentile and the filings behind it; each block's percentile and weight.
4. What would have to change: for every failed test the distance, for the rank the score at the border and the block
   percentile that would reach it alone.

An explanation is data (`as_dict`) that can be said in words (`words`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from market.errors import ConfigError, DataError
from screens.change import threshold_now, what_would_change
from screens.describe import reason_in_words, rule_in_words
from screens.registry import REGISTRY, Values
from screens.rule_spec import Label, MetricCall
from screens.rules import Tested
from screens.screened import Screened
from screens.wording import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from market.view import View

Number = float | None

# A sector whose figures vary by less than a tenth of all names' is told apart as a whole.
AI_SCORES = ("ai_beneficiary", "ai_at_risk", "ai_financing_fragile", "ai_disagreement")
ALIKE, SAME, FEWEST_ALIKE = 0.1, 1e-9, 5


@dataclass(frozen=True)
class LimitAnswer:
    """One limit of the universe."""

    limit: str
    requirement: str
    value: float | str | None
    passed: bool


@dataclass(frozen=True)
class RuleAnswer:
    """One condition: `threshold` is in the metric's unit on that date, also where the rule names a percentile."""

    path: str
    rule: str
    value: float | str | None
    percentile: Number
    threshold: Number
    passed: bool
    missing: bool
    reason: str
    note: str = ""
    filings: tuple[FilingAnswer, ...] = ()


@dataclass(frozen=True)
class FilingAnswer:
    """Where one statement item came from."""

    item: str
    form: str
    accession: str
    filed: str
    period_end: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class MetricAnswer:
    """One metric: the figure in its unit, and its percentile (higher is worse).

    sources, tags: for a score of AI exposure, the percentile that each source alone gives the name, and its dated tags.
    """

    name: str
    value: Number
    unit: str
    percentile: Number
    ranked_within: str
    reason: str
    filings: tuple[FilingAnswer, ...]
    note: str = ""
    sources: dict[str, Number] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class BlockAnswer:
    """One block: weight as a share of all, z-score and percentile (higher is worse)."""

    name: str
    weight: float
    score: Number
    percentile: Number
    known: int
    needed: int
    metrics: tuple[MetricAnswer, ...]


@dataclass(frozen=True)
class Explanation:
    """Everything a screen says about one name on one date."""

    ticker: str
    as_of: str
    screen: str
    status: str
    rank: int | None
    ranked: int
    score: Number
    excluded_by: tuple[str, ...]
    universe: tuple[LimitAnswer, ...]
    rules: tuple[RuleAnswer, ...]
    blocks: tuple[BlockAnswer, ...]
    change: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return asdict(self)

    def frame(self) -> pd.DataFrame:
        """One row a limit, rule, block and metric: what was asked, what was found, and whether it passed."""
        import pandas as pd

        rows: list[tuple[object, ...]] = [
            ("universe", limit.limit, limit.requirement, limit.value, None, limit.passed) for limit in self.universe
        ]
        rows += [("rule", rule.path, rule.rule, rule.value, rule.percentile, rule.passed) for rule in self.rules]
        for block in self.blocks:
            needs = f"{block.known} of {block.needed} needed"
            rows.append(("block", block.name, needs, block.score, block.percentile, None))
            rows += [
                ("metric", f"{block.name}.{metric.name}", metric.reason, metric.value, metric.percentile, None)
                for metric in block.metrics
            ]
        columns = ["part", "name", "asked", "value", "percentile", "passed"]
        return pd.DataFrame(rows, columns=columns).set_index("part")

    def words(self) -> str:
        """The same for reading."""
        from screens.explain_words import in_words

        return in_words(self)


def explain(screened: Screened, ticker: str, incumbents: Collection[str] = ()) -> Explanation:
    """Why `ticker` is where it is. Raises `ConfigError` for a ticker that is not in the data."""
    tickers = [str(name) for name in screened.view.tickers]
    if ticker not in tickers:
        raise ConfigError(f"no ticker '{ticker}' in the data{did_you_mean(ticker, tickers)}")
    at = tickers.index(ticker)
    rank = None if np.isnan(screened.rank[at]) else int(screened.rank[at])
    chosen = ticker in set(screened.selected(incumbents))
    ranked = screened.eligible[at] and (rank is not None or not screened.blocks)
    return Explanation(
        ticker=ticker,
        as_of=str(screened.session.date()),
        screen=screened.spec.name,
        status="selected" if chosen else "ranked, not selected" if ranked else "out",
        rank=rank,
        ranked=int((~np.isnan(screened.rank)).sum()),
        score=_number(screened.score[at]),
        excluded_by=() if ranked else tuple(screened.reasons(at)),
        universe=tuple(
            LimitAnswer(code, limit.requirement, _cell(limit.figure, at), not limit.failed[at])
            for code, limit in screened.admission.limits.items()
        ),
        rules=tuple(_rule(test, at, screened) for test in screened.outcome.tested),
        blocks=tuple(_block(name, at, screened) for name in screened.spec.blocks),
        change=tuple(what_would_change(screened, at, chosen)),
    )


def _rule(test: Tested, at: int, screened: Screened) -> RuleAnswer:
    leaf, reason = test.leaf, ""
    value: float | str | None
    if isinstance(leaf, Label):
        view = screened.view
        texts = {"sector": view.sector, "industry": view.industry}.get(leaf.field)
        value = str(texts()[at]) if texts else str(view.tickers[at]) if leaf.field == "ticker" else None
        return RuleAnswer(
            test.path, rule_in_words(leaf), value, None, None, bool(test.met[at]), bool(test.missing[at]), reason
        )
    assert test.values is not None
    label = screened.spec.labels()[leaf.key()]
    return RuleAnswer(
        path=test.path,
        rule=rule_in_words(leaf, label),
        value=_number(test.values.value[at]),
        percentile=None if test.percentile is None else _number(test.percentile[at]),
        threshold=threshold_now(test),
        passed=bool(test.met[at]),
        missing=bool(test.missing[at]),
        reason=_reason(test.values, at),
        note=sector_alone(test.values, screened, at),
        filings=_filings(leaf, at, screened.view),
    )


def _block(name: str, at: int, screened: Screened) -> BlockAnswer:
    spec, score, labels = screened.spec.blocks[name], screened.blocks[name], screened.spec.labels()
    total = sum(block.weight for block in screened.spec.blocks.values())
    metrics = tuple(
        _metric(use, labels[use.key()], use.neutralise or spec.neutralise, at, screened) for use in spec.metrics
    )
    return BlockAnswer(
        name=name,
        weight=spec.weight / total,
        score=_number(score.z[at]),
        percentile=_number(score.percentile[at]),
        known=sum(not np.isnan(figures[at]) for figures in score.scores.values()),
        needed=spec.fewest(),
        metrics=metrics,
    )


def _metric(use: MetricCall, label: str, within: str, at: int, screened: Screened) -> MetricAnswer:
    values = screened.values[label]
    return MetricAnswer(
        name=label,
        value=_number(values.value[at]),
        unit=REGISTRY[use.metric].unit,
        percentile=_number(screened.shares[label][at]),
        ranked_within="all" if within == "none" else within,
        reason=_reason(values, at),
        filings=_filings(use, at, screened.view),
        note=sector_alone(values, screened, at),
        sources=(exposure := _exposure(use, at, screened.view))[0],
        tags=exposure[1],
    )


def _exposure(use: MetricCall, at: int, view: View) -> tuple[dict[str, Number], tuple[str, ...]]:
    """What each source of AI exposure says by itself, and the tags: one number would hide that they disagree."""
    if use.metric not in AI_SCORES:
        return {}, ()
    from screens.ai_tags import TAGS
    from screens.metrics.ai_scores import source_ranks
    from screens.metrics.ai_sources import tagged

    asked = {name: param.default for name, param in REGISTRY[use.metric].params.items()} | use.params
    named = (asked[name] for name in ("factor", "market", "basket", "tags", "index"))
    factor, market, basket, tags, index = (None if value is None else str(value) for value in named)
    ranks = source_ranks(view, factor or "", market or "", basket, tags, index)
    sources = {name: _number(values[at]) for name, values in ranks.items() if name != "tag"}
    return sources, tuple(tag for tag in TAGS if tagged(view, (tag,), tags)[at])


def sector_alone(values: Values, screened: Screened, at: int) -> str:
    """A sentence where a figure tells sectors apart and not companies; '' elsewhere.

    A figure shrunk towards its sector's mean is (nearly) the same for all of it when the data show no difference
    within: then the whole sector passes a rule, or fails it, together.
    """
    sector = str(screened.view.sector()[at])
    known = np.isfinite(values.value) & screened.population
    if not known[at] or not sector:
        return ""
    inside = values.value[known & (screened.view.sector().astype(str) == sector)]
    spread = float(values.value[known].std())
    if inside.size < FEWEST_ALIKE or not spread > 0 or inside.std() >= ALIKE * spread:
        return ""
    same = "the same" if inside.std() < SAME * spread else "nearly the same"
    return f"{same} for all {inside.size} names of {sector}: it speaks of the sector, not of the company"


def _filings(call: MetricCall, at: int, view: View) -> tuple[FilingAnswer, ...]:
    """The filing behind each item a metric needs; items that are not known are left out."""
    found = []
    lag = call.history.lag if call.history else 0
    for item in REGISTRY[call.metric].needs:
        if item.startswith("table:"):
            continue
        try:
            source = view.source(str(view.tickers[at]), item, lag=lag)
        except DataError:
            continue  # the store holds no such item
        if source is not None:
            dates = [str(date.date()) if date == date else "" for date in (source.filed, source.period_end)]
            found.append(FilingAnswer(item, source.form, source.accession, dates[0], dates[1], tuple(source.flags)))
    return tuple(found)


def _reason(values: Values, at: int) -> str:
    code = "" if values.reason is None else str(values.reason[at])
    return reason_in_words(code) if code else ""


def _number(value: float) -> Number:
    return float(value) if np.isfinite(value) else None


def _cell(figure: np.ndarray | None, at: int) -> float | str | None:
    if figure is None:
        return None
    value = figure[at]
    return str(value) if isinstance(value, str) else _number(float(value))
