"""A view made of planted arrays: what a metric reads, and nothing behind it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from market.errors import DataError


class PlantedMarket:
    """What a view may know of its market."""

    def __init__(self, sessions: pd.DatetimeIndex, tickers: pd.Index, panel: Callable[[], SimpleNamespace]) -> None:
        self.sessions, self.tickers, self.panel = sessions, tickers, panel


class PlantedView:
    """`items` maps an item, or (item, basis, lag), to an array; an item alone holds for lag 0 on every basis."""

    def __init__(self, n_assets: int, items: dict | None = None, **facts: object) -> None:
        self.tickers = pd.Index([f"T{i:04d}" for i in range(n_assets)])
        self.session = pd.Timestamp(facts.pop("session", "2024-06-28"))
        self.items = {key: np.asarray(value, dtype=float) for key, value in (items or {}).items()}
        self.facts = facts
        self.ends: dict[tuple[str, str], np.ndarray] = {}
        days = pd.bdate_range(end=self.session, periods=int(facts.get("n_sessions", 1300)))
        self.market = PlantedMarket(days, self.tickers, self._panel)

    def _vector(self, name: str, default: float = np.nan) -> np.ndarray:
        return np.asarray(self.facts.get(name, np.full(len(self.tickers), default)))

    def item(self, name: str, basis: str | None = None, lag: int = 0) -> np.ndarray:
        if (name, basis, lag) in self.items:
            return self.items[name, basis, lag]
        if lag == 0 and name in self.items:
            return self.items[name]
        return np.full(len(self.tickers), np.nan)

    def item_period_end(self, name: str, basis: str | None = None, lag: int = 0) -> np.ndarray:
        if (name, basis) in self.ends:
            return self.ends[name, basis]
        known = ~np.isnan(self.item(name, basis, lag))
        return np.where(known, np.datetime64("2024-03-31", "ns"), np.datetime64("NaT", "ns"))

    def market_cap(self) -> np.ndarray:
        return self._vector("market_cap")

    def close(self) -> np.ndarray:
        return self._vector("close", 50.0)

    def returns(self, n: int) -> np.ndarray:
        return self._tail(self.facts["returns"], n)

    def closes(self, n: int) -> np.ndarray:
        if "closes" in self.facts:
            return self._tail(self.facts["closes"], n)
        return np.cumprod(1 + np.nan_to_num(self.returns(n)), axis=0)

    def series(self, ticker: str, n: int) -> np.ndarray:
        funds = self.facts.get("funds", {})
        if ticker not in funds:
            raise DataError(f"no prices of {ticker!r}")
        return self._tail(funds[ticker], n)

    @staticmethod
    def _tail(values: np.ndarray, n: int) -> np.ndarray:
        missing = n - len(values)
        if missing > 0:
            values = np.concatenate([np.full((missing, *values.shape[1:]), np.nan), values])
        return values[len(values) - n :]

    def rate(self, name: str = "fed_funds") -> float:
        return float(self.facts.get("rate", 0.0))

    def rate_history(self, name: str, n: int) -> np.ndarray:
        return np.full(n, self.rate(name))

    def dollar_volume(self, n: int = 63) -> np.ndarray:
        return self._vector("dollar_volume")

    def sector(self) -> np.ndarray:
        return np.asarray(self.facts.get("sector", ["Industrials"] * len(self.tickers)), dtype=object)

    def industry(self) -> np.ndarray:
        return np.asarray(self.facts.get("industry", ["Restaurants"] * len(self.tickers)), dtype=object)

    def issuer(self) -> np.ndarray:
        return np.asarray(self.facts.get("issuer", [""] * len(self.tickers)), dtype=object)

    def is_stock(self) -> np.ndarray:
        return np.asarray(self.facts.get("is_stock", np.ones(len(self.tickers), dtype=bool)))

    def is_member(self, index: str) -> np.ndarray:
        return np.asarray(self.facts.get("members", np.ones(len(self.tickers), dtype=bool)))

    def tagged(self, tag: str) -> np.ndarray:
        return np.isin(self.tickers, self.facts.get("tags", {}).get(tag, []))

    def text(self, field: str, sections: tuple[str, ...] | None = None) -> np.ndarray:
        return self._vector(f"{field} {sections}")

    def short_interest(self, field: str) -> np.ndarray:
        return self._vector(field)

    def borrow_fee(self) -> np.ndarray:
        return self._vector("borrow_fee", 0.003)

    def borrow_known(self) -> np.ndarray:
        return np.asarray(self.facts.get("borrow_known", np.zeros(len(self.tickers), dtype=bool)))

    def _panel(self) -> SimpleNamespace:
        sessions = self.market.sessions
        shape = len(sessions), len(self.tickers)
        if "factor" not in self.__dict__:
            self.factor = np.cumprod(self.facts.get("split", np.ones(shape)), axis=0)
        return SimpleNamespace(
            sessions=sessions,
            row=lambda day: int(sessions.get_loc(day)),
            split_factor=lambda: self.factor,
            total_returns=lambda: self._tail(self.facts.get("returns", np.full(shape, np.nan)), len(sessions)),
        )


@pytest.fixture
def planted() -> type[PlantedView]:
    """The class itself: `planted(3, {"assets": [...]})`."""
    return PlantedView


class NamedView(PlantedView):
    """A planted view with tickers, and everything a universe asks for, permissive by default."""

    def __init__(self, tickers: list[str], items: dict | None = None, **facts: object) -> None:
        super().__init__(len(tickers), items, **facts)
        self.tickers = pd.Index(tickers)

    def issuer(self) -> np.ndarray:
        return np.asarray(self.facts.get("issuer", list(self.tickers)), dtype=object)

    def history_sessions(self) -> np.ndarray:
        return np.asarray(self.facts.get("history_sessions", np.full(len(self.tickers), 1000)))

    def source(self, ticker: str, item: str, basis: str | None = None, lag: int = 0) -> SimpleNamespace:
        day = pd.Timestamp("2024-05-02")
        return SimpleNamespace(form="10-Q", accession="a-1", filed=day, period_end=pd.Timestamp("2024-03-31"), flags=())

    def permuted(self, order: np.ndarray) -> NamedView:
        """The same names in another order."""
        size = len(self.tickers)

        def move(value: object) -> object:
            array = np.asarray(value)
            return array[..., order] if array.ndim and array.shape[-1] == size else value

        items = {key: move(value) for key, value in self.items.items()}
        facts = {key: move(value) if not isinstance(value, dict) else value for key, value in self.facts.items()}
        return NamedView([str(t) for t in self.tickers[order]], items, **facts)


@pytest.fixture(scope="session")
def named() -> type[NamedView]:
    """The class itself: `named(["A", "B"], {"assets": [...]})`."""
    return NamedView
