"""The run: which book, hedged by which basket, over which span, at which costs, compared with what.

Fields are plain numbers with their unit in the name; bps appear here and in reports only, and are converted once.
Imports nothing heavy, so that `hedgebasket validate` answers at once.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from backtest.overlay_spec import Overlay
from backtest.short_spec import Implementation, Liquidity, Margin, Recalls, ShortLimits, Swap
from backtest.stand_in_spec import StandIn
from backtest.strict import Bps, BpsOrFile, Strict, TableRef, value_form
from screens.loading import BasketRef, BookRef, RegimeRef

RESERVED = ("book", "book shorts", "basket", "hedged", "account", "total")  # names of sleeves that every run has

Fee = Annotated[float, Field(ge=0, le=5)]
EstimatorName = Literal[
    "dollar_neutral", "beta_matched", "ols", "rolling", "ewma", "blume", "vasicek", "scholes_williams", "dimson", "tls",
    "huber", "quantile", "downside_beta", "lower_partial_moment", "min_semivariance", "min_cvar", "min_drawdown",
    "mean_variance", "kalman", "ccc_garch", "dcc_garch", "volatility_parity", "factor_neutral", "multi_instrument",
]  # fmt: skip
"""The keys of `basket.hedge.ESTIMATORS`, written out so that a config is checked without importing any of them."""


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
    """What a trade costs on each side. `half_spread: tiers` goes by market capitalisation (1 to 30 bps).

    It may be a number of bps, or a CSV of `date?, ticker?, value` in bps: a value holds from its date on, and names
    without one keep their tier. So may `commission_bps`; there a row without a ticker is for stocks, since funds cost
    `fund_bps` all in, and names without one keep the default.
    """

    commission_bps: BpsOrFile = 0.5
    half_spread: Annotated[
        Annotated[Literal["tiers"], Tag("word")] | Annotated[Bps, Tag("number")] | Annotated[TableRef, Tag("file")],
        Discriminator(value_form),
    ] = "tiers"  # fmt: skip
    fund_bps: Bps = 0.5
    impact_coefficient: float = Field(0.0, ge=0, le=5)


class Borrow(Strict):
    """What the shares cost to borrow, a year. Dated fees where the store has them, otherwise tiers; then scaled.

    Which names are too dear to short is the basket's own rule (`selection.max_borrow_fee`). Funds have their own fee.
    `fee` may be a number, or a CSV of `date?, ticker?, value` (decimal a year): a value holds from its date on, and
    names without one keep the table's or their tier. `squeeze_kappa` makes undated fees dearer while a name rises:
    x exp(kappa x the rise of 21 sessions / 50 %), at most 100 % a year. `fund_fee_bps` may be such a CSV too, in bps
    and of funds alone.
    """

    fee: Annotated[
        Annotated[Literal["table"], Tag("word")] | Annotated[Fee, Tag("number")] | Annotated[TableRef, Tag("file")],
        Discriminator(value_form),
    ] = "table"  # fmt: skip
    multiplier: float = Field(1.0, ge=0, le=100)
    squeeze_kappa: float = Field(0.0, ge=0, le=10)
    fund_fee_bps: BpsOrFile = 30.0


class Cash(Strict):
    """What cash and short proceeds earn: the benchmark rate, less the prime broker's spread on the proceeds.

    `settlement` says from when a position accrues: the day of its trade, or that trade's settlement (T+3, T+2 from
    September 2017, T+1 from May 2024). A spread may be a number, or a CSV of `date?, value` in bps: a value holds from
    its date on, and the default before it. What differs by name belongs into `borrow.fee`.
    """

    benchmark: str = "fed_funds"
    short_proceeds_spread_bps: BpsOrFile = 35.0
    debit_spread_bps: BpsOrFile = 50.0
    settlement: Literal["trade", "standard"] = "trade"


class ShortLeg(Strict):
    """Something else held short in the same account: another basket, or an index fund.

    Its size is a fixed `ratio` (dollars per dollar of book), a `hedge` of its own, estimated against the book alone, or
    neither: then the run's estimator, `multi_instrument`, sizes it together with the basket.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")
    basket: BasketRef | None = None
    index: str | None = None
    ratio: float | None = Field(None, ge=0, le=5)
    hedge: Hedge | None = None
    implementation: Implementation = "stock"

    @model_validator(mode="after")
    def consistent(self) -> ShortLeg:
        if (self.basket is None) == (self.index is None):
            raise ValueError(f"{self.name}: give either basket or index")
        if self.ratio is not None and self.hedge is not None:
            raise ValueError(f"{self.name}: ratio and hedge exclude each other")
        if self.name in RESERVED:
            raise ValueError(f"{self.name}: every run has a part of that name; choose another")
        if self.hedge is not None and self.hedge.estimator == "multi_instrument":
            raise ValueError(f"{self.name}: multi_instrument sizes all legs together; name it in the run's own hedge")
        return self

    @property
    def joint(self) -> bool:
        """Whether the run's estimator sizes it together with the basket."""
        return self.ratio is None and self.hedge is None


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
    implementation: Implementation = "stock"
    swap: Swap = Swap()
    shorts: tuple[ShortLeg, ...] = Field((), validate_default=True)
    margin: Margin = Margin()
    recalls: Recalls | None = None
    short_limits: ShortLimits = ShortLimits()
    liquidity: Liquidity = Liquidity()
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

    # Combinations that no desk could hold, told at the line of the key that comes later in this class.

    @field_validator("shorts")
    @classmethod
    def legs_have_sizes(cls, legs: tuple[ShortLeg, ...], info: ValidationInfo) -> tuple[ShortLeg, ...]:
        names = [leg.name for leg in legs]
        if len(set(names)) < len(names):
            raise ValueError(f"every leg needs a name of its own, found {', '.join(names)}")
        joint = [leg.name for leg in legs if leg.joint]
        several = "hedge" in info.data and info.data["hedge"].estimator == "multi_instrument"
        if joint and "hedge" in info.data and not several:
            raise ValueError(
                f"{', '.join(joint)} has neither ratio nor hedge; only hedge.estimator: multi_instrument sizes legs "
                "together"
            )
        if several and not joint:
            raise ValueError(
                "hedge.estimator: multi_instrument sizes the basket together with others; name them in shorts, "
                "without ratio or hedge"
            )
        return legs

    @field_validator("margin")
    @classmethod
    def margin_fits(cls, margin: Margin, info: ValidationInfo) -> Margin:
        if margin.rules == "reg_t" and margin.enforce and "swap" in _held(info, baskets_only=False):
            raise ValueError("a swap is not margined under Regulation T; use rules: portfolio, or enforce: false")
        return margin

    @field_validator("recalls")
    @classmethod
    def something_is_on_loan(cls, recalls: Recalls | None, info: ValidationInfo) -> Recalls | None:
        if recalls is not None and "stock" not in _held(info, baskets_only=True):
            raise ValueError("no basket is held in borrowed stock; a swap has no shares to call back")
        return recalls


def _held(info: ValidationInfo, baskets_only: bool) -> set[str]:
    """How the legs are held, as far as these fields are sound themselves."""
    legs: tuple[ShortLeg, ...] = info.data.get("shorts", ())
    others = {leg.implementation for leg in legs if leg.basket is not None or not baskets_only}
    return others | {info.data.get("implementation", "stock")}
