"""A table as it stood at the close of one session: everything that was not known then is taken out.

1. Rows known by a date (`prices`, `market_cap`, `rates`, `borrow`, `factors`, `tags`; `short_interest` by
   publication) stay where that date is not after the session.
2. Facts stay where the session from which they were known is not after it (`market.facts`).
3. An announcement of earnings is known on its day where it was made before the open, else on the session after it;
   filing texts on the session after filing.
4. Intervals that began stay, and an end that lies ahead is not known yet: members, tags, the last day of a security and
   how it ended.
"""

from __future__ import annotations

import pandas as pd

from market.tables import TABLES

BEFORE_THE_OPEN = "bmo"


def cut_table(name: str, rows: pd.DataFrame, session: pd.Timestamp, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """The rows of table `name` known at the close of `session`; `sessions` are those of the whole market."""
    if name == "facts":
        from market.facts import known_at

        known = known_at(rows, sessions)
        return rows[known <= session]
    if name == "earnings":
        early = rows["date"] < session
        if "when" in rows:
            early |= (rows["date"] == session) & (rows["when"] == BEFORE_THE_OPEN).fillna(False)
        return rows[early]
    if name == "filing_text":
        return rows[rows["filed"] < session]
    if name == "securities":
        if "last_date" not in rows:
            return rows
        ahead = rows["last_date"] > session
        ending = {"last_date": pd.NaT, "delist_reason": None, "delist_return": float("nan")}
        return rows.assign(**{c: rows[c].mask(ahead, value) for c, value in ending.items() if c in rows})
    known_by = TABLES[name].known_by
    if known_by is None:
        return rows
    kept = rows[rows[known_by] <= session]
    end = {"members": "end", "tags": "valid_to"}.get(name)
    if end is not None and end in kept:
        kept = kept.assign(**{end: kept[end].mask(kept[end] > session)})
    return kept
