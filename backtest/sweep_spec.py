"""The grammar of a sweep: one run, and the fields of it that vary.

1. `vary` maps the path of a field to the values it takes: a list, a range, or a seeded sample.
2. Paths: `hedge.window`, `costs.commission_bps` and so on are the run's; `screen.`, `basket.` and `book.` lead into the
   files it refers to; `screen`, `basket` or `book` alone try whole files; `multiple` scales the hedge ratio.
3. All combinations are tried, in the order written; `draws` takes a seeded part of them.
4. Every value is checked when the file is read, each error at its own line; combinations that cannot hold are trials
   that failed, and count as trials.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, TypeAdapter, ValidationError, ValidationInfo, field_validator, model_validator

from backtest.spec import RunSpec, Strict
from backtest.sweep_base import HOMES, Base
from market.errors import ConfigError
from screens.loading import BasketRef, BookRef, Ref, RunRef, ScreenRef, load

Scalar = bool | int | float | str | None
MOST_VARIANTS = 1_000_000
MOST_VALUES = 100_000  # on one axis

Fault = tuple[tuple[str | int, ...], str]


class Range(Strict):
    """Evenly spaced numbers from one to another, both included: by `step`, or `count` of them."""

    from_: float = Field(alias="from")
    to: float
    step: float | None = Field(None, gt=0)
    count: int | None = Field(None, ge=2, le=MOST_VALUES)

    @model_validator(mode="after")
    def consistent(self) -> Range:
        if (self.step is None) == (self.count is None):
            raise ValueError("give step or count, one of the two")
        if self.from_ >= self.to:
            raise ValueError(f"to: {self.to:g} must be more than from {self.from_:g}")
        if self.step is not None and (self.to - self.from_) / self.step >= MOST_VALUES:
            raise ValueError(f"step: {self.step:g} makes more than {MOST_VALUES:,} values; take a longer one")
        return self

    def values(self) -> tuple[Scalar, ...]:
        """The numbers; whole ones where all of them are.

        >>> Range.model_validate({"from": 60, "to": 120, "step": 20}).values()
        (60, 80, 100, 120)
        """
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
    draws: int = Field(ge=1, le=MOST_VALUES)
    log: bool = False
    whole: bool = False
    """Whole numbers, for fields that count."""
    seed: int = 7

    @model_validator(mode="after")
    def consistent(self) -> Sample:
        if self.low >= self.high:
            raise ValueError(f"high: {self.high:g} must be more than low {self.low:g}")
        if self.log and self.low <= 0:
            raise ValueError("low: a log scale begins above 0")
        return self

    def values(self) -> tuple[Scalar, ...]:
        """The draws, in the order drawn; each number once."""
        draw = random.Random(self.seed)
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        found = [draw.uniform(low, high) for _ in range(self.draws)]
        found = [math.exp(value) if self.log else value for value in found]
        return tuple(dict.fromkeys(round(value) if self.whole else value for value in found))


Values = Annotated[tuple[Scalar | tuple[Scalar, ...], ...], Field(min_length=1)]
Axis = Values | Range | Sample

_FILES = {"screen": TypeAdapter(ScreenRef), "basket": TypeAdapter(BasketRef), "book": TypeAdapter(BookRef)}


class SweepSpec(Strict):
    """Many variants of one run."""

    kind: Literal["sweep"]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")
    question: str = ""
    description: str = ""
    run: RunRef
    vary: dict[str, Axis] = Field(min_length=1)
    """Path of a field -> the values it takes: a list, {from, to, step or count}, or {low, high, draws}."""
    draws: int | None = Field(None, ge=1)
    """Only so many combinations, drawn without repeating; all where empty."""
    seed: int = 7
    rank_by: Literal["sharpe", "cagr", "volatility", "max_drawdown", "cvar_95", "variance_removed"] = "sharpe"
    """The highest first; of volatility the lowest."""
    benchmark: str | None = None
    """The index short, at equal market beta, that a variant must beat; by default the run's market."""

    _files: dict[str, dict[str, Ref]] = PrivateAttr(default_factory=dict)
    _faults: list[Fault] = PrivateAttr(default_factory=list)

    @field_validator("vary")
    @classmethod
    def bounded(cls, vary: dict[str, Axis]) -> dict[str, Axis]:
        size = math.prod(len(values_of(axis)) for axis in vary.values())
        if size > MOST_VARIANTS:
            raise ValueError(f"{size:,} combinations; at most {MOST_VARIANTS:,}. Shorten an axis")
        return vary

    @model_validator(mode="after")
    def possible(self, info: ValidationInfo) -> SweepSpec:
        """Resolve the files among the values, then try every value; what is wrong waits in `faults`."""
        for home in HOMES:
            for place, written in enumerate(values_of(self.vary[home]) if home in self.vary else ()):
                try:
                    found = _FILES[home].validate_python(written, context=info.context)
                except ValidationError as error:
                    self._faults.append((("vary", home, place), _reason(error)))
                else:
                    self._files.setdefault(home, {})[str(written)] = found
        self._faults.extend(list(self._impossible()))
        return self

    def faults(self) -> list[Fault]:
        """What is wrong with single values, each with its place in the file."""
        return self._faults

    @property
    def files(self) -> dict[str, dict[str, Ref]]:
        """Files tried whole: home -> as written -> where that leads."""
        return self._files

    def base(self) -> Base:
        """The run and the files it refers to."""
        return Base.of(load(self.run.target, RunSpec), self._files)

    def _impossible(self) -> Iterator[Fault]:
        try:
            base = self.base()
        except ConfigError:
            return  # those errors are reported where they are
        for path, axis in self.vary.items():
            if path in HOMES and len(self._files.get(path, {})) < len(values_of(axis)):
                continue  # not all its files are there, which is said
            listed = not isinstance(axis, Range | Sample)
            values = values_of(axis)
            # Limits of a field are intervals: between the ends of a range nothing new can be wrong.
            tried = values if listed else (min(values), max(values))  # type: ignore[type-var]
            for place, value in enumerate(tried):
                reason = base.objection(path, value, alone=not _shares_home(path, self.vary))
                if reason is None:
                    continue
                yield (("vary", path, place) if listed and reason.of_value else ("vary", path)), reason.text
                if not (listed and reason.of_value):
                    break  # the path itself is wrong, whatever the value; of a range, the first is enough


def values_of(axis: Axis) -> tuple[object, ...]:
    """The values of an axis."""
    return axis.values() if isinstance(axis, Range | Sample) else axis


def sources(spec: SweepSpec, path: str | Path) -> list[Path]:
    """The sweep's file and every file it depends on, each once."""
    from backtest.artifacts import config_files

    started = [Path(path), *(ref.target for refs in spec.files.values() for ref in refs.values())]
    return list(dict.fromkeys(file for start in started for file in config_files(start)))


def _shares_home(path: str, vary: dict[str, Axis]) -> bool:
    """Whether another varied field, or a whole file, may be what makes a value of this one possible."""
    head = path.partition(".")[0]
    return any(other != path and other.partition(".")[0] == head for other in vary) or head in HOMES


def _reason(error: ValidationError) -> str:
    first = error.errors()[0]
    return str(first["ctx"]["error"]) if first["type"] == "value_error" else str(first["msg"])
