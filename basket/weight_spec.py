"""How much of each name, as it may stand in a file: a scheme with its caps, and exposures to hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from basket.source_spec import Strict

Positive = Annotated[float, Field(gt=0, le=1)]
Usd = Annotated[float, Field(gt=0)]


class Liquidity(Strict):
    """No more of a name than can be traded in `days` at `participation` of its volume, for a basket of `notional`.

    The volume is the median of close times volume over 20 sessions, as in the capacity table.
    """

    notional: Usd
    """USD."""
    participation: Positive = 0.10
    days: float = Field(5.0, gt=0)


class Borrow(Strict):
    """No more of a name than a share of what can be borrowed; a name without the figure is not limited."""

    notional: Usd
    """USD."""
    share_of_available: Positive = 0.5
    """0.5: twice what is shorted must be there."""


class _Weights(Strict):
    name_cap: Positive | None = None
    sector_cap: Positive | None = None
    issuer_cap: Positive | None = None
    liquidity: Liquidity | None = None
    borrow: Borrow | None = None


class Equal(_Weights):
    """The same weight for each name."""

    scheme: Literal["equal"]


class CapWeighted(_Weights):
    """Market capitalisation to a power: 1, or 0.5 for its square root."""

    scheme: Literal["cap"]
    power: float = Field(1.0, ge=0, le=2)


class InverseVolatility(_Weights):
    """One over the volatility of daily returns, with a floor."""

    scheme: Literal["inverse_volatility"]
    window: int = Field(63, ge=20, le=1260)
    floor_percentile: float = Field(10.0, ge=0, le=50)


class ScoreTilt(_Weights):
    """Base weights times exp(strength × z of the screen's score)."""

    scheme: Literal["score_tilt"]
    base: Literal["equal", "cap"] = "equal"
    strength: float = Field(0.5, ge=-5, le=5)


class MinimumVariance(_Weights):
    """The least variance under the caps, from shrunk covariances."""

    scheme: Literal["minimum_variance"]
    window: int = Field(252, ge=60, le=1260)


class RiskParity(_Weights):
    """Each name contributes the same variance."""

    scheme: Literal["risk_parity"]
    window: int = Field(252, ge=60, le=1260)


class LiquidityCapped(_Weights):
    """Equal weights, as far as each name's volume allows."""

    scheme: Literal["liquidity_capped"]
    liquidity: Liquidity


class Given(_Weights):
    """The weights of the list or the positions, as they are."""

    scheme: Literal["given"]


Weights = Annotated[
    Equal | CapWeighted | InverseVolatility | ScoreTilt | MinimumVariance | RiskParity | LiquidityCapped | Given,
    Field(discriminator="scheme"),
]


class Target(Strict):
    """An exposure to hold within a band, absolutely or relative to the long book."""

    exposure: Literal["beta", "size", "value", "momentum", "quality", "sector"]
    """beta: to the market, 1 is the market's. Others: standard deviations over the index members. sector: weights."""
    target: float | None = None
    """Needed unless relative to the book; then a difference to it (0 by default)."""
    within: float = Field(gt=0)
    relative_to: Literal["zero", "book"] = "zero"
    priority: int | None = Field(None, ge=1, le=9)
    """Without one the target must be met; with one it gives way when it has to, 1 last."""

    @model_validator(mode="after")
    def complete(self) -> Target:
        if self.exposure == "sector" and self.relative_to != "book":
            raise ValueError("relative_to: sector weights are held near the book's; write book")
        if self.target is None and self.relative_to == "zero":
            raise ValueError("target: needed, unless the target is relative_to book")
        return self
