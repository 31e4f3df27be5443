"""From a spec and a market to a basket: the stage that `basket.build` is.

1. The schedule gives the rebalance sessions and, `signal_lag` before each, the signal session.
2. The source gives a pool of ranked names at each signal session; the screen is evaluated there and nowhere else.
3. The walk applies buffer, limits, weights and caps at each rebalance, from what the one before left.
4. The level prices the targets share by share, dividends, splits and deletions included.
5. Reasons, events and turnover are told from what happened.

Whatever can be known to be impossible without data was refused by the spec; too few names are found before the walk.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from basket.actions import CorporateAction, read_actions
from basket.built import Basket
from basket.composition import Event
from basket.level import build_history
from basket.pool import Pool
from basket.prices import IndexPrices, prices_of
from basket.schedule import rebalance_sessions, signal_sessions
from basket.sizing import Sizer
from basket.source_spec import FixedList, Positions, TopByMarketCap
from basket.sources import Sourcing, issuers_of, too_few
from basket.spec import BasketSpec, BookSpec
from basket.walk import Limits, walk
from basket.weight_spec import CapWeighted, Equal, Given, Weights
from market.errors import ConfigError, DataError

if TYPE_CHECKING:
    from market.market import Market
    from screens.screened import Screened
    from screens.spec import ScreenSpec

Spec = BasketSpec | BookSpec


def build(
    spec: str | os.PathLike[str] | Spec,
    data: Market,
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    *,
    exclude: Collection[str] | Basket = (),
    book: Basket | None = None,
    screened: Mapping[pd.Timestamp, Screened] | None = None,
    prices: IndexPrices | None = None,
    screen: ScreenSpec | None = None,
) -> Basket:
    """Build a basket or a book over a span.

    spec: the path of a `kind: basket` or `kind: book` file, or its spec. start: the inception; by default the first
    scheduled rebalance at which the rules can hold. exclude: companies never held, by ticker or issuer, or a book whose
    companies of each date are left out. book: the long book that targets are relative to. screened: evaluations of the
    screen by signal session, made for the same exclusions, to be used instead of new ones. prices: `index_prices` of
    this market, to share among many. screen: used in place of the file the spec names (a sweep varies its fields).

    Raises `ConfigError` for an impossible request (dates outside the data, unknown tickers, caps too small),
    `InfeasibleError` for a date on which the rules cannot hold, `DataError` for missing data.
    """
    chosen = read_spec(spec)
    prices = prices if prices is not None else prices_of(data)
    sourcing = Sourcing(chosen, data, prices, exclusions(exclude, chosen, data), dict(screened or {}), in_place=screen)
    weights = chosen.weights or default_weights(chosen)
    rebalances, signals = plan(chosen, data, start, end)
    at = data.sessions.get_indexer(rebalances).astype(np.int64)
    sourcing.demand_computable(signals[-1])
    pools: list[Pool] = []
    skipped = 0
    for signal, fill in zip(signals, at.tolist(), strict=True):
        pool = sourcing.pool(signal, fill)
        wanted = pool.count
        needed = fewest_names(weights, wanted)
        if pool.size < needed:
            if pools or start is not None:
                raise too_few(pool, signal, wanted, needed)
            skipped += 1
            continue
        pools.append(pool)
    if not pools:
        raise too_few(pool, signal, wanted, needed)
    rebalances, signals, at = rebalances[skipped:], signals[skipped:], at[skipped:]
    size = Sizer(weights, data, signals, chosen.targets, chosen.turnover_cap, _book_weights(book, signals, data))
    limits = limits_of(chosen, sourcing, weights)
    actions = actions_of(chosen, data)
    walked = walk(pools, at, prices, limits, size, actions=actions)
    last = data.end if end is None else pd.Timestamp(end)
    history = build_history(
        (at, walked.weights),
        prices,
        end=last,
        initial=chosen.level.initial,
        on_delete=chosen.level.on_delete,
        actions=actions,
    )
    notes = tuple(
        Event(rebalances[number], "", event, value, detail) for number, event, value, detail in size.notes
    ) + _short(pools, walked.held, rebalances, sourcing)
    if sourcing.unknown_tags:
        notes += (Event(rebalances[0], "", "not_checked", float("nan"), unknown_tags_in_words(sourcing.unknown_tags)),)
    return Basket(
        spec=chosen,
        market=data,
        history=replace(history, events=tuple(sorted((*history.events, *notes)))),
        signal_sessions=pd.Series(signals, index=rebalances, name="signal_session"),
        pools=tuple(pools),
        limits=limits,
        size=size,
        actions=actions,
        screened={signal: sourcing.screened[signal] for signal in signals if signal in sourcing.screened},
    )


def read_spec(spec: str | os.PathLike[str] | Spec) -> Spec:
    """The spec behind a path, or itself. Raises `ConfigError` for a file of another kind."""
    if isinstance(spec, BasketSpec | BookSpec):
        return spec
    from screens.loading import load_any

    found = load_any(Path(spec))
    if not isinstance(found, BasketSpec | BookSpec):
        raise ConfigError(f"{spec}: expected a basket or a book, found kind {getattr(found, 'kind', '?')}")
    return found


def plan(
    spec: Spec, data: Market, start: str | pd.Timestamp | None = None, end: str | pd.Timestamp | None = None
) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    """Rebalance sessions and their signal sessions. Without a start the schedule alone says when to begin.

    Raises `ConfigError` for dates outside the data, `DataError` when the first signal lies before it.
    """
    sessions = data.sessions
    rule = spec.schedule
    first = sessions[min(rule.signal_lag, len(sessions) - 1)] if start is None else _date(start, "start")
    last = sessions[-1] if end is None else _date(end, "end")
    if start is not None and (first < sessions[0] or first > sessions[-1]):
        raise ConfigError(
            f"start {first:%Y-%m-%d} is outside the data, which runs {sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}"
        )
    found = rebalance_sessions(
        sessions,
        first,
        last,
        frequency=rule.frequency,
        months=rule.months,
        day=rule.day,
        offset=rule.offset,
        dates=[day.isoformat() for day in rule.dates],
    )
    if start is None and rule.frequency != "once" and len(found) > 1:
        found = found[1:]
    return found, signal_sessions(sessions, found, rule.signal_lag)


def limits_of(spec: Spec, sourcing: Sourcing, weights: Weights) -> Limits:
    """The selection's limits beside the count."""
    rules = spec.selection
    per_issuer: int | None = rules.max_per_issuer
    if sourcing.as_written and "max_per_issuer" not in rules.model_fields_set:
        per_issuer = None
    if isinstance(sourcing.source, TopByMarketCap) and not sourcing.source.one_line_per_issuer:
        per_issuer = rules.max_per_issuer if "max_per_issuer" in rules.model_fields_set else None
    per_sector = rules.max_per_sector
    if per_sector is None and sourcing.screen is not None:
        per_sector = sourcing.screen.selection.max_per_sector
    return Limits(
        min_hold=rules.min_hold,
        max_per_sector=per_sector,
        max_per_issuer=per_issuer,
        name_cap=weights.name_cap,
        sector_cap=weights.sector_cap,
        tranches=spec.schedule.tranches,
    )


def _date(day: str | pd.Timestamp, what: str) -> pd.Timestamp:
    try:
        stamp = pd.Timestamp(day)
    except ValueError as error:
        raise ConfigError(f"{what} {day!r} is not a date; write it as 2024-01-31") from error
    return stamp.normalize()


def default_weights(spec: Spec) -> Weights:
    """The scheme where none is written: as given, by capitalisation for the largest companies, else equal."""
    source = spec.origin()
    if isinstance(source, Positions) or (isinstance(source, FixedList) and source.given):
        return Given(scheme="given")
    if isinstance(source, TopByMarketCap):
        return CapWeighted(scheme="cap")
    return Equal(scheme="equal")


def fewest_names(weights: Weights, wanted: int) -> int:
    """Fewest names that the name cap can do with."""
    return 1 if weights.name_cap is None else min(wanted, int(np.ceil(1 / weights.name_cap - 1e-9)))


def exclusions(
    exclude: Collection[str] | Basket, spec: Spec, data: Market
) -> Callable[[pd.Timestamp], Collection[str]]:
    """Issuers left out at a signal session: those of the spec, and those given or held by a book then."""
    written = issuers_of(spec.selection.exclude_issuers, data, f"{spec.name}: selection.exclude_issuers")
    if isinstance(exclude, Basket):
        return lambda signal: written | exclude.issuers_known_at(signal)
    fixed = written | issuers_of(exclude, data)
    return lambda signal: fixed


def _book_weights(book: Basket | None, signals: pd.DatetimeIndex, data: Market) -> dict[int, np.ndarray]:
    if book is None:
        return {}
    return {number: book.weights_known_at(signal, data.tickers) for number, signal in enumerate(signals)}


def actions_of(spec: Spec, data: Market) -> tuple[CorporateAction, ...]:
    """Corporate actions of the rulebook's file, in order of date. Raises `DataError` for a file with bad rows."""
    if spec.level.actions is None:
        return ()
    try:
        frame = pd.read_csv(spec.level.actions.target, dtype=str, keep_default_na=False)  # NA is a ticker
    except (OSError, ValueError) as error:
        raise DataError(f"{spec.level.actions}: cannot be read as CSV ({error})") from error
    try:
        return tuple(read_actions(frame, set(data.tickers)))
    except DataError as error:
        raise DataError(f"{spec.level.actions}: {error}") from None


def _short(
    pools: Sequence[Pool], held: Sequence[int], rebalances: pd.DatetimeIndex, sourcing: Sourcing
) -> tuple[Event, ...]:
    """An event for each rebalance that holds fewer names than are wanted, and why."""
    return tuple(
        Event(session, "", "short_of_names", float(count), short_of_names(pool, count))
        for session, pool, count in zip(rebalances, pools, held, strict=True)
        if not sourcing.as_written and count < pool.count
    )


def unknown_tags_in_words(tags: Sequence[str]) -> str:
    """What a rulebook says of tags and the data cannot tell."""
    return f"names tagged {', '.join(tags)} cannot be left out: the data hold no such tags"


def short_of_names(pool: Pool, held: int) -> str:
    """Why fewer names are held than are wanted."""
    text = f"{pool.size} names qualify of {pool.count} wanted"
    return text if held >= pool.size else f"{text}, {held} are held: the others' sectors or companies are full"
