"""One unit of a sweep: the variants that hold the same names. It runs anywhere and gives the same bytes.

1. `Bench` is what a process needs for a sweep: the market, the specs, the base run's book and span. Made once.
2. Book and basket are built once a unit (the screen once, with it); an error there fails all of the unit's variants,
   each counted as a trial.
3. Variants are grouped by their terms (one desk each) and by their hedge rules (one ratio path each); accounts of a
   group run together.
4. A variant's row: its values, status, figures; beside it the returns of its account and of the benchmark hedge.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.sweep_spec import Base, SweepSpec, builds, grid
from market.errors import ConfigError, DataError, InfeasibleError

if TYPE_CHECKING:
    from backtest.accounts import Accounts
    from backtest.broadcast import Floats
    from backtest.legs import Legs
    from backtest.simulate.account import Targets
    from backtest.spec import RunSpec
    from market import Market

BENCHMARK = "benchmark"
FIGURES = ("cagr", "volatility", "sharpe", "max_drawdown", "cvar_95", "beta_to_market")
COLUMNS = (*FIGURES, "variance_removed", "cost_bps", "ratio_mean", "traded_per_year")
FAILED = "failed"
RUINED = "ruined"
DONE = "done"


@dataclass(frozen=True)
class Unit:
    """Variants that share book and basket: `number`, and the variants' places in the grid."""

    number: int
    values: dict[str, object]
    variants: tuple[int, ...]


def units_of(variants: Sequence[dict[str, object]]) -> list[Unit]:
    """The grid by what is built, in order of first appearance."""
    found: dict[tuple[object, ...], list[int]] = {}
    for number, values in enumerate(variants):
        found.setdefault(tuple(repr(v) for k, v in values.items() if builds(k)), []).append(number)
    return [
        Unit(n, {k: v for k, v in variants[members[0]].items() if builds(k)}, tuple(members))
        for n, members in enumerate(found.values())
    ]


@dataclass(frozen=True)
class Outcome:
    """Rows of a unit's variants (one each, in order), and simple returns, sessions x (variants that lived)."""

    rows: pd.DataFrame
    returns: pd.DataFrame

    def packed(self) -> tuple[bytes, bytes]:
        """As Parquet bytes, to travel and to be kept."""
        return parquet(self.rows), parquet(self.returns)


def parquet(frame: pd.DataFrame) -> bytes:
    """A frame as Parquet, the same bytes for the same frame."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, engine="pyarrow", compression="zstd", index=True)
    return buffer.getvalue()


class Bench:
    """What a process needs for the units of one sweep."""

    def __init__(self, spec: SweepSpec, data: Market) -> None:
        from backtest.legs import build_legs
        from backtest.spec import RunSpec
        from basket.prices import prices_of
        from screens.loading import load

        self.spec = spec
        self.data = data
        self.variants = grid(spec)
        self.base = Base.of(load(spec.run.target, RunSpec))
        self.legs: Legs = build_legs(self.base.run, data)
        self.prices = prices_of(data)
        self._accounts: dict[str, Accounts] = {}

    @cached_property
    def units(self) -> list[Unit]:
        return units_of(self.variants)

    @cached_property
    def book_targets(self) -> Targets:
        return self.legs.targets(self.legs.book)

    def accounts(self, run: RunSpec) -> Accounts:
        """The desk of a run's terms; those with the same costs, borrow and cash share it."""
        from backtest.accounts import Accounts
        from backtest.terms import terms

        key = repr((run.costs, run.borrow, run.cash))
        if key not in self._accounts:
            self._accounts[key] = Accounts(self.legs, terms(run, self.data, self.legs.panel))
        return self._accounts[key]

    def unit_legs(self, unit: Unit) -> Legs:
        """Book and basket of a unit, over the base run's sessions."""
        import basket
        from backtest.legs import Legs

        base = self.base.with_values(unit.values)
        end = self.legs.sessions[-1]
        book = self.legs.book
        if any(path.startswith("book.") for path in unit.values):
            book = basket.build(base.book, self.data, end=end, prices=self.prices)
        short = self.legs.short
        if unit.values:
            exclude = book if base.run.exclude_book_issuers else ()
            short = basket.build(
                base.basket, self.data, end=end, exclude=exclude, book=book, prices=self.prices, screen=base.screen
            )
        first = max(book.returns.index[0], short.returns.index[0])
        before = self.legs.sessions[0]
        if int((short.returns.index < before).sum()) < base.run.hedge.min_sessions:
            raise InfeasibleError(
                f"the basket begins on {first.date()}: too late for a hedge ratio at the sweep's first session, "
                f"{before.date()}"
            )
        return Legs(base.run, self.data, book, short, self.legs.sessions)

    def run(self, unit: Unit) -> Outcome:
        """All variants of a unit."""
        try:
            legs = self.unit_legs(unit)
        except (ConfigError, DataError, InfeasibleError, ValueError) as error:
            return self._failed(unit, str(error))
        # Weights of the unit's own legs, by identity shared among all its accounts.
        short = legs.targets(legs.short)
        book = self.book_targets if legs.book is self.legs.book else legs.targets(legs.book)
        rows: dict[int, dict[str, object]] = {}
        returns: dict[int, Floats] = {}
        for run, members in self._by_terms(unit):
            self._group(run, members, legs, book, short, rows, returns)
        frame = pd.DataFrame([self._row(unit, number, rows[number]) for number in unit.variants])
        sessions = self.legs.sessions[1:]
        lived = {str(number): returns[number] for number in unit.variants if number in returns}
        return Outcome(frame, pd.DataFrame(lived, index=sessions, dtype=np.float32))

    def benchmark_returns(self) -> pd.Series:
        """The base run's account with an index short at equal beta in the basket's place."""
        from backtest.rivals import equal_beta_path
        from backtest.simulate import Variant

        accounts = self.accounts(self.base.run)
        path = self.legs.ratio_path(self.legs.short.returns)["target"]
        ticker = self.spec.benchmark
        ratio = equal_beta_path(accounts, path, self.legs.index_returns(ticker))
        variant = Variant((accounts.hedged_by(accounts.fund_targets(ticker), ratio, ticker),))
        return pd.Series(_returns(accounts.many([variant]).nav)[0], index=self.legs.sessions[1:], name=BENCHMARK)

    def _by_terms(self, unit: Unit) -> list[tuple[Base, list[int]]]:
        groups: dict[str, tuple[Base, list[int]]] = {}
        for number in unit.variants:
            base = self.base.with_values(self.variants[number])
            key = repr((base.run.costs, base.run.borrow, base.run.cash))
            groups.setdefault(key, (base, []))[1].append(number)
        return list(groups.values())

    def _group(
        self, base: Base, members: list[int], legs: Legs, book: Targets, short: Targets,
        rows: dict[int, dict[str, object]], returns: dict[int, Floats],
    ) -> None:  # fmt: skip
        """Accounts on one desk."""
        from backtest.legs import Legs
        from backtest.simulate import ShortSleeve, Variant

        accounts = self.accounts(base.run)
        paths: dict[str, pd.Series | str] = {}
        variants: list[Variant] = [Variant((), book)]
        told: list[int] = []
        means: list[float] = []
        for number in members:
            mine = self.base.with_values(self.variants[number])
            key = repr(mine.run.hedge)
            if key not in paths:
                try:
                    own = Legs(mine.run, self.data, legs.book, legs.short, legs.sessions)
                    paths[key] = own.ratio_path(legs.short.returns)["target"]
                except (ConfigError, DataError, InfeasibleError) as error:
                    paths[key] = str(error)
            path = paths[key]
            if isinstance(path, str):
                rows[number] = {"status": FAILED, "reason": path}
                continue
            scaled = accounts.by_session(path * mine.multiple)
            variants.append(Variant((ShortSleeve("basket", short, scaled),), book))
            told.append(number)
            means.append(float(path.mean()) * mine.multiple)
        many = accounts.many(variants)
        figures = self._figures(many.nav, many.lines, many.traded)
        for place, number in enumerate(told, start=1):
            if many.ruined[place] >= 0:
                day = self.legs.sessions[many.ruined[place]].date()
                rows[number] = {"status": RUINED, "reason": f"NAV reached zero on {day}"}
                continue
            rows[number] = {
                "status": DONE,
                "reason": "",
                **{str(name): value for name, value in figures.iloc[place].items()},
                "ratio_mean": means[place - 1],
            }
            returns[number] = _returns(many.nav[place : place + 1])[0]

    def _figures(self, nav: Floats, lines: Floats, traded: Floats) -> pd.DataFrame:
        """Figures of accounts; the first is the book alone, against which risk removed and costs are measured."""
        from backtest.evaluate.performance import daily_risk_free, performance_of_many
        from backtest.simulate import LINES

        sessions = self.legs.sessions
        risk_free = daily_risk_free(self.data.rates(self.base.run.cash.benchmark), sessions)
        market = self.legs.index_returns(self.base.run.market)
        alive = np.where(nav > 0, nav, np.nan)
        table = performance_of_many(alive, sessions, risk_free, market)
        variance = table["volatility"].to_numpy() ** 2
        table["variance_removed"] = 1.0 - variance / variance[0]
        years = (len(sessions) - 1) / 252
        carry = [LINES.index(k) for k in LINES if k not in ("long", "short")]
        spent = (lines - lines[0])[:, carry].sum(axis=1)
        table["cost_bps"] = -spent / years / alive.mean(axis=1) * 1e4
        table["traded_per_year"] = traded / years / alive.mean(axis=1)
        return table

    def _failed(self, unit: Unit, reason: str) -> Outcome:
        row = {"status": FAILED, "reason": reason}
        frame = pd.DataFrame([self._row(unit, number, row) for number in unit.variants])
        return Outcome(frame, pd.DataFrame(index=self.legs.sessions[1:], dtype=np.float32))

    def _row(self, unit: Unit, number: int, found: Mapping[str, object]) -> dict[str, object]:
        """Columns are the same for every unit, whatever happened in it."""
        values = {path: plain(value) for path, value in self.variants[number].items()}
        figures = {name: float(str(found.get(name, "nan"))) for name in COLUMNS}
        return {
            "variant": number,
            "unit": unit.number,
            **values,
            "status": found["status"],
            **figures,
            "reason": found["reason"],
        }


def plain(value: object) -> object:
    """A value as a table can hold it: lists become text."""
    return value if isinstance(value, bool | int | float | str) or value is None else repr(value)


def _returns(nav: Floats) -> Floats:
    return nav[:, 1:] / nav[:, :-1] - 1.0


@lru_cache(maxsize=1)
def bench_of(sweep: str, data: str) -> Bench:
    """The bench of a sweep's file and a store, kept by the process."""
    import market
    from screens.loading import load

    return Bench(load(sweep, SweepSpec), market.open(data))


def run_unit(sweep: str, data: str, number: int) -> tuple[int, bytes, bytes]:
    """One unit by its number: what a worker is asked, wherever it is. Returns the number and both tables' bytes."""
    bench = bench_of(sweep, data)
    return number, *bench.run(bench.units[number]).packed()
