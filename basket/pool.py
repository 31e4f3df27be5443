"""The names a rebalance may choose from, in order of preference, with the reason of each that it may not.

1. The source ranks: a screen by its score, the largest companies by size, a list by its own order.
2. The basket's filters take names out: companies of the long book, borrow fee, listings, merger targets, squeezes.
3. A name without a price by the signal session is out: it cannot be bought.
4. Those left are ranked anew from 1, so that a buffer counts names that can be held.

A pool is plain arrays over all tickers. Random and reversed orders of the same pool are the placebos.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from basket.caps import codes_of
from screens.metrics import REGISTRY

if TYPE_CHECKING:
    from basket.spec import FixedList, Selection, TopByMarketCap
    from market.view import View
    from screens.screened import Screened

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]

STAYS_LIQUID = 0.5


@dataclass(frozen=True)
class Pool:
    """Arrays (n_assets,) as known at one session, and how many of the names are wanted.

    rank: from 1, NaN may not be held. score: NaN without one. why_not: '' or the reason. sector, issuer: codes, −1
    unknown; sector_names the labels of the codes. count, enter_rank, exit_rank: the buffer of this rebalance. given:
    weights that came with the names, or None. screened: the screen behind the ranks, or None; it knows its reasons.
    """

    rank: Floats
    score: Floats
    why_not: Texts
    sector: Ints
    sector_names: tuple[str, ...]
    issuer: Ints
    count: int
    enter_rank: int
    exit_rank: int
    given: Floats | None = None
    screened: Screened | None = None

    def reason(self, position: int) -> str:
        """Why a name may not be held; '' when it may."""
        if self.why_not[position] or self.screened is None or np.isfinite(self.rank[position]):
            return str(self.why_not[position])
        return ", ".join(self.screened.reasons(position))

    @cached_property
    def size(self) -> int:
        """Names that may be held."""
        return int(np.isfinite(self.rank).sum())

    @cached_property
    def n_sectors(self) -> int:
        """Sectors among the names that may be held."""
        return int(np.unique(self.sector[np.isfinite(self.rank)]).size)


def rank_again(order: Floats, allowed: Bools) -> Floats:
    """Ranks from 1 by `order` (ascending) among the allowed, ties by position; NaN for the others.

    >>> rank_again(np.array([5.0, 1.0, 3.0]), np.array([True, True, False])).tolist()
    [2.0, 1.0, nan]
    """
    out = np.full(order.size, np.nan)
    inside = np.flatnonzero(allowed & np.isfinite(order))
    out[inside[np.argsort(order[inside], kind="stable")]] = np.arange(1, inside.size + 1)
    return out


def make_pool(
    view: View,
    order: Floats,
    why_not: Texts,
    selection: Selection,
    sizes: Callable[[int], tuple[int, int, int]],
    *,
    exclude_issuers: Collection[str] = (),
    exclude_tags: Collection[str] = (),
    max_borrow_fee: float | None = None,
    score: Floats | None = None,
    given: Floats | None = None,
    screened: Screened | None = None,
) -> Pool:
    """A pool from a source's order (NaN: not offered, with a reason in `why_not`) and the basket's filters.

    sizes: from the number of names that may be held to the count, the rank to enter at and the rank to stay until.
    """
    reason = why_not.copy()
    for label, out in _filters(view, selection, exclude_issuers, exclude_tags, max_borrow_fee):
        hit = out & (reason == "") & np.isfinite(order)
        reason[hit] = label
    allowed = np.isfinite(order) & (reason == "")
    sectors, names = codes_of(view.sector())
    issuers, _ = codes_of(view.issuer())
    count, enter, leave = sizes(int(allowed.sum()))
    unscored = np.full(order.size, np.nan)
    return Pool(
        rank_again(order, allowed),
        unscored if score is None else score,
        reason,
        sectors,
        tuple(names),
        issuers,
        count,
        enter,
        leave,
        None if given is None else np.where(allowed, given, 0.0),
        screened,
    )


def _filters(
    view: View,
    selection: Selection,
    exclude_issuers: Collection[str],
    exclude_tags: Collection[str],
    max_borrow_fee: float | None,
) -> list[tuple[str, Bools]]:
    """Each filter with the reason it gives, in the order in which reasons are told."""
    found: list[tuple[str, Bools]] = [("no price at the signal session", ~np.isfinite(view.close()))]
    if exclude_issuers:
        found.append(("the long book holds the company", np.isin(view.issuer().astype(str), sorted(exclude_issuers))))
    found += [(f"tagged {tag}", view.tagged(tag)) for tag in exclude_tags]
    if selection.min_history_sessions is not None:
        short = view.history_sessions() < selection.min_history_sessions
        found.append((f"fewer than {selection.min_history_sessions} closes known", short))
    if max_borrow_fee is not None:
        found.append((f"borrow fee of {max_borrow_fee:g} or more", _above(view.borrow_fee(), max_borrow_fee)))
    for limit, metric, label in (
        (selection.max_short_of_float, "short_percent_of_float", "short interest too high"),
        (selection.max_days_to_cover, "days_to_cover", "days to cover too many"),
        (selection.max_return_21, "return_1m", "risen too fast"),
        (selection.max_squeeze_percentile, "squeeze_score", "squeeze score too high"),
    ):
        if limit is not None:
            found.append((label, _above(REGISTRY[metric](view).value, limit)))
    return found


def _above(values: Floats, limit: float) -> Bools:
    with np.errstate(invalid="ignore"):
        return np.asarray(values >= limit, dtype=bool)


def largest(view: View, source: TopByMarketCap, lines: dict[str, str]) -> tuple[Floats, Texts]:
    """Order by size for `top_by_market_cap`, and why a name is not offered, each (n_assets,).

    A company's size is that of its largest line: tables of capitalisation give the company's on every line. lines:
    the line kept last by issuer; it stays while it trades at least half of the best one, so that two equal lines do
    not take turns.
    """
    size = view.market_cap().copy()
    reason = np.full(size.size, "", dtype=object)
    issuer = view.issuer().astype(str)
    offered = view.is_stock().copy()
    if source.index is not None:
        offered &= view.is_member(source.index)
        reason[~offered] = f"not a member of {source.index} on the date"
    reason[~view.is_stock()] = "not a stock"
    for label, out in (
        (
            f"sector among {', '.join(source.exclude_sectors)}",
            np.isin(view.sector().astype(str), source.exclude_sectors),
        ),
        ("excluded by name", np.isin(view.tickers.to_numpy().astype(str), source.exclude_tickers)),
        ("market capitalisation unknown", ~np.isfinite(size)),
        ("no price at the signal session", ~np.isfinite(view.close())),
    ):
        reason[(reason == "") & out] = label
    offered = reason == ""
    if source.one_line_per_issuer:
        liquid = np.nan_to_num(view.dollar_volume())
        for key in _shared(issuer, offered):
            same = np.flatnonzero((issuer == key) & offered)
            size[same] = np.nanmax(size[same])
            kept = same[view.tickers[same] == lines.get(key, "")]
            best = same[np.argmax(liquid[same])]
            keep = kept[0] if kept.size and liquid[kept[0]] >= STAYS_LIQUID * liquid[best] else best
            lines[key] = str(view.tickers[keep])
            reason[same[same != keep]] = f"another line of the company is held: {view.tickers[keep]}"
    return np.where(reason == "", -size, np.nan), reason


def _shared(issuer: npt.NDArray[np.str_], offered: Bools) -> list[str]:
    keys, counts = np.unique(issuer[offered], return_counts=True)
    return [str(key) for key in keys[counts > 1] if key]


def listed(view: View, source: FixedList) -> tuple[Floats, Texts, Floats | None]:
    """Order of a fixed list as written, and its weights if it has any."""
    order = np.full(len(view.tickers), np.nan)
    wanted = source.tickers or tuple(source.given)
    columns = view.tickers.get_indexer(pd.Index(wanted))
    order[columns] = np.arange(1, len(wanted) + 1)
    reason = np.full(order.size, "", dtype=object)
    reason[~np.isfinite(order)] = "not on the list"
    if not source.given:
        return order, reason, None
    given = np.zeros(order.size)
    given[columns] = list(source.given.values())
    return order, reason, given
