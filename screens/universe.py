"""Who can be held on a date, and for those who cannot, every reason why.

1. Each limit of the spec is one test over all names, on what was known at that close; unknown fails the test.
2. Issuers to be left out (those of the long book) go with all their share lines.
3. Of several lines of one issuer that pass so far, the one with the larger dollar volume stays (equal: by ticker).
4. `top_by_market_cap` keeps the largest of what is left.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from market.errors import ConfigError
from screens.scoring import Flags
from screens.spec import Universe
from screens.wording import did_you_mean

if TYPE_CHECKING:
    from market.view import View

EXCLUDED = "excluded"  # the code of names left out from outside the spec, such as the book's own issuers


@dataclass(frozen=True)
class Admission:
    """Who may be held, shape (n_assets,), and the names each test keeps out."""

    admitted: Flags
    failed: dict[str, Flags]

    def reasons(self, position: int) -> list[str]:
        """Codes of every test that one name failed (`index`, `min_price`, ...)."""
        return [code for code, mask in self.failed.items() if mask[position]]


def admit(universe: Universe, view: View, exclude_issuers: Collection[str] = ()) -> Admission:
    """Who belongs to a universe on the view's date. Raises `ConfigError` for a ticker that is not in the data."""
    tickers = np.asarray(view.tickers, dtype=object)
    _check_tickers(universe, set(tickers))
    failed: dict[str, Flags] = {}
    if universe.stocks_only:
        failed["stocks_only"] = ~view.is_stock()
    if universe.index is not None:
        failed["index"] = ~view.is_member(universe.index)
    with np.errstate(invalid="ignore"):
        if universe.min_price is not None:
            failed["min_price"] = ~(view.close() >= universe.min_price)
        else:
            failed["no_price"] = np.isnan(view.close())
        if universe.min_market_cap is not None:
            failed["min_market_cap"] = ~(view.market_cap() >= universe.min_market_cap)
        if universe.max_market_cap is not None:
            failed["max_market_cap"] = ~(view.market_cap() <= universe.max_market_cap)
        if universe.min_dollar_volume is not None:
            volume = view.dollar_volume(universe.dollar_volume_sessions)
            failed["min_dollar_volume"] = ~(volume >= universe.min_dollar_volume)
        if universe.min_history_sessions is not None:
            failed["min_history_sessions"] = view.history_sessions() < universe.min_history_sessions
        if universe.max_borrow_fee is not None:
            failed["max_borrow_fee"] = ~(view.borrow_fee() <= universe.max_borrow_fee)
    for name, texts, only, out in (
        ("sectors", view.sector(), universe.sectors, universe.exclude_sectors),
        ("industries", view.industry(), universe.industries, universe.exclude_industries),
        ("tickers", tickers, universe.tickers, universe.exclude_tickers),
    ):
        if only:
            failed[name] = ~_is_one_of(texts, only)
        if out:
            failed[f"exclude_{name}"] = _is_one_of(texts, (*out, ""))
    if universe.exclude_tags:
        failed["exclude_tags"] = np.logical_or.reduce([view.tagged(tag) for tag in universe.exclude_tags])
    if exclude_issuers:
        failed[EXCLUDED] = _is_one_of(view.issuer(), tuple(exclude_issuers))
    admitted = ~np.logical_or.reduce(list(failed.values()))
    if universe.one_line_per_issuer:
        failed["one_line_per_issuer"] = _second_lines(admitted, view, universe.dollar_volume_sessions)
        admitted = admitted & ~failed["one_line_per_issuer"]
    if universe.top_by_market_cap is not None:
        failed["top_by_market_cap"] = admitted & ~_largest(admitted, view, universe.top_by_market_cap)
        admitted = admitted & ~failed["top_by_market_cap"]
    return Admission(admitted, failed)


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


def _check_tickers(universe: Universe, known: set[str]) -> None:
    problems = [
        f"universe.{key}: no ticker '{ticker}' in the data{did_you_mean(ticker, known)}"
        for key in ("tickers", "exclude_tickers")
        for ticker in getattr(universe, key)
        if ticker not in known and (key == "tickers" or did_you_mean(ticker, known))
    ]
    if problems:
        raise ConfigError("; ".join(problems))
