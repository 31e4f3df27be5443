"""The sides of a run: the long book, the short basket, what else is short, and the span in which all of them trade.

1. Build the book, then the basket without the companies the book holds on each date; both as early as the data allow,
   so that the hedge ratio has a past to be estimated from.
2. Returns before the first trade are those of the indices; the ratio of a session uses returns before it only.
3. Without a start the run begins at the basket's first rebalance with a hedge ratio; an earlier start is refused.
4. Weights in force at the first session (drifted, where it is no rebalance) are what the accounts buy there.
5. Other legs are sized by a fixed ratio, by an estimator of their own against the book alone, or together with the
   basket; a leg begins where the basket does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import basket
from backtest.simulate.account import Targets
from basket import hedge
from market import calendar
from market.errors import ConfigError, DataError

if TYPE_CHECKING:
    from backtest.short_spec import Implementation
    from backtest.spec import Hedge, RunSpec, ShortLeg
    from basket import Basket
    from market import Market, PricePanel


@dataclass(frozen=True)
class OtherLeg:
    """Something held short beside the basket: a basket of its own, or a fund.

    returns  simple total returns by session
    path     dollars short per dollar of book at each check
    """

    name: str
    basket: Basket | None
    fund: str
    returns: pd.Series
    path: pd.Series
    implementation: Implementation


@dataclass(frozen=True)
class Legs:
    """Book and basket, and the sessions in which the accounts live. further: baskets of other legs, by leg."""

    spec: RunSpec
    data: Market
    book: Basket
    short: Basket
    sessions: pd.DatetimeIndex
    further: Mapping[str, Basket] = field(default_factory=dict)

    @cached_property
    def panel(self) -> PricePanel:
        """Prices of all names over the sessions of the run."""
        return self.data.panel(start=self.sessions[0], end=self.sessions[-1])

    @cached_property
    def checks(self) -> pd.DatetimeIndex:
        """Sessions at which the hedge ratio is estimated: the first, every rebalance of the basket, and the checks."""
        regular = check_sessions(self.spec.hedge.check, self.sessions)
        rebalances = self.short.rebalances.intersection(self.sessions)
        return self.sessions[:1].union(rebalances).union(regular)

    def index_returns(self, ticker: str) -> pd.Series:
        """Simple total returns of a fund or an index over all sessions of the data."""
        panel = self.data.panel([ticker])
        return pd.Series(panel.total_returns()[:, 0], index=panel.sessions, name=ticker)

    def targets(self, leg: Basket) -> Targets:
        """Weights over all tickers by session of the run: those in force at the first, then each rebalance."""
        return targets_of(leg, self.sessions, self.data.tickers)

    @cached_property
    def joint(self) -> pd.DataFrame:
        """Returns of the legs that the run's estimator sizes together with the basket, one column each."""
        chosen = [leg for leg in self.spec.shorts if leg.joint]
        return pd.DataFrame({leg.name: self.returns_of(leg) for leg in chosen})

    @cached_property
    def others(self) -> tuple[OtherLeg, ...]:
        """What is short beside the basket, with its ratios."""
        found = []
        together = self.ratio_path(self.short.returns) if len(self.joint.columns) else None
        for leg in self.spec.shorts:
            returns = self.returns_of(leg)
            if leg.joint and together is not None:
                path = together[f"target:{leg.name}"].rename("target")
            elif leg.hedge is not None:
                kind = leg.hedge.estimator
                given = self.series_for(kind, dict(leg.hedge.params))
                path = walk(leg.hedge, kind, self.book.returns, returns, self.checks, given)["target"]
            else:
                path = pd.Series([leg.ratio], index=self.sessions[:1], name="target", dtype=np.float64)
            basket_held = self.further.get(leg.name)
            found.append(OtherLeg(leg.name, basket_held, leg.index or "", returns, path, leg.implementation))
        return tuple(found)

    def returns_of(self, leg: ShortLeg) -> pd.Series:
        """Simple total returns of another leg, by session."""
        return self.further[leg.name].returns if leg.index is None else self.index_returns(leg.index)

    def ratio_path(self, returns: pd.Series, estimator: str | None = None) -> pd.DataFrame:
        """Walk-forward ratio of the book against anything's returns at every check: `raw`, `target`."""
        rules = self.spec.hedge
        kind = rules.estimator if estimator is None else estimator
        return walk(rules, kind, self.book.returns, returns, self.checks, self.parameters(kind))

    def parameters(self, kind: str) -> dict[str, object]:
        """The estimator's parameters: those of the spec, and what else of the run's data it asks for."""
        given: dict[str, object] = dict(self.spec.hedge.params) if kind == self.spec.hedge.estimator else {}
        return self.series_for(kind, given)

    def series_for(self, kind: str, given: dict[str, object]) -> dict[str, object]:
        """`given`, and beside it the series and figures of the run's data that the estimator asks for."""
        from backtest.estimator_inputs import carry_annual, factor_returns

        wants = hedge.estimator(kind).series
        found = dict(given)
        if "market" in wants:
            found["market"] = self.index_returns(self.spec.market)
        if "factors" in wants:
            found["factors"] = factor_returns(self.data)
        if "carry" in wants and "carry" not in found:
            found["carry"] = carry_annual(self)
        if kind == "multi_instrument":
            if not len(self.joint.columns):
                raise ConfigError(
                    f"{self.spec.name}: multi_instrument sizes the basket beside other instruments; name them in shorts"
                )
            found["instruments"] = self.joint
        return found


def build_legs(spec: RunSpec, data: Market) -> Legs:
    """Build both sides and settle the span.

    Raises `ConfigError` for a span outside of what the data and the hedge ratio's window allow.
    """
    hedge.estimator(spec.hedge.estimator)  # an unknown one is refused before anything is built
    funds = dict.fromkeys((spec.market, *spec.benchmarks), "market or benchmarks")
    for ticker, where in (funds | {leg.index: f"shorts ({leg.name})" for leg in spec.shorts if leg.index}).items():
        if ticker not in data.tickers:
            raise ConfigError(f"{spec.name}: no prices of {ticker}{data.hint(ticker)}; it is named by {where}")
    proxy = spec.overlay.squeeze.proxy if spec.overlay is not None and spec.overlay.squeeze is not None else None
    if proxy is not None and proxy not in data.tickers:
        raise ConfigError(f"{spec.name}: no prices of {proxy}{data.hint(proxy)}; it is named by overlay.squeeze.proxy")
    if spec.span.start is not None and pd.Timestamp(spec.span.start) < data.start:
        raise ConfigError(f"span: {spec.span.start} is before the data, which begin on {data.start.date()}")
    end = data.end if spec.span.end is None else _session_before(data, spec.span.end)
    book = basket.build(spec.book.target, data, end=end)
    exclude = book if spec.exclude_book_issuers else ()
    short = basket.build(spec.basket.target, data, end=end, exclude=exclude, book=book)
    begin = _first_session(spec, data, book, short, end)
    sessions = data.sessions[(data.sessions >= begin) & (data.sessions <= end)]
    if len(sessions) < 2:
        raise ConfigError(f"{spec.name}: the span holds {len(sessions)} session; it needs at least 2")
    further = {
        leg.name: basket.build(leg.basket.target, data, end=end, exclude=exclude, book=book)
        for leg in spec.shorts
        if leg.basket is not None
    }
    return Legs(spec, data, book, short, sessions, further)


def _session_before(data: Market, day: object) -> pd.Timestamp:
    stamp = pd.Timestamp(str(day))
    if stamp > data.end:
        raise ConfigError(f"span: {stamp.date()} is after the data, which end on {data.end.date()}")
    return data.session_on_or_before(stamp)


def _first_session(spec: RunSpec, data: Market, book: Basket, short: Basket, end: pd.Timestamp) -> pd.Timestamp:
    """The first session with `min_sessions` returns of both sides before it: a rebalance unless a start is given."""
    both = book.returns.index.intersection(short.returns.index)
    least = spec.hedge.min_sessions
    if len(both) <= least:
        raise ConfigError(
            f"{spec.name}: book and basket share {len(both)} sessions up to {end.date()}, and the hedge ratio needs "
            f"{least} before the first trade; lower hedge.min_sessions or end later"
        )
    earliest = both[least]
    if spec.span.start is None:
        rebalances = short.rebalances[short.rebalances >= earliest]
        return rebalances[0] if len(rebalances) else earliest
    start = data.session_on_or_after(pd.Timestamp(spec.span.start))
    if start < earliest:
        raise ConfigError(
            f"{spec.name}: span.start {spec.span.start} is too early: the first session with {least} returns of book "
            f"and basket before it is {earliest.date()}"
        )
    return start


def walk(
    rules: Hedge,
    kind: str,
    book: pd.Series,
    returns: pd.Series,
    checks: pd.DatetimeIndex,
    params: dict[str, object] | None = None,
) -> pd.DataFrame:
    """`basket.hedge.walk_forward` under a run's rules."""
    return hedge.walk_forward(
        kind,
        book,
        returns,
        window=rules.window,
        dates=checks,
        band=rules.band,
        bounds=rules.bounds,
        max_step=rules.max_step,
        min_sessions=rules.min_sessions,
        params=params or {},
    )


def check_sessions(every: str, sessions: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Last session of each week or month, every session, or none (rebalances only)."""
    if every == "daily":
        return sessions
    if every == "rebalance":
        return sessions[:0]
    return calendar.last_of_each(sessions, "W" if every == "weekly" else "M")


def targets_of(leg: Basket, sessions: pd.DatetimeIndex, tickers: pd.Index) -> Targets:
    """Session position -> weights (n_assets,); the first session buys what is in force there."""
    rows: dict[int, np.ndarray] = {}
    if sessions[0] < leg.sessions[0]:
        raise DataError(f"{leg.name} begins on {leg.sessions[0].date()}, after {sessions[0].date()}")
    rows[0] = leg.held_on(sessions[0]).reindex(tickers).fillna(0.0).to_numpy(dtype=np.float64)
    wide = leg.weights.reindex(columns=tickers).fillna(0.0)
    for session in leg.rebalances[(leg.rebalances > sessions[0]) & (leg.rebalances <= sessions[-1])]:
        rows[int(sessions.searchsorted(session))] = wide.loc[session].to_numpy(dtype=np.float64)
    return rows
