"""A dated AI basket: which companies stood for the AI trade on a day, and the return of holding them equally.

1. Each constituent has the day from which it counts, a public event that says why, and possibly a day on which it ends.
2. A session's factor return is the mean return of the constituents that count on that session and trade.
3. For a constituent itself the mean leaves it out (leave-one-out), else it would be regressed on itself.
4. With fewer constituents than `fewest` the session has no factor return: NaN, not the return of two stocks.

A constituent never acts before its start, so a backtest sees the basket as it could have been drawn up at the time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from screens.vocabulary import Ticker

if TYPE_CHECKING:
    import numpy as np

    from screens.metrics.tier_rule import Floats

AiTag = Literal[
    "hyperscaler",
    "ai_semis",
    "ai_infra",
    "neocloud",
    "ai_software",
    "ai_adopter",
    "ai_disrupted",
    "ai_financed",
]


class Constituent(BaseModel):
    """One company of the basket, from a day on."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    ticker: Ticker
    start: dt.date
    """First day on which it counts: that of the public event named in `reason`, or later."""
    end: dt.date | None = None
    """Last day on which it counts; open where absent."""
    tag: AiTag
    reason: Annotated[str, Field(min_length=10)]
    """The public event that makes the date defensible, in one line."""

    @model_validator(mode="after")
    def ends_after_start(self) -> Constituent:
        if self.end is not None and self.end < self.start:
            raise ValueError(f"ends on {self.end}, before it starts on {self.start}")
        return self


class AiBasketSpec(BaseModel):
    """A file with `kind: ai_basket`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: Literal["ai_basket"]
    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    fewest: Annotated[int, Field(ge=2)] = 3
    """Constituents needed on a session for a factor return."""
    constituents: Annotated[tuple[Constituent, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def one_line_a_company(self) -> AiBasketSpec:
        seen: set[str] = set()
        for constituent in self.constituents:
            if constituent.ticker in seen:
                raise ValueError(f"{constituent.ticker} is listed twice")
            seen.add(constituent.ticker)
        return self


def live(spec: AiBasketSpec, tickers: Sequence[str], days: np.ndarray) -> np.ndarray:
    """Whether each constituent counts on each day; bool, shape (n_days, n_assets), aligned with `tickers`."""
    import numpy as np

    days = days.astype("datetime64[D]")
    column = {ticker: position for position, ticker in enumerate(tickers)}
    out = np.zeros((len(days), len(tickers)), dtype=bool)
    for constituent in spec.constituents:
        if constituent.ticker in column:
            end = constituent.end or dt.date.max
            out[:, column[constituent.ticker]] = (days >= np.datetime64(constituent.start)) & (
                days <= np.datetime64(end)
            )
    return out


def factor_returns(returns: Floats, counts: np.ndarray, fewest: int) -> tuple[Floats, np.ndarray, Floats]:
    """Mean return of those that count, and for each of them the mean of the others.

    returns, counts: (n_sessions, n_assets). Gives (factor (n_sessions,), columns (k,), leave_one_out (n_sessions, k));
    a session with fewer than `fewest` returns (other than the name's own) is NaN.
    """
    import numpy as np

    columns = np.flatnonzero(counts.any(axis=0))
    known = counts[:, columns] & np.isfinite(returns[:, columns])
    own = np.where(known, returns[:, columns], 0.0)
    number, total = known.sum(axis=1), own.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(number >= fewest, total / number, np.nan)
        others = number[:, None] - known
        left_out = np.where(others >= fewest, (total[:, None] - own) / others, np.nan)
    return factor, columns, left_out
