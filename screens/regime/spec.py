"""The grammar of a regime: which signals, how they add up to a score, and the gate the score drives.

1. `signals`: registered signals with their parameters, a weight, and the side that counts as fragile.
2. `min_history_sessions`: figures a signal needs before its percentile counts (two years by default).
3. `gate`: a Schmitt trigger on the score; `scaling`: an optional multiplier of the hedge.

Only names and numbers are checked here; no data are read and nothing heavy is imported.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from screens.vocabulary import Params, Ticker

TWO_YEARS_SESSIONS = 504


class Strict(BaseModel):
    """Frozen, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class SignalUse(Strict):
    """One signal of the score."""

    signal: str
    """A registered signal."""
    name: str | None = None
    """What it is called in the output, where one signal is used twice; its own name otherwise."""
    params: Params = Field(default_factory=dict)
    weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight in the score; 0 prints the signal and leaves it out."""
    fragile: Literal["high", "low", "neither"] | None = None
    """The side that counts as fragile; the signal's own where absent."""

    @field_validator("signal")
    @classmethod
    def is_registered(cls, name: str) -> str:
        from screens.loading import did_you_mean
        from screens.regime.signals import SIGNALS

        if name not in SIGNALS:
            hint = did_you_mean(name, SIGNALS) or f"; one of {', '.join(SIGNALS)}"
            raise ValueError(f"unknown signal '{name}'{hint}")
        return name

    @field_validator("params")
    @classmethod
    def are_its_own(cls, params: Params, info: ValidationInfo) -> Params:
        from screens.regime.signals import SIGNALS
        from screens.vocabulary import checked_against

        entry = SIGNALS.get(str(info.data.get("signal")))
        return params if entry is None else checked_against(entry, params, info)

    @model_validator(mode="after")
    def required_params_are_there(self) -> SignalUse:
        from screens.regime.signals import SIGNALS

        missing = [n for n, p in SIGNALS[self.signal].params.items() if p.required and n not in self.params]
        if missing:
            raise ValueError(f"{self.signal} needs the parameter '{missing[0]}'")
        return self

    @property
    def label(self) -> str:
        """Its name in the output."""
        return self.name or self.signal


class Gate(Strict):
    """A Schmitt trigger: on above one level, off below another, with hold and cool-down."""

    on: Annotated[float, Field(ge=0, le=1)] = 0.70
    """Turns on at or above this score ..."""
    on_days: Annotated[int, Field(ge=1)] = 3
    """... for so many sessions in a row."""
    off: Annotated[float, Field(ge=0, le=1)] = 0.50
    """Turns off at or below this score ..."""
    off_days: Annotated[int, Field(ge=1)] = 5
    """... for so many sessions in a row."""
    hold: Annotated[int, Field(ge=0)] = 10
    """Least sessions it stays on."""
    cool_down: Annotated[int, Field(ge=0)] = 5
    """Least sessions it stays off."""
    lag: Annotated[int, Field(ge=1)] = 1
    """Sessions from the close that decides to the trade."""

    @model_validator(mode="after")
    def on_lies_above_off(self) -> Gate:
        if self.on <= self.off:
            raise ValueError(f"on ({self.on:g}) must lie above off ({self.off:g}), or the gate flutters")
        return self


class Scaling(Strict):
    """The hedge as a share of its full size, between `floor` and one, growing with the score."""

    low: Annotated[float, Field(ge=0, le=1)] = 0.30
    """Score at which the hedge would vanish, were it not for the floor."""
    high: Annotated[float, Field(ge=0, le=1)] = 0.70
    """Score from which the hedge is full."""
    floor: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Least share of the hedge."""
    span: Annotated[int, Field(ge=1)] = 10
    """Sessions of the exponential average."""
    band: Annotated[float, Field(ge=0, le=1)] = 0.10
    """Smallest change that is traded."""

    @model_validator(mode="after")
    def high_lies_above_low(self) -> Scaling:
        if self.high <= self.low:
            raise ValueError(f"high ({self.high:g}) must lie above low ({self.low:g})")
        return self


class RegimeSpec(Strict):
    """A file with `kind: regime`."""

    kind: Literal["regime"]
    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    index: Annotated[str, Field(min_length=1)] = "sp500"
    """The index whose members of each date are looked at."""
    level: Ticker = "^GSPC"
    """Ticker of the index level, for signals on the index itself."""
    market: Ticker = "SPY"
    """Fund that stands for the market, and for the level where that has ended."""
    min_history_sessions: Annotated[int, Field(ge=20)] = TWO_YEARS_SESSIONS
    """Figures a signal needs before it has a percentile."""
    signals: Annotated[tuple[SignalUse, ...], Field(min_length=1)]
    gate: Gate = Gate()
    scaling: Scaling | None = None

    @model_validator(mode="after")
    def names_differ_and_something_counts(self) -> RegimeSpec:
        seen: set[str] = set()
        for use in self.signals:
            if use.label in seen:
                raise ValueError(f"two signals are called '{use.label}'; give one of them a name")
            seen.add(use.label)
        if not any(use.weight > 0 for use in self.signals):
            raise ValueError("no signal has a weight above 0: there is nothing to score")
        return self
