"""The market through time, as arrays: what regime signals read.

1. Prices are the market's panel, carried by splits from the first session on; nothing is re-based from the end.
2. A session's members are the index members of that day; signals never look at today's list in the past.
3. Weights are market caps as known on the session, one line per issuer, so that no company counts twice.
4. Statement figures are read through views, on the first session of each week, and hold until the next one.

Shapes are (n_sessions, n_assets) or (n_sessions,); row t reads rows up to t only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from market.errors import DataError
from screens.regime.rolling import Array, Mask, rolling_mean

if TYPE_CHECKING:
    import pandas as pd

    from market import Market, View
    from market.view import Basis

T = TypeVar("T")

LONGEST_HALT = 5  # sessions
OLDEST_CAP = np.timedelta64(400, "D")  # as views do: an annual table still serves, nothing older
THURSDAY = 3  # 1970-01-01 was one, counting from Monday


class Tape:
    """All sessions of a market and the members of `index` on each; `level` and `fund` are tickers of it."""

    def __init__(self, data: Market, index: str, level: str, fund: str) -> None:
        self.data = data
        self.index = index
        self.level = level
        self.fund = fund
        self.sessions: pd.DatetimeIndex = data.sessions
        self.tickers: pd.Index = data.tickers
        self._kept: dict[tuple[object, ...], object] = {}

    @property
    def n_sessions(self) -> int:
        return len(self.sessions)

    def remembered(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """What `make` gives, computed once for each key."""
        if key not in self._kept:
            self._kept[key] = make()
        return cast(T, self._kept[key])

    def columns(self, names: list[str]) -> NDArray[np.int64]:
        """Position of each name among the tickers, -1 where the market does not have it."""
        place = {ticker: position for position, ticker in enumerate(self.tickers)}
        return np.array([place.get(name, -1) for name in names], dtype=np.int64)

    @cached_property
    def members(self) -> Mask:
        """Stocks that were members of the index on each session's day."""
        rows = self.data.rows("members")
        rows = rows[rows["index"] == self.index]
        if rows.empty:
            raise DataError(f"no members of index {self.index!r} in this store: its regime cannot be told")
        out = np.zeros((self.n_sessions, len(self.tickers)), dtype=bool)
        start = self.sessions.searchsorted(rows["start"].to_numpy(), side="left")
        ends = rows["end"].to_numpy() if "end" in rows else np.full(len(rows), np.datetime64("NaT", "ns"))
        end = self.sessions.searchsorted(ends, side="right")
        end = np.where(np.isnat(ends.astype("datetime64[ns]")), self.n_sessions, end)
        columns = self.columns(rows["ticker"].tolist())
        for column, first, last in zip(columns, start, end, strict=True):
            if column >= 0:
                out[first:last, column] = True
        return out & (self.data.securities["type"] == "stock").to_numpy(dtype=bool)

    @cached_property
    def closes(self) -> Array:
        """Closes carried by splits; NaN where a name did not trade."""
        return self.data.panel().carried_close()

    @cached_property
    def held_closes(self) -> Array:
        """Carried closes, a missing one standing at the last of the five sessions before: a halt is not a new name."""
        out = self.closes.copy()
        last = np.where(np.isfinite(out), np.arange(self.n_sessions)[:, None], -1)
        last = np.maximum.accumulate(last, axis=0)
        rows, columns = np.nonzero(np.isnan(out) & (last >= 0))
        near = rows - last[rows, columns] <= LONGEST_HALT
        rows, columns = rows[near], columns[near]
        out[rows, columns] = self.closes[last[rows, columns], columns]
        return out

    @cached_property
    def returns(self) -> Array:
        """Simple total returns."""
        return self.data.panel().total_returns()

    @cached_property
    def caps(self) -> Array:
        """Market caps of members in USD, one line per issuer (the first by ticker that has one); NaN elsewhere."""
        caps = self.data.market_caps
        if caps is None:
            raise DataError("no market_cap table in this store: index weights cannot be told")
        last = caps.dates.searchsorted(self.sessions.to_numpy(), side="right") - 1
        columns = np.arange(len(self.tickers))
        held = np.where(
            last[:, None] >= 0, caps.day[np.maximum(last, 0)], -1
        )  # row of the table, (n_sessions, n_assets)
        at = np.maximum(held, 0)
        age = self.sessions.to_numpy()[:, None] - caps.dates[at]
        base = caps.session[at]
        before = np.where(base >= 0, self.held_closes[np.maximum(base, 0), columns], np.nan)
        moved = np.where(np.isnan(before), 1.0, self.held_closes / np.where(before > 0, before, 1.0))
        out = np.where((held >= 0) & (age <= OLDEST_CAP), caps.value[at, columns] * moved, np.nan)
        out[~self.members | np.isnan(self.held_closes)] = np.nan
        issuers = self.data.securities["issuer"].to_numpy(dtype=object)
        by_issuer: dict[object, list[int]] = {}
        for column, issuer in enumerate(issuers):
            if issuer:
                by_issuer.setdefault(issuer, []).append(column)
        for lines in by_issuer.values():
            for place, column in enumerate(lines[1:], start=1):
                earlier = np.isfinite(out[:, lines[:place]]).any(axis=1)
                out[earlier, column] = np.nan
        return out

    @cached_property
    def weights(self) -> Array:
        """Cap weights of a session's members, summing to one; zero for all others, NaN rows without any cap."""
        caps = np.nan_to_num(self.caps)
        total = caps.sum(axis=1, keepdims=True)
        return caps / np.where(total > 0, total, np.nan)

    @cached_property
    def weights_before(self) -> Array:
        """Weights at the close before each session: those that earn its return."""
        return np.vstack([np.full((1, len(self.tickers)), np.nan), self.weights[:-1]])

    @cached_property
    def cap_weighted_return(self) -> Array:
        """Return of the members held at the weights of the session before; names without a return are left out."""
        known = np.isfinite(self.returns)
        weights = np.where(known, np.nan_to_num(self.weights_before), 0.0)
        total = weights.sum(axis=1)
        gained = (weights * np.where(known, self.returns, 0.0)).sum(axis=1)
        return gained / np.where(total > 0, total, np.nan)

    @cached_property
    def equal_weighted_return(self) -> Array:
        """Mean return of the members of the session before, companies with a market cap or not."""
        return self.mean_return(np.ones(len(self.tickers), dtype=bool))

    def mean_return(self, among: Mask) -> Array:
        """Mean return, each session, of the names `among` (n_assets,) that were members the session before."""
        before = np.vstack([np.zeros((1, len(self.tickers)), dtype=bool), self.members[:-1]])
        held = before & among & np.isfinite(self.returns)
        n = held.sum(axis=1)
        return np.where(held, self.returns, 0.0).sum(axis=1) / np.where(n > 0, n, np.nan)

    def share_of_members(self, condition: Mask, eligible: Mask) -> Array:
        """Share, each session, of the members that are eligible for whom the condition holds."""
        counted = self.members & eligible
        n = counted.sum(axis=1)
        return (condition & counted).sum(axis=1) / np.where(n > 0, n, np.nan)

    def price(self, ticker: str) -> Array:
        """Carried closes of one ticker, shape (n_sessions,). Raises `DataError` where the store does not have it."""
        return np.asarray(self.closes[:, self.data.panel().column(ticker)])

    def on_level(self, figure: Callable[[Array], Array]) -> Array:
        """A figure of the index level; on sessions without a level, that of the fund's own series (a total return).

        Each series is taken whole, so the two are never spliced. Raises `DataError` where the store has neither.
        """
        known = [name for name in (self.level, self.fund) if name in self.tickers]
        if not known:
            raise DataError(f"neither {self.level} nor {self.fund} has prices in this store")
        out = np.full(self.n_sessions, np.nan)
        for name in known:
            price = self.price(name)
            use = np.isnan(out) & np.isfinite(price)
            out[use] = figure(price)[use]
        return out

    def above_average(self, window: int) -> tuple[Mask, Mask]:
        """Whether each close is above the average of `window` closes, today's included, and where that is known."""
        average = self.remembered(("average", window), lambda: rolling_mean(self.held_closes, window))
        return self.closes > average, np.isfinite(average) & np.isfinite(self.closes)

    def sector_is(self, *names: str) -> Mask:
        """Names of the given GICS sectors, today's classification; shape (n_assets,)."""
        return np.asarray(np.isin(self.data.securities["sector"].to_numpy(dtype=object), names))

    def industry_is(self, *names: str) -> Mask:
        """Names of the given GICS sub-industries, today's classification; shape (n_assets,)."""
        return np.asarray(np.isin(self.data.securities["industry"].to_numpy(dtype=object), names))

    def weekly(self, name: str, read: Callable[[View], Array]) -> Array:
        """Statement figures of all names on the first session of each week, shape (n_weeks, n_assets), kept by name."""

        def all_weeks() -> Array:
            return np.vstack([read(self.data.as_of(self.sessions[first])) for first in self.week_starts])

        return self.remembered(("weekly", name), all_weeks)

    def weekly_item(self, item: str, basis: Basis, lag: int = 0) -> Array:
        """A statement item as known on the first session of each week, shape (n_weeks, n_assets)."""
        return self.weekly(f"{item} {basis} {lag}", lambda view: view.item(item, basis, lag))

    def held(self, by_week: Array) -> Array:
        """A figure a week, held on every session until the next week; (n_weeks,) to (n_sessions,)."""
        return np.repeat(by_week, np.diff([*self.week_starts.tolist(), self.n_sessions]))

    @cached_property
    def week_starts(self) -> NDArray[np.int64]:
        """Row of the first session of each calendar week."""
        day = self.sessions.to_numpy().astype("datetime64[D]").astype(np.int64)
        week = (day + THURSDAY) // 7  # weeks begin on Monday
        return np.flatnonzero(np.r_[True, week[1:] != week[:-1]])
