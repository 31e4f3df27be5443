"""How much of the basket's return is hindsight: the same rules, drawn from today's index members at every date.

1. The membership table is replaced by one in which everybody who is a member at the end always was one.
2. Everything else, screen, buffer, weights, is unchanged; both baskets are compared over the sessions of the run.

The difference is what a back-test on today's list would have shown without saying so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import basket
from backtest.evaluate.performance import cagr
from basket.variants import todays_members
from market.errors import HedgeBasketError

if TYPE_CHECKING:
    from backtest.legs import Legs
    from basket import Basket


def hindsight(legs: Legs) -> dict[str, float | str]:
    """`members_of_the_date`, `members_of_today` (CAGR of the basket's level, decimal) and their `difference`.

    Empty where the data hold no dated membership; a reason instead where today's list cannot be built.
    """
    data = legs.data
    if not data.has("members"):
        return {}
    index = index_of(legs)
    if index is None:
        return {}
    spec = legs.short.spec
    try:
        survivors = basket.build(
            spec,
            todays_members(data, index),
            start=legs.short.sessions[0],
            end=legs.sessions[-1],
            exclude=legs.book if legs.spec.exclude_book_issuers else (),
            book=legs.book,
            prices=legs.short.history.prices,
        )
    except HedgeBasketError as error:
        return {"reason": str(error)}
    of_the_date, of_today = _growth(legs.short, legs), _growth(survivors, legs)
    return {
        "members_of_the_date": of_the_date,
        "members_of_today": of_today,
        "difference": of_today - of_the_date,
    }


def index_of(legs: Legs) -> str | None:
    """The index whose members the basket's screen is drawn from, if any."""
    for screened in legs.short.screened.values():
        return screened.spec.universe.index
    return None


def _growth(one: Basket, legs: Legs) -> float:
    return cagr(one.level.reindex(legs.sessions))
