"""The security master: what a ticker is, whose it is, and since when.

1. One row of `securities` is one security; its ticker is its permanent name in a store, whatever symbol it trades
   under.
2. Where two rows share a ticker (a reused symbol), the one that lived last keeps it; an earlier one is named
   `TICKER@last_date`, and rows of every other table follow by their date: no history is inherited.
3. Prices outside `[first_date, last_date]` of a security are not its own and are left out.
4. The issuer of a security is its CIK, else its name, else itself: GOOG and GOOGL are one company.
5. A missing delisting return is the documented default: -30 % (NYSE and American) or -55 % (Nasdaq) where the reason
   is a failure (Shumway 1997; Shumway and Warther 1999), else 0.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

PERFORMANCE_REASONS = ("bankrupt", "liquidat", "insolv", "receivership", "fail", "delinquen", "below", "price")
"""Words in `delist_reason` that mean the company failed (CRSP 500 and 520-584)."""
FAILURE_RETURN_NYSE, FAILURE_RETURN_NASDAQ = -0.30, -0.55
COLUMNS = (
    "name", "cik", "sector", "industry", "sic", "exchange", "type", "issuer", "first_date", "last_date",
    "delist_reason", "delist_return",
)  # fmt: skip
_TEXTS = ("name", "sector", "industry", "sic", "exchange", "type", "delist_reason")
_CLASS_WORDS = re.compile(r"[,.]|\b(class [a-c]|cl [a-c]|inc|corp|corporation|co|plc|ltd|the|company)\b", re.IGNORECASE)


def master(table: pd.DataFrame | None, tickers: pd.Index) -> pd.DataFrame:
    """The `securities` of a market: one row a ticker, all columns there, texts '' where unknown.

    `tickers` are the names with prices; those the table does not describe get an empty row. A name beginning with `^`
    is of type `index`, others without a type are `stock`.
    """
    rows = pd.DataFrame({"ticker": pd.Series(dtype="str")}) if table is None else labelled(table)
    frame = rows.set_index("ticker").reindex(tickers)
    frame.index.name = "ticker"
    for name in _TEXTS:
        frame[name] = (frame[name] if name in frame else pd.Series("", index=frame.index)).fillna("").astype("str")
    frame["cik"] = (frame["cik"] if "cik" in frame else pd.Series(pd.NA, index=frame.index)).astype("Int64")
    for name in ("first_date", "last_date"):
        frame[name] = pd.to_datetime(frame[name] if name in frame else pd.Series(pd.NaT, index=frame.index))
    if "delist_return" not in frame:
        frame["delist_return"] = np.nan
    kind = np.where(frame.index.str.startswith("^"), "index", "stock")
    frame["type"] = frame["type"].where(frame["type"] != "", pd.Series(kind, index=frame.index)).astype("str")
    frame["name"] = frame["name"].where(frame["name"] != "", pd.Series(frame.index, index=frame.index)).astype("str")
    frame["issuer"] = issuers(frame)
    return frame[list(COLUMNS)]


def issuers(frame: pd.DataFrame) -> NDArray[np.object_]:
    """Key of the company behind each security, shape (N,): `CIK...`, else its name without share class, else itself."""
    keys = np.empty(len(frame), dtype=object)
    for i, (ticker, cik, name) in enumerate(zip(frame.index, frame["cik"], frame["name"], strict=True)):
        words = " ".join(_CLASS_WORDS.sub(" ", str(name)).lower().split())
        keys[i] = f"CIK{int(cik)}" if not pd.isna(cik) else words if words and name != ticker else str(ticker)
    return keys


def labelled(table: pd.DataFrame) -> pd.DataFrame:
    """`securities` with one name a row: of several with one ticker, the earlier ones become `TICKER@last_date`."""
    if not table["ticker"].duplicated().any():
        return table
    never = pd.Series(pd.NaT, index=table.index, dtype="datetime64[ns]")
    rows = table.assign(**{name: table.get(name, never) for name in ("first_date", "last_date")})
    end = rows["last_date"].fillna(pd.Timestamp.max)
    latest = end == end.groupby(rows["ticker"]).transform("max")
    names = [
        ticker if last else f"{ticker}@{day.date() if not pd.isna(day) else 'unknown'}"
        for ticker, last, day in zip(rows["ticker"], latest, rows["last_date"], strict=True)
    ]
    return rows.assign(ticker=pd.Series(names, index=rows.index, dtype="str"))


def relabel(frame: pd.DataFrame, securities: pd.DataFrame | None, dated_by: str) -> pd.DataFrame:
    """Rows of another table under the permanent names of the securities that held the symbol on their dates.

    A row dated before a reused symbol's current holder, and inside no earlier holder's life, belongs to nobody and
    goes.
    """
    if securities is None or "ticker" not in frame or not securities["ticker"].duplicated().any():
        return frame
    names = labelled(securities)
    reused = securities["ticker"].duplicated(keep=False).to_numpy()
    touched = frame["ticker"].isin(securities.loc[reused, "ticker"]).to_numpy()
    result = frame["ticker"].astype(object).to_numpy().copy()
    dates = frame[dated_by]
    result[touched] = ""
    for symbol, name, first, last in zip(
        securities.loc[reused, "ticker"],
        names.loc[reused, "ticker"],
        names.loc[reused, "first_date"].fillna(pd.Timestamp.min),
        names.loc[reused, "last_date"].fillna(pd.Timestamp.max),
        strict=True,
    ):
        own = (frame["ticker"] == symbol) & (dates >= first) & (dates <= last)
        result[own.to_numpy()] = name
    return frame.assign(ticker=pd.Series(result, index=frame.index, dtype="str"))[result != ""]


def delisting_return(reason: str, given: float, exchange: str) -> float:
    """Return after the last trade: the given one, else the default of the literature by reason and exchange.

    >>> delisting_return("bankruptcy", float("nan"), "Nasdaq"), delisting_return("merger", float("nan"), "NYSE")
    (-0.55, 0.0)
    """
    if given == given:
        return given
    if not any(word in reason.lower() for word in PERFORMANCE_REASONS):
        return 0.0
    return FAILURE_RETURN_NASDAQ if "nasdaq" in exchange.lower() else FAILURE_RETURN_NYSE
