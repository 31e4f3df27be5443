"""The grammar of a basket and of a book: what may stand in a file with `kind: basket` or `kind: book`.

1. `source`: where the names come from (a screen, the largest companies, a fixed list, the user's own positions).
2. `schedule`: when it trades, and how long before that its signals end.
3. `selection`: how many names, the buffer, limits per sector and issuer, and which names may not be shorted.
4. `weights`: a scheme, then caps; `targets`: exposures to hold, some of them softly.
5. `level`: what happens to the money of a name that ends, and the first level.

A book is the long side and a basket the short one; they are built by the same parts. Only names and numbers are checked
here; no data are read and nothing heavy is imported.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from basket.source_spec import FixedList, Positions, ScreenSource, Source, Strict, TopByMarketCap, check_buffer
from basket.weight_spec import Given, Positive, ScoreTilt, Target, Weights
from market.errors import ConfigError
from screens.loading import BasketRef, BookRef, Ref, ScreenRef, load
from screens.spec import ScreenSpec
from screens.vocabulary import Ticker

Share = Annotated[float, Field(ge=0, le=1)]
Month = Annotated[int, Field(ge=1, le=12)]

# Caps that miss 1 by less than this hold it: 30 names at 0.0333333333 are meant to be 30 at a thirtieth.
CAP_SLACK = 1e-9


class Schedule(Strict):
    """When the names are chosen anew. The first session of the span always trades."""

    frequency: Literal["monthly", "quarterly", "semiannual", "annual", "custom", "once"] = "quarterly"
    months: tuple[Month, ...] | None = None
    """Months of the year, e.g. [1, 4, 7, 10]."""
    day: Literal["third_friday", "first_session", "last_session", "mid_month"] = "third_friday"
    """A day on which the exchange is shut moves to the session before (first_session: after)."""
    offset: int = Field(0, ge=-10, le=10)
    """Sessions after that day."""
    dates: tuple[dt.date, ...] = ()
    """With `frequency: custom`: sessions of the exchange."""
    signal_lag: int = Field(1, ge=0, le=63)
    """Sessions from the close whose data decide to the close at which orders fill; 10 for an announced rebalance."""
    tranches: int = Field(1, ge=1, le=12)
    """Parts of the basket that take turns at the rebalances, each renewed in full when it is its turn."""

    @model_validator(mode="after")
    def consistent(self) -> Schedule:
        if (self.frequency == "custom") != bool(self.dates):
            raise ValueError("dates: go with frequency custom, which needs them")
        if self.months is not None and self.frequency in ("custom", "once"):
            raise ValueError(f"months: do not go with frequency {self.frequency}")
        if self.months is not None and len(set(self.months)) < len(self.months):
            raise ValueError("months: each only once")
        if len(set(self.dates)) < len(self.dates):
            raise ValueError("dates: each only once")
        return self


class Selection(Strict):
    """How many of the ranked names, and which may not be held. Empty fields follow the screen."""

    count: int | None = Field(None, ge=1)
    enter_rank: int | None = Field(None, ge=1)
    exit_rank: int | None = Field(None, ge=1)
    min_hold: int = Field(0, ge=0, le=40)
    """Rebalances a name is held at least, whatever its rank, as long as it may be held at all."""
    max_per_sector: int | None = Field(None, ge=1)
    max_per_issuer: int = Field(1, ge=1)
    exclude_issuers: tuple[Ticker, ...] = ()
    """Companies, by any of their tickers, that may never be held; a run adds those of the long book."""
    exclude_tags: tuple[str, ...] = ("merger_target",)
    """Dated tags of the table `tags`: a name in a cash deal is pinned to its price."""
    max_borrow_fee: float | None = Field(None, gt=0, le=10)
    """Decimal a year. A basket's default is 0.03, above which shorts are hard to borrow."""
    min_history_sessions: int | None = Field(None, ge=1)
    """Recent listings out: closes known so far."""
    max_short_of_float: Positive | None = None
    """Short interest over float, decimal; a name without the figure passes."""
    max_days_to_cover: float | None = Field(None, gt=0)
    """Shares short over average daily volume; a name without the figure passes."""
    max_return_21: float | None = Field(None, gt=0)
    """Return over 21 sessions, decimal: names in a squeeze out."""
    max_squeeze_percentile: Positive | None = None
    """Squeeze score (short interest, days to cover, recent return, volatility, fee): out from this percentile on."""

    @model_validator(mode="after")
    def buffer(self) -> Selection:
        if self.count is None and (self.enter_rank is not None or self.exit_rank is not None):
            raise ValueError("enter_rank and exit_rank go with count")
        check_buffer(self.count, self.enter_rank, self.exit_rank)
        return self


class Level(Strict):
    """How the index is counted."""

    initial: float = Field(100.0, gt=0)
    on_delete: Literal["prorata", "cash"] = "prorata"
    """What a deleted name's money does until the next rebalance: the other names get it, or it waits."""
    actions: Ref | None = None
    """A CSV of corporate actions (`date, ticker, action, into, ratio, cash`): mergers, spin-offs, new symbols."""


class _Portfolio(Strict):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")
    question: str = ""
    description: str = ""
    schedule: Schedule = Schedule()
    selection: Selection = Selection()
    turnover_cap: Share | None = None
    """One-way turnover of a rebalance at most, against drifted weights; deletions are exempt."""
    level: Level = Level()


class BasketSpec(_Portfolio):
    """The short side, quoted long: its level falls when the hedge gains."""

    kind: Literal["basket"]
    imports: tuple[BasketRef, ...] = ()
    """Baskets this one builds on: mappings merge key by key, null removes, lists are replaced."""
    screen: ScreenRef | None = None
    """Shorthand for a source of kind screen."""
    source: Source | None = Field(None, validate_default=True)
    weights: Weights | None = Field(None, validate_default=True)
    """By default equal; what a list or the positions give, where they give weights."""
    targets: tuple[Target, ...] = ()

    @field_validator("source")
    @classmethod
    def one_source(cls, source: Source | None, info: ValidationInfo) -> Source | None:
        if (source is None) == (info.data.get("screen") is None) and "screen" in info.data:
            raise ValueError("give screen or source, one of the two")
        return source

    @field_validator("weights")
    @classmethod
    def possible(cls, weights: Weights | None, info: ValidationInfo) -> Weights | None:
        screen = info.data.get("screen")
        source = ScreenSource(kind="screen", screen=screen) if screen is not None else info.data.get("source")
        return _checked_weights(weights, source, info.data.get("selection"))

    def origin(self) -> Source:
        """The source, whichever way it was written."""
        if self.screen is not None:
            return ScreenSource(kind="screen", screen=self.screen)
        if self.source is None:
            raise ConfigError(f"{self.name}: neither screen nor source is given")
        return self.source


class BookSpec(_Portfolio):
    """The long side."""

    kind: Literal["book"]
    imports: tuple[BookRef, ...] = ()
    """Books this one builds on: mappings merge key by key, null removes, lists are replaced."""
    source: Source
    weights: Weights | None = Field(None, validate_default=True)
    """By default capitalisation for the largest companies, equal for a list, as given where weights are given."""

    @field_validator("weights")
    @classmethod
    def possible(cls, weights: Weights | None, info: ValidationInfo) -> Weights | None:
        return _checked_weights(weights, info.data.get("source"), info.data.get("selection"))

    @property
    def targets(self) -> tuple[Target, ...]:
        """A book has no exposure targets: it is what the others are held against."""
        return ()

    def origin(self) -> Source:
        """The source of the names."""
        return self.source


def names_wanted(source: Source, selection: Selection | None) -> int | None:
    """How many names the rules ask for, where that can be told without data."""
    if selection is not None and selection.count is not None:
        return selection.count
    if isinstance(source, TopByMarketCap):
        return source.count
    if isinstance(source, FixedList):
        return len(source.tickers) or len(source.given)
    if isinstance(source, ScreenSource):
        try:
            return load(source.screen.target, ScreenSpec).selection.count
        except ConfigError:
            return None  # the screen's own errors are reported where they are
    return None


def _checked_weights(weights: Weights | None, source: Source | None, selection: Selection | None) -> Weights | None:
    """Weights that can hold at all: caps that fit the number of names, a scheme that fits the source."""
    if weights is None or source is None:
        return weights
    gives_weights = isinstance(source, Positions) or (isinstance(source, FixedList) and bool(source.given))
    if isinstance(weights, Given) and not gives_weights:
        raise ValueError(f"scheme: given needs a source that gives weights, and {source.kind} does not")
    if isinstance(weights, ScoreTilt) and not isinstance(source, ScreenSource):
        raise ValueError(f"scheme: score_tilt needs the score of a screen, and the source is {source.kind}")
    count = names_wanted(source, selection)
    if count is not None and weights.name_cap is not None and count * weights.name_cap < 1 - CAP_SLACK:
        raise ValueError(
            f"name_cap: {weights.name_cap:g} cannot hold {count} names at a sum of 1 "
            f"({count} × {weights.name_cap:g} = {count * weights.name_cap:g}); needs at least {_ceil(1 / count)}"
        )
    return weights


def _ceil(value: float) -> str:
    """Rounded up to four decimals, so that the suggestion holds."""
    return f"{-(-value * 10_000 // 1) / 10_000:g}"
