"""A basket on a date as plain data: what `hedgebasket basket` prints."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import TYPE_CHECKING

import pandas as pd

from basket.building import Spec
from basket.built import Basket
from basket.orders import trade_list

if TYPE_CHECKING:
    from market.market import Market


def sheet(
    spec: str | os.PathLike[str] | Spec,
    data: Market,
    as_of: str | pd.Timestamp | None = None,
    notional: float = 25e6,
    holdings: str | os.PathLike[str] | pd.Series | None = None,
    exclude: Collection[str] | Basket = (),
    book: Basket | None = None,
) -> dict[str, object]:
    """Constituents, capacity and orders (see `basket.orders.trade_list`), ready for JSON."""
    return trade_list(spec, data, as_of, notional, holdings=holdings, exclude=exclude, book=book).as_json()
