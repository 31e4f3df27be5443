"""One unit of a sweep: variants whose screens are asked the same. It runs anywhere and gives the same bytes.

1. `Workbench` is what a process needs for a sweep: the market, the specs, the base run's book, basket and span.
2. A unit's screen is evaluated once; each different basket and book is built once.
3. Variants of one build are grouped by their terms (one desk each) and by their hedge rules (one ratio path each);
   the accounts of a group run together.
4. Beside each stands its benchmark hedge: an index short with the same market beta, at the same costs.
5. A variant's row: its values, status and figures, with the daily returns of both accounts. Whatever cannot be built,
   hedged or survived is a row too: a trial that failed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from backtest.evaluate.performance import TRADING_SESSIONS_PER_YEAR
from backtest.simulate import ShortSleeve, Variant
from backtest.sweep_base import Base, builds
from backtest.sweep_grid import Unit, Values, grid, key_of, units_of
from backtest.sweep_spec import SweepSpec
from backtest.sweep_store import fingerprint_of
from backtest.sweep_table import BENCHMARK, BENCHMARK_UNIT, BOOK, DONE, FAILED, RUINED, Row, packed
from market.errors import ConfigError, DataError, InfeasibleError

if TYPE_CHECKING:
    from backtest.accounts import Accounts
    from backtest.legs import Legs
    from backtest.simulate.account import Targets
    from backtest.spec import RunSpec
    from basket import Basket
    from market import Market
    from screens.screened import Screened

WRONG: Final = (ConfigError, DataError, InfeasibleError, ValueError)
"""What makes a variant fail, and not the sweep; pydantic's and numpy's errors are value errors."""

ONE_AT_A_TIME: Final = threading.Lock()
"""A Dask worker has threads; the workbench is one."""
DESKS: Final = 4
"""Terms whose desks a process keeps; each holds a dozen tables of sessions x names."""


@dataclass(frozen=True)
class Sides:
    """Book and basket of some variants, with the weights they share."""

    legs: Legs
    book: Targets
    short: Targets


@dataclass(frozen=True)
class Paths:
    """Ratio at each check of a variant's basket and of its benchmark hedge."""

    ratio: pd.Series
    rival: pd.Series


class Workbench:
    """What a process needs for the units of one sweep."""

    def __init__(self, spec: SweepSpec, data: Market, made: str = "") -> None:
        from backtest.legs import build_legs
        from basket.prices import prices_of

        self.spec = spec
        self.data = data
        self.made = made
        self.variants = grid(spec)
        self.base = spec.base()
        self.legs: Legs = build_legs(self.base.run, data)
        self.prices = prices_of(data)
        self._accounts: dict[str, Accounts] = {}

    @cached_property
    def units(self) -> list[Unit]:
        return units_of(self.variants)

    @cached_property
    def sides(self) -> Sides:
        """Of the base run."""
        return Sides(self.legs, self.legs.targets(self.legs.book), self.legs.targets(self.legs.short))

    def run(self, unit: Unit) -> list[Row]:
        """All variants of a unit, in its order."""
        found: dict[int, Row] = {}
        screened: dict[pd.Timestamp, Screened] = {}
        for members in _grouped(unit.variants, lambda n: key_of(self.variants[n], builds)):
            try:
                sides = self._sides(self.variants[members[0]], screened)
            except WRONG as error:
                found |= {number: _failed(error) for number in members}
            else:
                found |= self._hedged(members, sides)
        return [found[number] for number in unit.variants]

    @property
    def rival(self) -> str:
        """The index whose short at equal market beta every variant is compared with."""
        return self.spec.benchmark or self.base.run.market

    def reference(self) -> list[Row]:
        """The base run's book alone, and its benchmark hedge."""
        path = self._paths(self.legs)
        accounts = self.accounts(self.base.run)
        return self._rows(
            accounts,
            [Variant((), self.sides.book), self._against(accounts, path, 1.0, self.sides.book, accounts.others)],
        )

    def accounts(self, run: RunSpec) -> Accounts:
        """The desk of a run's terms; those that differ in the hedge alone share it."""
        from backtest.accounts import Accounts
        from backtest.terms import terms

        key = repr(run.model_copy(update={"hedge": self.base.run.hedge}))
        if key not in self._accounts:
            while len(self._accounts) >= DESKS:
                self._accounts.pop(next(iter(self._accounts)))
            legs = replace(self.legs, spec=run)
            self._accounts[key] = Accounts(legs, terms(run, self.data, legs.panel))
        return self._accounts[key]

    def _sides(self, values: Values, screened: dict[pd.Timestamp, Screened]) -> Sides:
        """Book and basket of a variant, over the base run's sessions. `screened` is shared within the unit."""
        import basket
        from backtest.legs import Legs

        if not any(builds(path) for path in values):
            return self.sides
        base = self.base.with_values({path: value for path, value in values.items() if builds(path)})
        end = self.legs.sessions[-1]
        book = self.legs.book
        if base.book is not self.base.book:
            book = basket.build(base.book, self.data, end=end, prices=self.prices)
        exclude = book if base.run.exclude_book_issuers else ()
        short = basket.build(
            base.basket, self.data, end=end, exclude=exclude, book=book, prices=self.prices, screened=screened,
            screen=base.screen,
        )  # fmt: skip
        screened.update(short.screened)
        self._demand_history(short, book)
        legs = Legs(base.run, self.data, book, short, self.legs.sessions, self.legs.further)
        book_targets = self.sides.book if book is self.legs.book else legs.targets(book)
        return Sides(legs, book_targets, legs.targets(short))

    def _demand_history(self, short: Basket, book: Basket) -> None:
        first = self.legs.sessions[0]
        both = short.returns.index.intersection(book.returns.index)
        known, needed = int((both < first).sum()), self.base.run.hedge.min_sessions
        if known < needed:
            raise InfeasibleError(
                f"book and basket share {known} sessions before the sweep's first, {first.date()}, and the hedge ratio "
                f"needs {needed}; choose a later span.start in the run"
            )

    def _hedged(self, members: Sequence[int], sides: Sides) -> dict[int, Row]:
        """Variants that hold the same: by terms, then by hedge rules."""
        found: dict[int, Row] = {}
        variants: dict[int, Base] = {}
        for number in members:
            try:
                variants[number] = self.base.with_values(self.variants[number])
            except WRONG as error:
                found[number] = _failed(error)
        paths: dict[str, Paths | Row] = {}
        for same in _grouped(list(variants), lambda n: repr(variants[n].run.model_copy(update={"hedge": None}))):
            found |= self._on_one_desk({n: variants[n] for n in same}, sides, paths)
        return found

    def _on_one_desk(self, variants: dict[int, Base], sides: Sides, paths: dict[str, Paths | Row]) -> dict[int, Row]:
        found: dict[int, Row] = {}
        accounts = self.accounts(next(iter(variants.values())).run)
        opened: list[Variant] = [Variant((), sides.book)]
        told: list[int] = []
        means: list[float] = []
        for number, base in variants.items():
            key = repr(base.run.hedge)
            if key not in paths:
                try:
                    paths[key] = self._paths(replace(sides.legs, spec=base.run))
                except WRONG as error:
                    paths[key] = _failed(error)
            path = paths[key]
            if isinstance(path, Row):
                found[number] = path
                continue
            own = accounts.hedged_by(sides.short, path.ratio * base.multiple)
            beside = replace(accounts, legs=replace(sides.legs, spec=base.run)).others if base.run.shorts else ()
            against = self._against(accounts, path, base.multiple, sides.book, beside)
            opened += [Variant((own, *beside), sides.book), against]
            told.append(number)
            means.append(float(path.ratio.mean()) * base.multiple)
        try:
            rows = self._rows(accounts, opened)
        except WRONG as error:
            return found | {number: _failed(error) for number in told}
        for number, mean, own_row, rival in zip(told, means, rows[1::2], rows[2::2], strict=True):
            found[number] = _beside(own_row, mean, rival)
        return found

    def _paths(self, legs: Legs) -> Paths:
        """Ratios of the basket, and of an index short with the same market beta."""
        from backtest.rivals import equal_beta_path

        ratio = legs.ratio_path(legs.short.returns)["target"]
        accounts = replace(self.accounts(self.base.run), legs=legs)
        return Paths(ratio, equal_beta_path(accounts, ratio, self.legs.index_returns(self.rival)))

    def _against(
        self, accounts: Accounts, path: Paths, multiple: float, book: Targets, beside: tuple[ShortSleeve, ...]
    ) -> Variant:
        return Variant((accounts.indexed_by(accounts.fund_targets(self.rival), path.rival * multiple), *beside), book)

    def _rows(self, accounts: Accounts, opened: Sequence[Variant]) -> list[Row]:
        """Accounts on one desk; the first is the book alone, against which risk removed and costs are measured."""
        from backtest.evaluate.performance import daily_risk_free, performance_of_many
        from backtest.simulate import LINES

        sessions = self.legs.sessions
        many = accounts.many(opened)
        alive = np.where(many.nav > 0, many.nav, np.nan)
        risk_free = daily_risk_free(self.data.rates(self.base.run.cash.benchmark), sessions)
        table = performance_of_many(alive, sessions, risk_free, self.legs.index_returns(self.base.run.market))
        variance = table["volatility"].to_numpy() ** 2
        years = (len(sessions) - 1) / TRADING_SESSIONS_PER_YEAR
        carry = [LINES.index(kind) for kind in LINES if kind not in ("long", "short")]
        average = alive.mean(axis=1)
        table["variance_removed"] = 1.0 - variance / variance[0]
        table["cost_bps"] = -(many.lines - many.lines[0])[:, carry].sum(axis=1) / years / average * 1e4
        table["traded_per_year"] = many.traded / years / average
        rows = []
        for place, figures in enumerate(table.to_dict("records")):
            if many.ruined[place] >= 0:
                rows.append(Row(RUINED, f"NAV reached zero on {sessions[many.ruined[place]].date()}"))
            else:
                nav = many.nav[place]
                rows.append(Row(DONE, "", {str(k): float(v) for k, v in figures.items()}, nav[1:] / nav[:-1] - 1.0))
        return rows


def _beside(own: Row, ratio_mean: float, rival: Row) -> Row:
    """A variant's row with what its benchmark hedge did: a ruined one cannot be compared with, which is said."""
    if own.returns is None:
        return own
    if rival.returns is None:
        return Row(FAILED, f"its benchmark hedge: {rival.reason}")
    added = float((own.returns - rival.returns).mean()) * TRADING_SESSIONS_PER_YEAR
    return replace(own, figures=own.figures | {"ratio_mean": ratio_mean, "over_benchmark": added}, rival=rival.returns)


def _grouped(numbers: Sequence[int], key: Callable[[int], object]) -> Iterator[list[int]]:
    groups: dict[object, list[int]] = {}
    for number in numbers:
        groups.setdefault(key(number), []).append(number)
    yield from groups.values()


def _failed(error: Exception) -> Row:
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        return Row(FAILED, "; ".join(e["msg"].removeprefix("Value error, ") for e in error.errors()))
    return Row(FAILED, str(error) or type(error).__name__)


@lru_cache(maxsize=1)
def workbench(sweep: str, data: str) -> Workbench:
    """The workbench of a sweep's file and a store, kept by the process."""
    import market
    from screens.loading import load

    spec, opened = load(sweep, SweepSpec), market.open(data)
    return Workbench(spec, opened, fingerprint_of(spec, sweep, opened.fingerprint))


def run_unit(sweep: str, data: str, fingerprint: str, number: int) -> bytes:
    """One unit by its number, as Parquet bytes: what a worker is asked, wherever it is.

    Raises `DataError` where the worker sees another config, other data or another version than it was asked about.
    """
    from threadpoolctl import threadpool_limits

    with ONE_AT_A_TIME, threadpool_limits(1):  # more threads add up in another order
        bench = workbench(sweep, data)
        if bench.made != fingerprint:
            raise DataError(
                f"a worker sees another config, other data or another version of hedgebasket "
                f"({bench.made[:12]} instead of {fingerprint[:12]}); give all workers the same files"
            )
        if number == BENCHMARK_UNIT:
            variants: Sequence[int] = (BOOK, BENCHMARK)
            rows = bench.reference()
        else:
            variants = bench.units[number].variants
            rows = bench.run(bench.units[number])
        return packed(bench.spec, bench.variants, number, variants, rows, fingerprint, bench.legs.sessions)
