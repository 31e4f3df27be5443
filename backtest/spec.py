"""The run: which book, hedged by which basket, over which span, at which costs, compared with what.

Fields are plain numbers with their unit in the name; bps appear here and in reports only, and are converted once.
Imports nothing heavy, so that `hedgebasket validate` answers at once.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backtest.overlay_spec import Overlay
from backtest.stand_in_spec import StandIn
from screens.loading import BasketRef, BookRef, RegimeRef

Bps = Annotated[float, Field(ge=0, le=10_000)]
Fraction = Annotated[float, Field(ge=0, le=1)]


EstimatorName = Literal[
    "dollar_neutral", "beta_matched", "ols", "rolling", "ewma", "blume", "vasicek", "scholes_williams", "dimson", "tls",
    "huber", "quantile", "downside_beta", "lower_partial_moment", "min_semivariance", "min_cvar", "min_drawdown",
    "mean_variance", "kalman", "ccc_garch", "dcc_garch", "volatility_parity", "factor_neutral", "multi_instrument",
]  # fmt: skip
"""The keys of `basket.hedge.ESTIMATORS`, written out so that a config is checked without importing any of them."""


class Strict(BaseModel):
    """Frozen, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Span(Strict):
    """First and last session of the run; empty means as early, or as late, as the data carry it."""

    start: dt.date | None = None
    end: dt.date | None = None

    @model_validator(mode="after")
    def ordered(self) -> Span:
        if self.start and self.end and self.start >= self.end:
            raise ValueError(f"the span must end after it starts, and {self.end} is not after {self.start}")
        return self


class Hedge(Strict):
    """How many dollars to short per dollar of book, and how often to look again.

    The ratio at a session uses returns before it. `check` is how often it is estimated between rebalances; it is traded
    only when it moves by more than `band`, by at most `max_step`, inside `bounds`.
    """

    estimator: EstimatorName = "ols"
    window: int = Field(252, ge=20, le=2520)
    min_sessions: int = Field(126, ge=10)
    check: Literal["daily", "weekly", "monthly", "rebalance"] = "weekly"
    band: float = Field(0.05, ge=0, le=1)
    bounds: tuple[float, float] = (0.0, 2.0)
    max_step: float | None = Field(None, gt=0)
    params: dict[str, float | int | str | bool] = Field(default_factory=dict)

    @model_validator(mode="after")
    def consistent(self) -> Hedge:
        if self.min_sessions > self.window:
            raise ValueError(f"min_sessions: {self.min_sessions} is more than the window of {self.window} sessions")
        if not 0 <= self.bounds[0] <= self.bounds[1] <= 5:
            raise ValueError(f"bounds: {list(self.bounds)} must rise from 0 or more to 5 or less")
        return self


class Costs(Strict):
    """What a trade costs on each side. `half_spread: tiers` goes by market capitalisation (1 to 30 bps)."""

    commission_bps: Bps = 0.5
    half_spread: Literal["tiers"] | Bps = "tiers"
    fund_bps: Bps = 0.5
    impact_coefficient: float = Field(0.0, ge=0, le=5)


class Borrow(Strict):
    """What the shares cost to borrow, a year. Dated fees where the store has them, otherwise tiers; then scaled.

    Which names are too dear to short is the basket's own rule (`selection.max_borrow_fee`). Funds have their own fee.
    """

    fee: Literal["table"] | Annotated[float, Field(ge=0, le=5)] = "table"
    multiplier: float = Field(1.0, ge=0, le=100)
    fund_fee_bps: Bps = 30.0


class Cash(Strict):
    """What cash and short proceeds earn: the benchmark rate, less the prime broker's spread on the proceeds."""

    benchmark: str = "fed_funds"
    short_proceeds_spread_bps: Bps = 35.0
    debit_spread_bps: Bps = 50.0


class Placebos(Strict):
    """The same rules with the junk taken out: the best-quality names, and random names behind the same gate."""

    best_quality: bool = True
    random_draws: int = Field(200, ge=0, le=5000)
    seed: int = 20251104


class Bootstrap(Strict):
    """Stationary bootstrap of the intervals; the block length is automatic."""

    draws: int = Field(2000, ge=100, le=100_000)
    seed: int = 7


class RunSpec(Strict):
    """A run: book, basket, hedge, costs, and what it must be compared with."""

    kind: Literal["run"]
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")
    question: str = "What does this short gain in a fall, what does it cost to hold, and when does it hurt?"
    description: str = ""
    book: BookRef
    basket: BasketRef
    span: Span = Span()
    initial_nav: float = Field(100e6, gt=0, le=1e12)
    hedge: Hedge = Hedge()
    costs: Costs = Costs()
    borrow: Borrow = Borrow()
    cash: Cash = Cash()
    market: str = "SPY"
    benchmarks: tuple[str, ...] = ("SPY", "QQQ", "IWM")
    placebos: Placebos = Placebos()
    bootstrap: Bootstrap = Bootstrap()
    regime: RegimeRef | None = None
    overlay: Overlay | None = None
    stand_in: StandIn | None = None
    exclude_book_issuers: bool = True

    @model_validator(mode="after")
    def overlay_has_its_regime(self) -> RunSpec:
        if self.overlay is not None and self.overlay.mode != "always" and self.regime is None:
            raise ValueError(f"overlay: mode {self.overlay.mode} follows a regime; name its file with regime:")
        return self
