"""What it takes to hold a short, as a run's config says it: margin, recalls, limits, volume, or a swap instead.

Every block is off, or measures only, unless the config says otherwise. Rates are decimals, bps where the name says so.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from backtest.strict import Bps, BpsOrFile, Fraction, Strict, TableRef, list_form

Implementation = Literal["stock", "swap"]


class Margin(Strict):
    """What the broker wants to see, and whether a call is acted on (pro rata, at the next close).

    With `rules: none` nothing is demanded, and the buffer a squeeze takes is measured under Regulation T. `house` is a
    CSV of the broker's own requirements of shorts (`date?, ticker?, value`, decimal of the position), which count where
    they are stricter. `single_name_rate` and `index_rate` belong to `portfolio`: the loss in a move of that size.
    """

    rules: Literal["none", "reg_t", "portfolio"] = "none"
    enforce: bool = False
    single_name_rate: float = Field(0.15, gt=0, le=1)
    index_rate: float = Field(0.08, gt=0, le=1)
    house: TableRef | None = None

    @model_validator(mode="after")
    def consistent(self) -> Margin:
        if self.enforce and self.rules == "none":
            raise ValueError("enforce: true needs rules to enforce: reg_t or portfolio")
        own = self.model_fields_set & {"single_name_rate", "index_rate"}
        if own and self.rules != "portfolio":
            raise ValueError(
                f"{', '.join(sorted(own))}: only rules: portfolio has such a rate, and rules is {self.rules}"
            )
        if self.index_rate > self.single_name_rate:
            raise ValueError(f"index_rate: {self.index_rate} is above single_name_rate: {self.single_name_rate}")
        return self


class Recalls(Strict):
    """Lenders that call shares back; whoever is short is bought in at that close and stays out for a while.

    `hazard_per_month` is the chance of a special (fee of `special_fee_bps` or more); general collateral has the share
    `general_collateral` of it.
    """

    hazard_per_month: float = Field(0.02, gt=0, lt=1)
    general_collateral: Fraction = 0.1
    special_fee_bps: Bps = 200.0
    lock_sessions: int = Field(23, ge=0, le=252)
    seed: int = 6


class Ban(Strict):
    """A name whose short may not be opened or added to from `start` to `end`, both included; closing it is allowed."""

    ticker: str = Field(min_length=1)
    start: dt.date
    end: dt.date | None = None

    @model_validator(mode="after")
    def ordered(self) -> Ban:
        if self.end is not None and self.end < self.start:
            raise ValueError(f"{self.ticker}: the ban ends on {self.end}, before it starts on {self.start}")
        return self


Bans = Annotated[Annotated[tuple[Ban, ...], Tag("list")] | Annotated[TableRef, Tag("file")], Discriminator(list_form)]


class ShortLimits(Strict):
    """How much of a name may be short, by date. A limit stops a short from growing, never from being closed.

    A limit is the account's: legs that are short of the same name share it, the basket first, then in their order.

    bans              a list, or a CSV of `ticker, start, end?`
    locates           the `borrow` table's available shares bound each short, for 20 sessions after their date
    max_usd_per_name  largest short of a name
    uptick_rule       Regulation SHO 201: after a close 10 % or more down, no new short that session and the next
    """

    bans: Bans = ()
    locates: bool = False
    max_usd_per_name: float | None = Field(None, gt=0)
    uptick_rule: bool = False


class Liquidity(Strict):
    """How much of a day's volume an order may take, and for how long what is left of it is worked."""

    participation: float | None = Field(None, gt=0, le=1)
    work_sessions: int = Field(5, ge=0, le=63)


class Swap(Strict):
    """A total-return swap on the basket: the dealer lends no shares and charges a spread on the notional instead.

    The short side receives the benchmark less `spread_bps`. Gains and losses are paid in cash every session (variation
    margin); `initial_margin` of the notional is posted and earns `margin_spread_bps` less than free cash. `reset` says
    when the notional that is financed follows the market: at each trade, or every session. A spread may be a number, or
    a CSV of `date?, value` in bps: a value holds from its date on, and the default before it.
    """

    spread_bps: BpsOrFile = 60.0
    initial_margin: Fraction = 0.20
    margin_spread_bps: BpsOrFile = 0.0
    reset: Literal["event", "daily"] = "event"
