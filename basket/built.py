"""A basket or a book as built: weights, level, turnover, and why each name came and went.

Everything is a function of what the build stored; nothing is computed before it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket.actions import CorporateAction
from basket.composition import Event
from basket.level import LevelHistory, excess_level
from basket.pool import Pool
from basket.sizing import Sizer
from basket.spec import BasketSpec, BookSpec
from basket.walk import Limits
from market.errors import DataError

if TYPE_CHECKING:
    from market.market import Market
    from screens.screened import Screened

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Basket:
    """A dated basket and its index. Weights are positive and sum to 1 (a book's shorts are negative).

    signal_sessions: by rebalance session, the session whose close its signals knew. pools, limits, size: what the
    selection chose from and by which rules, in the order of the rebalances. screened: by signal session.
    """

    spec: BasketSpec | BookSpec
    market: Market = field(repr=False)
    history: LevelHistory = field(repr=False)
    signal_sessions: pd.Series = field(repr=False)
    pools: tuple[Pool, ...] = field(repr=False)
    limits: Limits = field(repr=False)
    size: Sizer = field(repr=False)
    screened: Mapping[pd.Timestamp, Screened] = field(repr=False)
    actions: tuple[CorporateAction, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        return self.spec.name

    @cached_property
    def sessions(self) -> pd.DatetimeIndex:
        """From the inception to the end."""
        return self.history.sessions

    @cached_property
    def rebalances(self) -> pd.DatetimeIndex:
        """Sessions at whose close the basket traded, the inception first."""
        return self.history.prices.sessions[self.history.rebalances]

    @cached_property
    def weights(self) -> pd.DataFrame:
        """Weights as bought: rebalance sessions × tickers ever held; rows sum to 1, 0 is not held."""
        held = np.flatnonzero(self.history.weights.any(axis=0))
        return pd.DataFrame(
            self.history.weights[:, held], index=self.rebalances, columns=self.history.prices.tickers[held]
        )

    @cached_property
    def level(self) -> pd.Series:
        """Total-return level, 100 at the inception unless the spec says otherwise."""
        return pd.Series(self.history.level, index=self.sessions, name=self.name)

    @cached_property
    def price_level(self) -> pd.Series:
        """The level without dividends."""
        return pd.Series(self.history.price_level, index=self.sessions, name=self.name)

    @cached_property
    def returns(self) -> pd.Series:
        """Simple total return of each session after the inception."""
        return pd.Series(self.history.returns, index=self.sessions[1:], name=self.name)

    @cached_property
    def divisor(self) -> pd.Series:
        """Divisor each session's level was computed with."""
        return pd.Series(self.history.divisor(), index=self.sessions, name="divisor")

    @cached_property
    def turnover(self) -> pd.Series:
        """One-way turnover of each rebalance, ½Σ|w − drifted|; 1 at the inception, which buys everything from cash."""
        return pd.Series(self.history.turnover, index=self.rebalances, name="turnover")

    @cached_property
    def events(self) -> pd.DataFrame:
        """Everything that happened but the trades: session, ticker, event, value, detail.

        Deletions, mergers, halts, rules that bound or gave way, and splits and dividends of the names held.
        """
        from basket.distributions import distributions

        frame = pd.DataFrame([*self.history.events, *distributions(self.history)], columns=list(Event._fields))
        return frame.sort_values(["session", "ticker"], kind="stable", ignore_index=True)

    def excess_level(self, rate: str = "fed_funds") -> pd.Series:
        """The total-return level less cash at a rate of the market's table."""
        return excess_level(self.level, self.market.rates(rate))

    def drifted_weights(self) -> pd.DataFrame:
        """Weights at each close before its trades: sessions × tickers ever held. The inception row is as bought."""
        columns, drifted = self.history.drifted()
        return pd.DataFrame(drifted, index=self.sessions, columns=self.history.prices.tickers[columns])

    def held_on(self, session: str | pd.Timestamp) -> pd.Series:
        """Weights in force after a session's close, of the names held; largest first.

        Raises `DataError` for a day that is no session, or outside the basket's life.
        """
        day = self.market.session(session)
        if not self.sessions[0] <= day <= self.sessions[-1]:
            raise DataError(
                f"{self.name} lives from {self.sessions[0].date()} to {self.sessions[-1].date()}: nothing is held on "
                f"{day.date()}"
            )
        frame = self.weights if day in self.weights.index else self.drifted_weights()
        row = pd.Series(frame.loc[day].to_numpy(dtype=float), index=frame.columns, name=day)
        return row[row.to_numpy() != 0].sort_values(ascending=False, kind="stable")

    def weights_known_at(self, session: pd.Timestamp, tickers: pd.Index) -> Floats:
        """Target weights (n_assets,) last decided on what `session` knew; zero before the first decision."""
        decided = np.flatnonzero(self.signal_sessions.to_numpy() <= np.datetime64(session))
        if decided.size == 0:
            return np.zeros(len(tickers))
        return self.weights.iloc[decided[-1]].reindex(tickers).fillna(0.0).to_numpy()

    def issuers_known_at(self, session: pd.Timestamp) -> frozenset[str]:
        """Companies held long by what was decided last at `session`; those of the first decision before it."""
        decided = np.flatnonzero(self.signal_sessions.to_numpy() <= np.datetime64(session))
        row = self.weights.iloc[decided[-1] if decided.size else 0]
        return frozenset(self.market.securities.loc[row.index[row > 0], "issuer"].astype(str))

    @property
    def issuers(self) -> frozenset[str]:
        """Companies ever held long."""
        held = self.weights.columns[(self.weights > 0).any(axis=0)]
        return frozenset(self.market.securities.loc[held, "issuer"].astype(str))

    @cached_property
    def changes(self) -> pd.DataFrame:
        """Entries and exits in order of date: date, ticker, action (enter, exit), rank, reason."""
        from basket.reasons import changes

        return changes(self)

    @property
    def entries(self) -> pd.DataFrame:
        """Names that came in, with rank and reason."""
        return self.changes[self.changes["action"] == "enter"].reset_index(drop=True)

    @property
    def exits(self) -> pd.DataFrame:
        """Names that left, with rank and reason."""
        return self.changes[self.changes["action"] == "exit"].reset_index(drop=True)

    def exposures(self, market: str = "SPY") -> pd.DataFrame:
        """Beta, size, value, momentum, quality and sector weights at each rebalance, as known at its signal session."""
        from basket.through_time import exposures_through_time

        return exposures_through_time(self, market)

    def overlap(self, other: Basket) -> pd.Series:
        """Weight shared with another basket or book, Σ min(w, v), at each close both exist."""
        from basket.through_time import overlap_through_time

        return overlap_through_time(self, other)

    def capacity(
        self,
        notional: float | None = None,
        session: str | pd.Timestamp | None = None,
        *,
        participation: float = 0.10,
        days: float = 5.0,
    ) -> pd.DataFrame:
        """Liquidity of each name held at a session (by default the last); see `basket.capacity.capacity_table`."""
        from basket.capacity import capacity_table

        day = self.sessions[-1] if session is None else self.market.session(session)
        return capacity_table(
            self.market.as_of(day), self.held_on(day), notional, participation=participation, days=days
        )

    def carries(self, session: str | pd.Timestamp | None = None) -> dict[str, float]:
        """USD the basket can carry at a session (by default the last), as `basket.capacity.capacity_summary`.

        Impact is that of the basket's own turnover: the mean of its rebalances after the inception, by the year.
        """
        from basket.capacity import ASSUMED_TURNOVER, capacity_summary

        day = self.sessions[-1] if session is None else self.market.session(session)
        later = self.turnover.iloc[1:]
        years = (self.rebalances[-1] - self.rebalances[0]).days / 365.25
        turnover = float(later.sum()) / years if years > 0 and later.sum() > 0 else ASSUMED_TURNOVER
        return capacity_summary(self.market.as_of(day), self.held_on(day), turnover)

    def __repr__(self) -> str:
        first, last = self.sessions[0].date(), self.sessions[-1].date()
        return f"<Basket {self.name}: {len(self.rebalances)} rebalances, {first} to {last}>"

    def _repr_html_(self) -> str:
        from html import escape

        held = self.held_on(self.sessions[-1])
        lead = (
            f"<b>{escape(self.name)}</b>: {len(held)} names on {self.sessions[-1].date()}, {len(self.rebalances)} "
            f"rebalances since {self.sessions[0].date()}"
        )
        top = held.head(10).map("{:.1%}".format).rename("weight").to_frame().T
        return f"<p>{lead}; the largest now:</p>{top.to_html()}"
