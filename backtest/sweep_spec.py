"""The grammar of a sweep: one run, and the fields of it that vary.

1. `vary` maps the path of a field to the values it takes: a list, a range, or a seeded sample.
2. Paths: `hedge.window`, `costs.commission_bps` and so on are the run's; `screen.`, `basket.` and `book.` lead into the
   files it refers to; `multiple` scales the hedge ratio.
3. All combinations are tried, in the order written; `draws` takes a seeded part of them.
4. Each value is tried on its own when the file is read; combinations that cannot hold are trials that failed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from backtest.patching import PatchError, patched
from backtest.spec import RunSpec, Strict
from basket.spec import BasketSpec, BookSpec
from market.errors import ConfigError
from screens.loading import RunRef, load
from screens.spec import ScreenSpec

Scalar = bool | int | float | str | None
MULTIPLE = "multiple"
HOMES = ("screen", "basket", "book")
MOST_VARIANTS = 1_000_000


class Range(Strict):
    """Evenly spaced numbers from one to another, both included: by `step`, or `count` of them."""

    from_: float = Field(alias="from")
    to: float
    step: float | None = Field(None, gt=0)
    count: int | None = Field(None, ge=2, le=100_000)

    @model_validator(mode="after")
    def consistent(self) -> Range:
        if (self.step is None) == (self.count is None):
            raise ValueError("give step or count, one of the two")
        if self.from_ >= self.to:
            raise ValueError(f"to: {self.to:g} must be more than from {self.from_:g}")
        return self

    def values(self) -> tuple[Scalar, ...]:
        """The numbers; whole ones where start and step are whole."""
        span = self.to - self.from_
        steps = self.count - 1 if self.count is not None else math.floor(span / (self.step or span) + 1e-9)
        step = span / steps if self.count is not None else (self.step or span)
        found = [round(self.from_ + k * step, 12) for k in range(steps + 1)]
        whole = all(value == int(value) for value in found)
        return tuple(int(value) if whole else value for value in found)


class Sample(Strict):
    """Random numbers between `low` and `high`, evenly or on a log scale; the same seed draws the same."""

    low: float
    high: float
    draws: int = Field(ge=1, le=100_000)
    log: bool = False
    seed: int = 7

    @model_validator(mode="after")
    def consistent(self) -> Sample:
        if self.low >= self.high:
            raise ValueError(f"high: {self.high:g} must be more than low {self.low:g}")
        if self.log and self.low <= 0:
            raise ValueError("low: a log scale begins above 0")
        return self

    def values(self) -> tuple[Scalar, ...]:
        """The draws, in the order drawn."""
        import random

        draw = random.Random(self.seed)
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        found = [draw.uniform(low, high) for _ in range(self.draws)]
        return tuple(math.exp(value) if self.log else value for value in found)


Values = Annotated[tuple[Scalar | tuple[Scalar, ...], ...], Field(min_length=1)]
Axis = Values | Range | Sample


class SweepSpec(Strict):
    """Many variants of one run."""

    kind: Literal["sweep"]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")
    question: str = ""
    description: str = ""
    run: RunRef
    vary: dict[str, Axis] = Field(min_length=1)
    """Path of a field -> the values it takes."""
    draws: int | None = Field(None, ge=1)
    """Only so many combinations, drawn without repeating; all where empty."""
    seed: int = 7
    rank_by: Literal["sharpe", "cagr", "volatility", "max_drawdown", "cvar_95", "variance_removed"] = "sharpe"
    """Best first: the highest, or for volatility the lowest."""
    benchmark: str = "SPY"
    """The index short, at equal beta, that a variant must beat."""

    @field_validator("vary")
    @classmethod
    def bounded(cls, vary: dict[str, Axis]) -> dict[str, Axis]:
        size = math.prod(len(values_of(axis)) for axis in vary.values())
        if size > MOST_VARIANTS:
            raise ValueError(f"{size:,} combinations; at most {MOST_VARIANTS:,}. Shorten an axis")
        return vary

    @model_validator(mode="after")
    def possible(self) -> SweepSpec:
        try:
            base = Base.of(load(self.run.target, RunSpec))
        except ConfigError:
            return self  # the run's own errors are reported where they are
        wrong = [f"{path}: {reason}" for path, axis in self.vary.items() for reason in _problems(base, path, axis)]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


class Base(BaseModel):
    """The specs a variant is made of."""

    run: RunSpec
    basket: BasketSpec
    book: BookSpec
    screen: ScreenSpec | None
    multiple: float = 1.0

    @classmethod
    def of(cls, run: RunSpec) -> Base:
        """A run with the files it refers to. Raises `ConfigError` for one of them that is wrong."""
        basket = load(run.basket.target, BasketSpec)
        source = basket.origin()
        screen = load(source.screen.target, ScreenSpec) if source.kind == "screen" else None
        return cls.model_construct(run=run, basket=basket, book=load(run.book.target, BookSpec), screen=screen)

    def with_value(self, path: str, value: object) -> Base:
        """One field changed. Raises `PatchError`, or pydantic's error, where that cannot be."""
        if path == MULTIPLE:
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
                raise PatchError(f"{value!r} is not a number from 0 to 100")
            return self.model_copy(update={MULTIPLE: float(value)})
        home, _, rest = path.partition(".")
        if home in HOMES:
            if not rest:
                raise PatchError(f"name a field of the {home}, such as {home}.name")
            spec = getattr(self, home)
            if spec is None:
                raise PatchError("the basket has no screen")
            return self.model_copy(update={home: patched(spec, rest, value)})
        if home in ("kind", "name", "run", "placebos", "span", "initial_nav", "benchmarks", "market", "bootstrap"):
            raise PatchError("cannot vary: it is the same for all variants of a sweep")
        return self.model_copy(update={"run": patched(self.run, path, value)})

    def with_values(self, values: dict[str, object]) -> Base:
        """Several fields changed, in their order."""
        base = self
        for path, value in values.items():
            base = base.with_value(path, value)
        return base


def values_of(axis: Axis) -> tuple[object, ...]:
    """The values of an axis."""
    return axis.values() if isinstance(axis, Range | Sample) else axis


def grid(spec: SweepSpec) -> list[dict[str, object]]:
    """Every variant as path -> value, in order; the seeded part of them where `draws` says so."""
    axes = {path: values_of(axis) for path, axis in spec.vary.items()}
    size = math.prod(len(values) for values in axes.values())
    chosen: Iterator[int] | range = range(size)
    if spec.draws is not None and spec.draws < size:
        import random

        chosen = iter(sorted(random.Random(spec.seed).sample(range(size), spec.draws)))
    wanted = set(chosen)
    rows = product(*axes.values())
    return [dict(zip(axes, row, strict=True)) for number, row in enumerate(rows) if number in wanted]


def builds(path: str) -> bool:
    """Whether a field decides who is held, so that basket and book must be built again."""
    return path.partition(".")[0] in HOMES


def _problems(base: Base, path: str, axis: Axis) -> Iterator[str]:
    for value in values_of(axis):
        try:
            base.with_value(path, value)
        except PatchError as error:
            yield str(error)
            return  # the path itself is wrong, or all values are
        except ValidationError as error:
            first = error.errors()[0]
            yield f"{value!r}: {first['msg'].removeprefix('Value error, ')}"
