"""A bank's basket in the place of ours, as it may stand in a run's file: its levels, and what a short costs.

The user brings the levels (a CSV `date,level`); nobody else's basket is shipped, and none is claimed to be replicated.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from screens.loading import Ref

Bps = Annotated[float, Field(ge=0, le=10_000)]


class StandIn(BaseModel):
    """An index that is shorted whole, for a fee, beside the run's own basket and by the same rules."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: Annotated[str, Field(min_length=1, max_length=60)]
    """What it is called in the tables."""
    levels: Ref
    """A CSV with the columns `date, level`, one row a session; sessions left out keep the level before."""
    quoted: Literal["total_return", "price_return", "excess_return"] = "total_return"
    """What the levels hold: dividends too, prices alone, or the return beyond cash."""
    dividend_yield: Annotated[float, Field(ge=0, le=0.25)] = 0.0
    """Of a price return: dividends a year that the short owes, decimal."""
    fee_bps: Bps = 50.0
    """What the bank or the lender takes a year of the notional short."""
    trade_bps: Bps = 5.0
    """What a trade costs on each side."""

    @model_validator(mode="after")
    def yield_of_a_price_return_only(self) -> StandIn:
        if self.dividend_yield and self.quoted != "price_return":
            raise ValueError(f"dividend_yield: a {self.quoted} index has its dividends inside; leave it out")
        return self
