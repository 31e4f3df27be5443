"""Who can be held on a date, and for those who cannot, every reason why.

1. Each limit of the spec is one test over all names, on what was known at that close; unknown fails the test.
2. Issuers to be left out (those of the long book) go with all their share lines.
3. Of several lines of one issuer that pass so far, the one with the larger dollar volume stays (equal: by ticker).
4. `top_by_market_cap` keeps the largest of what is left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from market.errors import ConfigError, Problem
from screens.metrics.ai_sources import tagged
from screens.rule_spec import Label
from screens.scoring import Flags
from screens.spec import ScreenSpec, Universe
from screens.wording import did_you_mean

if TYPE_CHECKING:
    from market.view import View

EXCLUDED = "excluded"  # the code of names left out from outside the spec, such as the book's own issuers


@dataclass(frozen=True)
class Limit:
    """One test of a universe: the names that fail it, what it asks, and the figure it looks at; shape (n_assets,)."""

    failed: Flags
    requirement: str
    figure: NDArray[np.generic] | None = None


@dataclass(frozen=True)
class Admission:
    """Who may be held, shape (n_assets,), and every test by its code (`index`, `min_price`, ...)."""

    admitted: Flags
    limits: dict[str, Limit]

    def reasons(self, position: int) -> list[str]:
        """Codes of every test that one name failed."""
        return [code for code, limit in self.limits.items() if limit.failed[position]]


def admit(universe: Universe, view: View, exclude_issuers: Collection[str] = (), tags: str | None = None) -> Admission:
    """Who belongs to a universe on the view's date; `tags` is a file of dated tags beside those of the store."""
    tickers = np.asarray(view.tickers, dtype=object)
    limits: dict[str, Limit] = {}
    if universe.stocks_only:
        limits["stocks_only"] = Limit(~view.is_stock(), "a share, not a fund or an index")
    if universe.index is not None:
        limits["index"] = Limit(~view.is_member(universe.index), f"a member of {universe.index} on the date")
    limits |= _sizes(universe, view)
    for name, texts, only, out in (
        ("sectors", view.sector(), universe.sectors, universe.exclude_sectors),
        ("industries", view.industry(), universe.industries, universe.exclude_industries),
        ("tickers", tickers, universe.tickers, universe.exclude_tickers),
    ):
        if only:
            limits[name] = Limit(~_is_one_of(texts, only), f"one of {', '.join(only)}", texts)
        if out:
            limits[f"exclude_{name}"] = Limit(_is_one_of(texts, (*out, "")), f"none of {', '.join(out)}", texts)
    if universe.exclude_tags:
        carries = tagged(view, universe.exclude_tags, tags)
        limits["exclude_tags"] = Limit(carries, f"not tagged {', '.join(universe.exclude_tags)}")
    if exclude_issuers:
        issuers = view.issuer()
        limits[EXCLUDED] = Limit(_is_one_of(issuers, tuple(exclude_issuers)), "not an excluded issuer", issuers)
    admitted = ~np.logical_or.reduce([limit.failed for limit in limits.values()])
    if universe.one_line_per_issuer:
        second = _second_lines(admitted, view, universe.dollar_volume_sessions)
        limits["one_line_per_issuer"] = Limit(second, "the most traded line of its issuer")
        admitted = admitted & ~second
    if universe.top_by_market_cap is not None:
        small = admitted & ~_largest(admitted, view, universe.top_by_market_cap)
        limits["top_by_market_cap"] = Limit(
            small, f"one of the {universe.top_by_market_cap} largest", view.market_cap()
        )
        admitted = admitted & ~small
    return Admission(admitted, limits)


def _sizes(universe: Universe, view: View) -> dict[str, Limit]:
    """Tests of price, size, trading, history and fee; a figure that is unknown fails."""
    limits = {"no_price": Limit(np.isnan(view.close()), "a close on the date")}
    with np.errstate(invalid="ignore"):
        if universe.min_price is not None:
            close = view.close()
            limits["min_price"] = Limit(~(close >= universe.min_price), f"at least {universe.min_price:g} USD", close)
        if universe.min_market_cap is not None:
            cap, least = view.market_cap(), universe.min_market_cap
            limits["min_market_cap"] = Limit(~(cap >= least), f"at least {least:,.0f} USD", cap)
        if universe.max_market_cap is not None:
            cap, most = view.market_cap(), universe.max_market_cap
            limits["max_market_cap"] = Limit(~(cap <= most), f"at most {most:,.0f} USD", cap)
        if universe.min_dollar_volume is not None:
            volume, least = view.dollar_volume(universe.dollar_volume_sessions), universe.min_dollar_volume
            limits["min_dollar_volume"] = Limit(~(volume >= least), f"at least {least:,.0f} USD a day", volume)
        if universe.min_history_sessions is not None:
            count, least_count = view.history_sessions(), universe.min_history_sessions
            limits["min_history_sessions"] = Limit(count < least_count, f"at least {least_count} closes", count)
        if universe.max_borrow_fee is not None:
            fee, dearest = view.borrow_fee(), universe.max_borrow_fee
            limits["max_borrow_fee"] = Limit(~(fee <= dearest), f"at most {dearest:.2%} a year", fee)
    return limits


def _is_one_of(texts: NDArray[np.object_], wanted: tuple[str, ...]) -> Flags:
    return np.logical_or.reduce([texts == word for word in wanted])


def _second_lines(admitted: Flags, view: View, sessions: int) -> Flags:
    """Lines of an issuer that are not its most traded one."""
    rows = np.flatnonzero(admitted)
    issuer = view.issuer()[rows].astype(str)
    volume = np.nan_to_num(view.dollar_volume(sessions)[rows], nan=-1.0)
    order = np.lexsort((np.asarray(view.tickers, dtype=str)[rows], -volume, issuer))
    later = np.zeros(rows.size, dtype=bool)
    later[order[1:]] = (issuer[order][1:] == issuer[order][:-1]) & (issuer[order][1:] != "")
    out = np.zeros(admitted.shape, dtype=bool)
    out[rows[later]] = True
    return out


def _largest(admitted: Flags, view: View, count: int) -> Flags:
    cap = view.market_cap()
    rows = np.flatnonzero(admitted & ~np.isnan(cap))
    order = np.lexsort((np.asarray(view.tickers, dtype=str)[rows], -cap[rows]))
    out = np.zeros(admitted.shape, dtype=bool)
    out[rows[order[:count]]] = True
    return out


def check_tickers(spec: ScreenSpec, known: Iterable[str]) -> None:
    """Raise `ConfigError` for every ticker of a universe or a rule that is not in the data.

    One that is left out may be missing, unless it is close to one that is there: then it is a slip.
    """
    written: list[tuple[str, str, bool]] = []
    for name, universe in (("universe", spec.universe), ("population", spec.population)):
        if isinstance(universe, Universe):
            written += [(f"{name}.tickers[{at}]", ticker, True) for at, ticker in enumerate(universe.tickers)]
            out = enumerate(universe.exclude_tickers)
            written += [(f"{name}.exclude_tickers[{at}]", ticker, False) for at, ticker in out]
    for path, leaf in spec.rules.leaves() if spec.rules else ():
        if isinstance(leaf, Label) and leaf.field == "ticker":
            written += [(f"{path}.in[{at}]", ticker, False) for at, ticker in enumerate(leaf.one_of)]
    if not written:
        return
    problems, names = [], frozenset(map(str, known))
    for path, ticker, needed in written:
        hint = "" if ticker in names else did_you_mean(ticker, names)
        if ticker not in names and (needed or hint):
            problems.append(Problem("", 0, path, f"no ticker '{ticker}' in the data{hint}"))
    if problems:
        raise ConfigError(problems)
