"""FINRA's equity short interest: one settlement day a file, as downloaded (comma or pipe), by symbol.

The publication day is not in the file: FINRA publishes on the seventh or eighth session after settlement, and the later
one is assumed (`market.sources.files.PUBLICATION_SESSIONS`). Later revisions of a symbol replace earlier lines.
"""

from __future__ import annotations

import io

import pandas as pd

from market.calendar import session_after
from market.errors import DataError
from market.sources.sec.companies import spelt

SYMBOL, SHARES, SETTLED = "symbolCode", "currentShortPositionQuantity", "settlementDate"


def knows(head: bytes) -> bool:
    """Whether a file begins as one of FINRA's."""
    return SYMBOL.encode() in head and SHARES.encode() in head


def read(content: bytes, name: str) -> pd.DataFrame:
    """Rows of `short_interest`. Raises `DataError` where the file is damaged."""
    from market.sources.files import PUBLICATION_SESSIONS

    try:
        separator = "|" if content.split(b"\n", 1)[0].count(b"|") else ","
        table = pd.read_csv(io.BytesIO(content), sep=separator, dtype=str, keep_default_na=False)
        frame = pd.DataFrame(
            {
                "settlement_date": pd.to_datetime(table[SETTLED], format="ISO8601").astype("datetime64[ns]"),
                "ticker": table[SYMBOL].str.strip().str.replace(" ", "-").map(spelt),
                "shares_short": pd.to_numeric(table[SHARES], errors="coerce"),
            }
        )
    except (ValueError, KeyError) as error:
        raise DataError(f"{name}: not a short interest file of FINRA ({error})") from error
    frame = frame[(frame["ticker"] != "") & frame["shares_short"].notna() & frame["settlement_date"].notna()]
    published = {
        day: session_after(pd.Timestamp(day), PUBLICATION_SESSIONS) for day in frame["settlement_date"].unique()
    }
    frame.insert(1, "published_date", frame["settlement_date"].map(published))
    return frame.drop_duplicates(["ticker", "settlement_date"], keep="last").reset_index(drop=True)
