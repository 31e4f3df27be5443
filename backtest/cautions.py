"""What a reader must know before believing a run: the market's standing notes, and what this run ran into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from backtest.accounts import BASKET
from backtest.rivals import last_price
from basket.source_spec import FixedList, Positions

if TYPE_CHECKING:
    from backtest.legs import Legs
    from backtest.simulate import Simulation
    from market import Market

NOTABLE_POINTS = 0.01  # a hindsight of a point a year is worth a line
THIN_POOL = 1.5  # ranked names per name held; below it the screen hardly chooses


def cautions(
    legs: Legs,
    data: Market,
    hedged: Simulation,
    foresight: Mapping[str, float | str],
    assumed_volume: frozenset[str] = frozenset(),
) -> list[str]:
    """Warnings, the gravest first."""
    told = []
    gap = foresight.get("difference")
    if isinstance(gap, float) and abs(gap) >= NOTABLE_POINTS:
        told.append(
            f"hindsight: drawn from today's index members the basket would have returned "
            f"{foresight['members_of_today']:.1%} a year instead of {foresight['members_of_the_date']:.1%}; the "
            f"{abs(gap) * 100:.1f} points between them are knowledge of who survived"
        )
    if isinstance(legs.book.spec.origin(), FixedList | Positions):
        told.append(
            "hindsight: the book is a list of names, held at dates before it was written; what it returned shows who "
            "won, not what a rule would have chosen. The hedge is tested on it, the book is not"
        )
    told += data.notes()
    told += [
        f"benchmarks: prices of {ticker} end on {last.date()}; its short is followed to that day, not beside the rest"
        for ticker in legs.spec.benchmarks
        if (last := last_price(legs, ticker)) < legs.sessions[-1]
    ]
    window = legs.spec.hedge.window
    both = legs.book.returns.index.intersection(legs.short.returns.index)
    before = int((both < legs.sessions[0]).sum())
    if before < window:
        full = both[min(window, len(both) - 1)]
        told.append(
            f"hedge ratio: its first window held {before} sessions of {window}; it is full from {full.date()} on"
        )
    held = (legs.short.weights.to_numpy() != 0).sum(axis=1)
    room, least, count, when = min(
        (pool.size / max(int(n), 1), pool.size, int(n), session)
        for pool, n, session in zip(legs.short.pools, held, legs.short.rebalances, strict=True)
    )
    chosen = not isinstance(legs.short.spec.origin(), FixedList | Positions)  # a list is not picked from a pool
    if chosen and room < THIN_POOL:
        told.append(
            f"thin pool: on {when.date()} only {least} names could be ranked for {count} places; many lack a metric "
            "that the screen demands, so that it chooses little"
        )
    assumed = sorted(assumed_volume.intersection(hedged.orders["ticker"]))
    if assumed:
        told.append(
            f"volume: unknown for {len(assumed)} names traded ({', '.join(assumed[:5])}); each is assumed to turn over "
            "of its market capitalisation what the median stock does"
        )
    if legs.others and not hedged.held[:, hedged.sleeves.index(BASKET)].any():
        beside = ", ".join(leg.name for leg in legs.others)
        told.append(f"basket: never short, its ratio was zero at every check; the hedge is {beside} alone")
    if hedged.called.any():
        calls = legs.sessions[hedged.called]
        told.append(
            f"margin: {len(calls)} sessions closed below maintenance, the first {calls[0].date()}; where the next "
            "close did not cure it the whole account was cut, so that the hedge was not what its ratio says"
        )
    if hedged.cash.min() < 0:
        told.append(f"cash fell to {hedged.cash.min() / 1e6:,.1f} m USD: the account borrowed on margin")
    return told
