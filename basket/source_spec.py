"""Where the names of a basket or a book come from, as it may stand in a file.

A screen, the largest companies by market capitalisation, a fixed list, or the user's own positions.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from screens.loading import Ref, ScreenRef
from screens.vocabulary import Sector, Ticker

WEIGHTS_SUM_TO = 1e-6  # weights that a person typed with four decimals still sum to 1 within this


class Strict(BaseModel):
    """Frozen, and a key that is not known is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def check_buffer(count: int | None, enter: int | None, leave: int | None) -> None:
    if count is not None and enter is not None and enter > count:
        raise ValueError(f"enter_rank: {enter} is more than count {count}")
    if count is not None and leave is not None and leave < count:
        raise ValueError(f"exit_rank: {leave} is less than count {count}")


class ScreenSource(Strict):
    """The names a screen selects on the signal session, worst first."""

    kind: Literal["screen"]
    screen: ScreenRef


class TopByMarketCap(Strict):
    """The largest companies by market capitalisation as known on the signal session."""

    kind: Literal["top_by_market_cap"]
    index: str | None = None
    """Only members of this index on the date, e.g. sp500."""
    count: int = Field(ge=1, le=3000)
    enter_rank: int | None = Field(None, ge=1)
    """Rank by size at which a company enters; by default `count`."""
    exit_rank: int | None = Field(None, ge=1)
    """A company held stays until it ranks below this; by default `count`."""
    one_line_per_issuer: bool = True
    """Of several share lines of a company hold the most liquid one (Alphabet counts once)."""
    exclude_sectors: tuple[Sector, ...] = ()
    exclude_tickers: tuple[Ticker, ...] = ()

    @model_validator(mode="after")
    def buffer(self) -> TopByMarketCap:
        check_buffer(self.count, self.enter_rank, self.exit_rank)
        return self


class FixedList(Strict):
    """The same names throughout, weighed by the scheme, or with the weights given."""

    kind: Literal["fixed"]
    tickers: tuple[Ticker, ...] = ()
    given: dict[Ticker, float] = Field(default_factory=dict, alias="weights")
    """Weights by ticker, summing to 1; negative ones are shorts."""

    @model_validator(mode="after")
    def one_of_them(self) -> FixedList:
        if bool(self.tickers) == bool(self.given):
            raise ValueError("give tickers (a list) or weights (a mapping), one of the two")
        twice = sorted({ticker for ticker in self.tickers if self.tickers.count(ticker) > 1})
        if twice:
            raise ValueError(f"tickers: {', '.join(twice)} stands there more than once")
        total = sum(self.given.values())
        if self.given and abs(total - 1.0) > WEIGHTS_SUM_TO:
            raise ValueError(f"weights sum to {total:.6g}, not to 1; divide each by {total:.6g}")
        return self


class Positions(Strict):
    """The user's own positions from a CSV: `ticker, shares` or `ticker, weight`; negative ones are existing shorts."""

    kind: Literal["positions"]
    file: Ref
    as_of: dt.date | None = None
    """The day the shares are counted on (their split basis); by default the last session of the data."""
    hold: Literal["shares", "weights"] = "shares"
    """shares: the holding, split-adjusted, at every date; weights: those of `as_of`, restored at each rebalance."""


Source = Annotated[ScreenSource | TopByMarketCap | FixedList | Positions, Field(discriminator="kind")]
