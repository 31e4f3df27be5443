"""The grammar of a screen: what may stand in a file with `kind: screen`, one class per concept.

1. `universe`: what can be held at all, on the date.
2. `population`: the names among which ranks, z-scores and percentiles are formed; kept apart from the result filter.
3. `rules`: a tree of all_of / any_of / not over conditions; it filters the result.
4. `blocks`: weighted groups of metrics, each metric turned into a score where higher is worse.
5. `selection`: how many of the worst, with a buffer; `smoothing`: how often a name must pass before it counts.

Only names and numbers are checked here; no data are read and nothing heavy is imported.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from screens.loading import Ref, ScreenRef
from screens.rule_spec import Condition, Label, MetricCall, MetricKey, Share, Strict, Tree
from screens.vocabulary import Industry, MetricName, ParamValue, Sector, TagName, Ticker

Usd = Annotated[float, Field(ge=0)]
Group = Literal["none", "sector", "industry"]


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value  # a list, once `_by_name` has seen the entry


class MetricUse(MetricCall):
    """A metric inside a block, and how it becomes a score."""

    weight: float = Field(1.0, gt=0)
    """Relative to the other metrics of the block."""
    worse: Literal["higher", "lower"] | None = None
    """Which way is worse; by default as registered, higher for a metric without a direction."""
    transform: Literal["rank_z", "value_z", "percentile"] | None = None
    """By default the block's."""
    neutralise: Group | None = None
    """By default the block's."""
    winsorise: Annotated[tuple[Share, Share], BeforeValidator(_as_tuple)] | None = None
    """Lower and upper quantile to pull values in to before `value_z`; by default the block's."""
    label: str | None = Field(None, pattern=r"^[a-z][a-z0-9_]{0,39}$")
    """Name of the column in the outputs; by default the metric's."""


def _by_name(value: object) -> object:
    return {"metric": value} if isinstance(value, str) else value


MetricEntry = Annotated[MetricUse, BeforeValidator(_by_name, json_schema_input_type=MetricName | MetricUse)]


class Block(Strict):
    """A weighted group of metrics: the mean of the available ones, turned into a z-score again."""

    weight: float = Field(gt=0)
    """Relative to the other blocks."""
    metrics: tuple[MetricEntry, ...] = Field(min_length=1)
    """Names of metrics, or mappings with parameters and transforms."""
    min_metrics: int | None = Field(None, ge=1)
    """Fewest metrics a name must have for a block score; by default half, rounded up."""
    missing: Literal["skip", "neutral", "worst"] = "skip"
    """A metric that is missing: left out of the mean, taken as average, or taken as the worst there is."""
    required: bool = True
    """Without this block's score a name has no score at all; else the other blocks carry it."""
    neutralise: Group = "none"
    """Rank within the sector or industry instead of among all."""
    min_group: int = Field(5, ge=2)
    """Groups with fewer names are ranked among all."""
    transform: Literal["rank_z", "value_z", "percentile"] = "rank_z"
    """rank_z: z-score of ranks; value_z: of winsorised values, clipped at three; percentile: (rank - 0.5) / n."""
    winsorise: tuple[Share, Share] = (0.01, 0.99)
    """Lower and upper quantile, used by `value_z`."""

    @model_validator(mode="after")
    def consistent(self) -> Block:
        if self.min_metrics is not None and self.min_metrics > len(self.metrics):
            n = len(self.metrics)
            raise ValueError(f"min_metrics: {self.min_metrics} cannot be had; the block has {n} metric{'s'[: n > 1]}")
        keys = [use.key() for use in self.metrics]
        twice = sorted({use.metric for use in self.metrics if keys.count(use.key()) > 1})
        if twice:
            raise ValueError(f"metrics: {', '.join(twice)} is listed twice")
        for low, high in (self.winsorise, *(use.winsorise for use in self.metrics if use.winsorise)):
            if low >= high:
                raise ValueError(f"winsorise: [{low:g}, {high:g}] must rise")
        return self

    def fewest(self) -> int:
        """The number of metrics a name needs."""
        return self.min_metrics if self.min_metrics is not None else (len(self.metrics) + 1) // 2


class Universe(Strict):
    """Which names can be held on a date. Every limit is tested on what was known at that close."""

    index: str | None = None
    """Members of this index on the date, e.g. sp500."""
    stocks_only: bool = True
    """Funds and indices out."""
    one_line_per_issuer: bool = True
    """Of several share classes keep the one with the larger median dollar volume."""
    min_price: Usd | None = None
    """USD, close as traded."""
    min_market_cap: Usd | None = None
    """USD."""
    max_market_cap: Usd | None = None
    """USD."""
    top_by_market_cap: int | None = Field(None, ge=1)
    """The n largest of those that pass everything else."""
    min_dollar_volume: Usd | None = None
    """USD a day: median of close x volume over `dollar_volume_sessions`."""
    dollar_volume_sessions: int = Field(63, ge=1, le=504)
    min_history_sessions: int | None = Field(None, ge=1)
    """Closes known so far."""
    max_borrow_fee: Share | None = None
    """Decimal a year."""
    sectors: tuple[Sector, ...] = ()
    """Only these; all where empty."""
    exclude_sectors: tuple[Sector, ...] = ()
    industries: tuple[Industry, ...] = ()
    """Only these; all where empty."""
    exclude_industries: tuple[Industry, ...] = ()
    tickers: tuple[Ticker, ...] = ()
    """Only these; all where empty."""
    exclude_tickers: tuple[Ticker, ...] = ()
    exclude_tags: tuple[TagName, ...] = ()
    """Names that carry one of these dated tags on the date."""

    @model_validator(mode="after")
    def consistent(self) -> Universe:
        low, high = self.min_market_cap, self.max_market_cap
        if low is not None and high is not None and low >= high:
            raise ValueError(f"max_market_cap: {high:g} must be more than min_market_cap {low:g}")
        for only, out in (
            ("sectors", "exclude_sectors"),
            ("industries", "exclude_industries"),
            ("tickers", "exclude_tickers"),
        ):
            both = sorted(set(getattr(self, only)) & set(getattr(self, out)))
            if both:
                raise ValueError(f"{out}: {', '.join(both)} also stands in {only}")
        return self


class Selection(Strict):
    """How many of the worst are selected, and the buffer that keeps turnover down. Empty: every name that passes."""

    count: int | None = Field(None, ge=1)
    enter_rank: int | None = Field(None, ge=1)
    """A name not held enters at this rank or better; by default `count`."""
    exit_rank: int | None = Field(None, ge=1)
    """A name held stays until it ranks worse than this; by default `count`."""
    share: float | None = Field(None, gt=0, le=1)
    """Instead of count: this share of the ranked names, rounded up; the buffer as shares too."""
    enter_share: float | None = Field(None, gt=0, le=1)
    exit_share: float | None = Field(None, gt=0, le=1)
    max_per_sector: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def consistent(self) -> Selection:
        if self.count is not None and self.share is not None:
            raise ValueError("give count or share, not both")
        for unit, size, enter, leave in (
            ("rank", self.count, self.enter_rank, self.exit_rank),
            ("share", self.share, self.enter_share, self.exit_share),
        ):
            what = "count" if unit == "rank" else "share"
            if size is None:
                if enter is not None or leave is not None:
                    raise ValueError(f"enter_{unit} and exit_{unit} need {what}")
                continue
            if enter is not None and enter > size:
                raise ValueError(f"enter_{unit}: {enter:g} is more than {what} {size:g}")
            if leave is not None and leave < size:
                raise ValueError(f"exit_{unit}: {leave:g} is less than {what} {size:g}")
        return self


class Smoothing(Strict):
    """Rules and scores over several dates, so that one noisy quarter neither admits nor expels a name."""

    every_sessions: int = Field(21, ge=1, le=252)
    """Sessions between the dates looked at."""
    dates: int = Field(12, ge=2, le=60)
    """How many dates to look at, the last being the date of the screen."""
    enter_after: int = Field(1, ge=1)
    """Passing the rules on this many dates in a row lets a name in."""
    leave_after: int = Field(1, ge=1)
    """Failing them on this many dates in a row puts it out."""
    average_scores: int = Field(1, ge=1)
    """The score is the mean over this many of the last dates."""

    @model_validator(mode="after")
    def fits(self) -> Smoothing:
        for name in ("enter_after", "leave_after", "average_scores"):
            if getattr(self, name) > self.dates:
                raise ValueError(f"{name}: {getattr(self, name)} is more than the {self.dates} dates looked at")
        return self


def _form_of_population(value: object) -> str:
    return "word" if isinstance(value, str) else "Universe"


Population = Annotated[
    Annotated[Literal["universe", "passed"], Tag("word")] | Annotated[Universe, Tag("Universe")],
    Discriminator(_form_of_population),
]


class ScreenSpec(Strict):
    """A screen: from a universe to ranked names, worst first."""

    kind: Literal["screen"]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")
    question: str = ""
    """What the screen asks of the market, in a sentence."""
    description: str = ""
    imports: tuple[ScreenRef, ...] = ()
    """Screens this one builds on: mappings merge key by key, null removes, lists are replaced."""
    tags: Ref | None = None
    """Dated tags beside those of the store (columns ticker, tag, valid_from, valid_to, source, note)."""
    universe: Universe = Universe()
    population: Population = "universe"
    """Where ranks are formed: the universe, the names that passed the rules, or a universe of its own."""
    rules: Tree | None = None
    blocks: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")], Block] = Field(default_factory=dict)
    smoothing: Smoothing | None = None
    selection: Selection = Selection()

    @model_validator(mode="after")
    def can_rank(self) -> ScreenSpec:
        if not self.blocks and (self.selection.count is not None or self.selection.share is not None):
            raise ValueError("selection: count and share need blocks to rank by")
        if not self.blocks and self.rules is None:
            raise ValueError("give rules, blocks or both")
        reserved = RESERVED_COLUMNS & set(self.blocks)
        if reserved:
            raise ValueError(f"blocks: {', '.join(sorted(reserved))} is the name of a column of every screen")
        labels = list(self.labels().values())
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(f"label: {', '.join(twice)} stands for two different metrics")
        return self

    def calls(self) -> list[MetricCall]:
        """Every metric the screen needs, in blocks and in rules, as written."""
        inside = [use for block in self.blocks.values() for use in block.metrics]
        leaves = self.rules.leaves() if self.rules else ()
        return [*inside, *(leaf for _, leaf in leaves if isinstance(leaf, Condition))]

    def tag_names(self) -> list[str]:
        """Every tag that the universe or a rule asks for, in alphabetical order."""
        universes = [self.universe, *([self.population] if isinstance(self.population, Universe) else [])]
        leaves = [leaf for _, leaf in self.rules.leaves()] if self.rules else []
        asked = [tag for leaf in leaves if isinstance(leaf, Label) and leaf.field == "tag" for tag in leaf.one_of]
        return sorted({*asked, *(tag for universe in universes for tag in universe.exclude_tags)})

    def labels(self) -> dict[MetricKey, str]:
        """The name of each metric's column: its own where one call uses it, else with history and parameters."""
        calls = sorted({call.key() for call in self.calls()}, key=repr)
        given = {use.key(): use.label for block in self.blocks.values() for use in block.metrics if use.label}
        plain = {key: f"{key[0]}.{key[2].label()}" if key[2] else key[0] for key in calls}
        shared = {name for name in plain.values() if list(plain.values()).count(name) > 1}
        return {
            key: given.get(key) or (f"{name}({_text(key[1])})" if name in shared and key[1] else name)
            for key, name in plain.items()
        }


RESERVED_COLUMNS = frozenset({"rank", "score", "eligible", "in_universe", "excluded_by", "selected", "name", "sector"})


def _text(params: tuple[tuple[str, ParamValue], ...]) -> str:
    return ", ".join(f"{name}={value}" for name, value in params)
