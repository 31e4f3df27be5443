"""Why each name came in and went out, in words.

A name comes in for its rank, or because the basket had room; it goes for its rank, for want of room, because it may no
longer be held (with the reason of the screen or the filter), or because its price ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from basket.built import Basket
    from basket.composition import Event
    from basket.pool import Pool

Row = tuple[pd.Timestamp, str, str, float, str]
BECAME = ("cash_merger", "stock_merger", "symbol_change")
COLUMNS = ("date", "ticker", "action", "rank", "reason")
IN_WORDS = {
    "universe.index": "left the index",
    "universe.excluded": "the long book holds the company",
    "universe.min_dollar_volume": "too little is traded",
    "universe.min_price": "price too low",
    "universe.min_market_cap": "too small",
    "no score": "too few of the screen's figures are known",
}


def changes(basket: Basket) -> pd.DataFrame:
    """One row per entry and exit: date, ticker, action, rank (NaN when it has none), reason.

    A name leaves on the day it ended or became another, which comes in on that day; all others trade at rebalances.
    """
    tickers = basket.history.prices.tickers
    bought = basket.history.weights != 0
    rows: list[Row] = []
    held = np.zeros(len(tickers), dtype=bool)
    events = sorted(event for event in basket.history.events if event.event in (*BECAME, "deleted"))
    for number, (session, pool) in enumerate(zip(basket.rebalances, basket.pools, strict=False)):
        while events and events[0].session <= session:
            rows += _between(events.pop(0), basket, held)
        after = bought[number]
        entries, exits = np.flatnonzero(after & ~held).tolist(), np.flatnonzero(held & ~after).tolist()
        rows += [(session, str(tickers[c]), "enter", float(pool.rank[c]), _entry(pool, c)) for c in entries]
        rows += [(session, str(tickers[c]), "exit", float(pool.rank[c]), _exit(pool, c)) for c in exits]
        held = after.copy()
    for event in events:
        rows += _between(event, basket, held)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.sort_values(["date", "action", "rank", "ticker"], kind="stable", ignore_index=True)


def _between(event: Event, basket: Basket, held: npt.NDArray[np.bool_]) -> list[Row]:
    """Rows of what happened to a name by itself; `held` is changed."""
    tickers = basket.history.prices.tickers
    column = tickers.get_loc(event.ticker)
    if not held[column]:
        return []
    held[column] = False
    told = event.detail if event.event == "deleted" else f"{event.event.replace('_', ' ')}: {event.detail}"
    rows: list[Row] = [(event.session, event.ticker, "exit", float("nan"), told)]
    into = next((a.into for a in basket.actions if (a.ticker, a.kind) == (event.ticker, event.event)), "")
    if into and event.event != "cash_merger" and not held[tickers.get_loc(into)]:
        held[tickers.get_loc(into)] = True
        rows.append((event.session, into, "enter", float("nan"), f"{event.event.replace('_', ' ')} of {event.ticker}"))
    return rows


def _entry(pool: Pool, column: int) -> str:
    if pool.given is not None:
        return "on the list"
    rank = pool.rank[column]
    if not np.isfinite(rank):
        return "could not be sold before: halted"
    if rank <= pool.enter_rank:
        return f"rank {rank:.0f}, enters at {pool.enter_rank} or better"
    return f"rank {rank:.0f}, fills the {pool.count} names"


def _exit(pool: Pool, column: int) -> str:
    rank = pool.rank[column]
    if np.isfinite(rank):
        if rank > pool.exit_rank:
            return f"rank {rank:.0f}, stays to {pool.exit_rank}"
        return f"rank {rank:.0f}, gave way to better ranks or a full sector"
    codes = pool.reason(column).split(", ")
    return ", ".join(_in_words(code, pool, column) for code in codes if code) or "no longer offered by the source"


def _rule(code: str, pool: Pool, column: int) -> str:
    """A failed rule with its figure, and whether the figure is the company's own or its sector's."""
    from screens.describe import figure_in_words, rule_in_words
    from screens.explain import sector_alone
    from screens.rule_spec import Condition

    found = next((t for t in pool.screened.outcome.tested if t.path == code), None) if pool.screened else None
    if pool.screened is None or found is None:
        return f"fails the screen's {code}"
    if found.values is None or not isinstance(found.leaf, Condition):
        return f"fails the screen's {rule_in_words(found.leaf)}"
    text = f"fails the screen's {rule_in_words(found.leaf, pool.screened.spec.labels()[found.leaf.key()])}"
    if found.percentile is not None and np.isfinite(found.percentile[column]):
        text += f", stands at {found.percentile[column]:.2f}"
    else:
        text += f", has {figure_in_words(float(found.values.value[column]))}"
    alone = sector_alone(found.values, pool.screened, column)
    return f"{text} ({alone})" if alone else text


def _in_words(code: str, pool: Pool, column: int) -> str:
    if code.startswith("rules"):
        return _rule(code, pool, column)
    return IN_WORDS.get(code, code.removeprefix("universe."))
