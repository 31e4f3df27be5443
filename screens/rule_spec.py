"""The grammar of rules: conditions on metrics and labels, combined by all_of, any_of and not.

1. A `Condition` tests one metric, now or through time, against a value, a percentile, a range or a list.
2. A `Label` tests a text known of each name: sector, industry, ticker, dated tag.
3. A `Tree` combines them; every condition says what a missing metric means.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from screens.vocabulary import MetricName, Params, ParamValue, checked_params, checked_words, history_problem

Share = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    """Frozen, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class History(Strict):
    """A metric seen through time, in quarters of statements as known on the date; `lag` looks at an older quarter."""

    lag: int = Field(0, ge=0, le=40)
    """Quarters back."""
    change: int | None = Field(None, ge=1, le=40)
    """Value minus the value this many quarters before."""
    mean: int | None = Field(None, ge=2, le=40)
    """Mean over this many quarters; at least half of them known."""
    stdev: int | None = Field(None, ge=3, le=40)
    """Standard deviation over this many quarters; more of it is worse."""
    trend: int | None = Field(None, ge=3, le=40)
    """Least-squares slope per quarter over this many quarters."""

    @model_validator(mode="after")
    def one_at_most(self) -> History:
        given = [name for name in ("change", "mean", "stdev", "trend") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"give one of change, mean, stdev, trend; found {', '.join(given)}")
        if not given and not self.lag:
            raise ValueError("give lag, change, mean, stdev or trend")
        return self

    def quarters(self) -> tuple[int, ...]:
        """The lags at which the metric is needed, newest first."""
        if self.change is not None:
            return self.lag, self.lag + self.change
        span = self.mean or self.stdev or self.trend
        return tuple(range(self.lag, self.lag + span)) if span else (self.lag,)

    def label(self) -> str:
        """How outputs name it: `change4`, `lag1`, `lag4.mean8`."""
        parts = [f"lag{self.lag}"] if self.lag else []
        parts += [f"{name}{n}" for name in ("change", "mean", "stdev", "trend") if (n := getattr(self, name))]
        return ".".join(parts)


MetricKey = tuple[str, tuple[tuple[str, ParamValue], ...], "History | None"]


class MetricCall(Strict):
    """A metric with its parameters, optionally seen through time."""

    metric: MetricName
    """Name of a registered metric; `hedgebasket metrics` lists them."""
    params: Params = Field(default_factory=dict)
    """Parameters of the metric; the rest keep their defaults."""
    history: History | None = None
    """Lag, change, mean, standard deviation or trend over quarters."""

    @field_validator("params")
    @classmethod
    def known_params(cls, params: Params, info: ValidationInfo) -> Params:
        return checked_params(info.data.get("metric"), params, info)

    @field_validator("history")
    @classmethod
    def has_history(cls, history: History | None, info: ValidationInfo) -> History | None:
        if history is not None and (problem := history_problem(info.data.get("metric"))):
            raise ValueError(problem)
        return history

    def key(self) -> MetricKey:
        """What has to be computed: two calls with one key have one result."""
        return self.metric, tuple(sorted(self.params.items())), self.history


class Condition(MetricCall):
    """One test of one metric: against a value, a percentile, a range or a list."""

    op: Literal[">", ">=", "<", "<="] | None = None
    value: float | None = None
    """In the metric's unit. A broken denominator counts as beyond every threshold on the bad side."""
    pct: Share | None = None
    """A percentile of the population, in the metric's natural order: 0.9 is the top tenth of the figure itself."""
    between: tuple[float, float] | None = None
    """Lowest and highest value, both included."""
    pct_between: tuple[Share, Share] | None = None
    """Lowest and highest percentile, both included."""
    one_of: tuple[float, ...] | None = Field(None, alias="in", min_length=1)
    """Exactly one of these values."""
    within: Literal["universe", "sector", "industry"] = "universe"
    """Where percentiles are formed; groups with fewer than five names use all."""
    on_missing: Literal[True, False, "drop"] = False
    """A name without the metric: passes, fails, or leaves the screen whatever the rest of the tree says."""

    @model_validator(mode="after")
    def one_test(self) -> Condition:
        forms = ("value", "pct", "between", "pct_between", "one_of")
        given = [_yaml_name(form) for form in forms if getattr(self, form) is not None]
        if len(given) != 1:
            found = f"; found {', '.join(given)}" if given else ""
            raise ValueError(f"give one of value, pct, between, pct_between, in{found}")
        if (self.op is None) == (self.value is not None or self.pct is not None):
            raise ValueError(
                "op is needed with value and pct" if self.op is None else f"op does not go with {given[0]}"
            )
        for name in ("between", "pct_between"):
            span = getattr(self, name)
            if span is not None and span[0] > span[1]:
                raise ValueError(f"{name}: [{span[0]:g}, {span[1]:g}] must rise")
        if self.within != "universe" and self.pct is None and self.pct_between is None:
            raise ValueError("within needs pct or pct_between")
        return self


class Label(Strict):
    """One test of a text known of each name: its sector, its industry, a dated tag."""

    field: Literal["sector", "industry", "ticker", "tag"]
    one_of: tuple[str, ...] = Field(alias="in", min_length=1)
    """The text is one of these; for `tag`, the name carries one of them on the date."""
    on_missing: Literal[True, False, "drop"] = False
    """A name without a sector or industry: passes, fails, or leaves the screen."""

    @field_validator("one_of")
    @classmethod
    def known_words(cls, words: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return checked_words(info.data.get("field"), words)


def _form_of_rule(value: object) -> str:
    if isinstance(value, BaseModel):
        return type(value).__name__
    keys: set[str] = set(value) if isinstance(value, dict) else set()
    if keys & {"all_of", "any_of", "not", "negated"}:
        return "Tree"
    return "Label" if "field" in keys else "Condition"


Rule = Annotated[
    Annotated["Tree", Tag("Tree")] | Annotated[Label, Tag("Label")] | Annotated[Condition, Tag("Condition")],
    Discriminator(_form_of_rule),
]


class Tree(Strict):
    """Rules combined; where several of the three keys are given, all of them must hold."""

    all_of: tuple[Rule, ...] | None = Field(None, min_length=1)
    """Every one holds."""
    any_of: tuple[Rule, ...] | None = Field(None, min_length=1)
    """At least one holds."""
    negated: Rule | None = Field(None, alias="not")
    """It does not hold."""

    @model_validator(mode="after")
    def not_empty(self) -> Tree:
        if self.all_of is None and self.any_of is None and self.negated is None:
            raise ValueError("give all_of, any_of or not")
        return self

    def leaves(self, path: str = "rules") -> Iterator[tuple[str, Condition | Label]]:
        """Every condition with its path (`rules.all_of[0]`), in the order written."""
        for word, rules in (("all_of", self.all_of), ("any_of", self.any_of), ("not", (self.negated,))):
            for position, rule in enumerate(rules or ()):
                here = f"{path}.{word}" if word == "not" else f"{path}.{word}[{position}]"
                if isinstance(rule, Tree):
                    yield from rule.leaves(here)
                elif rule is not None:
                    yield here, rule


Tree.model_rebuild()


def _yaml_name(field: str) -> str:
    return "in" if field == "one_of" else field
