"""What was known of one company on a date: items, metrics, and the filing each figure came from.

1. The name may be a ticker of that day or a CIK (`CIK320193`); a symbol that changed since is followed.
2. Items and their filings come from `market.fundamentals`: flows are trailing twelve months, balances the latest
   reported; unknown items are left out, never zero. A store of filings without prices serves too.
3. Every metric of the registry is computed with its defaults; one that the store cannot compute is left out, as all are
   for a company without prices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from market.errors import ConfigError, HedgeBasketError

if TYPE_CHECKING:
    import pandas as pd

    from market import Market
    from market.view import View


def known(data: Market, name: str, as_of: str | pd.Timestamp) -> dict[str, object]:
    """`{"ticker", "as_of", "ttm", "latest", "metrics", "sources"}` as known at the close of the session on or before
    `as_of`. Raises `DataError` for an unknown name or a date outside the data.
    """
    import pandas as pd

    from market.fundamentals import CIK, fundamentals

    try:
        day = pd.Timestamp(as_of)
    except ValueError:
        raise ConfigError(f"{as_of!r} is not a date; give YYYY-MM-DD") from None
    priced = data.has("prices")
    if priced and not data.start <= day <= data.end:
        data.session(day)  # says which days there are
    session = data.session_on_or_before(day) if priced else day
    if priced and not CIK.match(name):
        name = data.resolve(name, session)
    company = fundamentals(data, name, session)
    metrics: dict[str, float] = {}
    if priced and company.ticker in data.tickers:
        view = data.as_of(session)
        metrics = _metrics(view, list(view.tickers).index(company.ticker))
    return {**company.to_dict(), "metrics": metrics}


def _metrics(view: View, at: int) -> dict[str, float]:
    from screens.metrics import REGISTRY

    found: dict[str, float] = {}
    for name, metric in REGISTRY.items():
        try:
            value = float(metric(view).value[at])
        except HedgeBasketError:
            continue  # needs a parameter without default, or a table this store does not hold
        if np.isfinite(value):
            found[name] = value
    return found
