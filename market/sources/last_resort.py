"""Facts of names that the SEC has none of: Yahoo's statements, asked for last and kept like all else.

1. Asked for are names with prices of their own that the SEC does not list, or whose filer it gives no facts of. A name
   whose filings could not be read this time is not among them, nor one whose facts came from elsewhere: what is not
   point in time never stands in for what is.
2. What was asked for within thirty days stays as it is. Later it is asked for again, and periods that Yahoo shows no
   more are kept from before.
3. Statements that are not in US dollars are refused; the refusal is kept with its reason for as long.
4. A failure is reported and not kept: the next sync tries again, and an earlier answer serves until then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import pandas as pd

from market.errors import DataError
from market.sources.coverage import tickers_of
from market.sources.parts import Parts
from market.sources.yahoo import OtherCurrency, Yahoo
from market.sources.yahoo_statements import COLUMNS, FORMS
from market.store import Store, schema_of
from market.validation import canonical

KEPT = pd.Timedelta(days=30)
_PERIOD = ["item", "period_start", "period_end"]


def of_yahoo(store: Store) -> set[str]:
    """Names of which the store holds facts from Yahoo's statements."""
    return _by_form(store, "IN")


def wanted(store: Store, without_facts: Collection[str], priced: Collection[str]) -> list[str]:
    """Names to ask Yahoo for: those that have prices and no facts of another source."""
    return sorted((set(without_facts) & set(priced)) - _by_form(store, "NOT IN"))


def fetch(
    yahoo: Yahoo, parts: Parts, names: Collection[str], day: pd.Timestamp, progress: Callable[[int, int], None]
) -> list[tuple[str, DataError]]:
    """Bring the parts of these names up to date as of `day`; what failed."""
    due = [name for name in names if not _fresh(parts, name, day)]
    failed = []
    for done, (name, rows) in enumerate(yahoo.statements(due), 1):
        progress(done, len(due))
        if isinstance(rows, OtherCurrency):
            parts.save(name, canonical(_NONE, schema_of("facts")), _note(name, day, str(rows)))
        elif isinstance(rows, DataError):
            failed.append((name, rows))
        else:
            fresh = canonical(rows, schema_of("facts"))
            held = parts.rows(name) if parts.note(name) is not None else fresh
            both = pd.concat([fresh, held], ignore_index=True).drop_duplicates(_PERIOD)
            parts.save(name, canonical(both, schema_of("facts")), _note(name, day, ""))
    return failed


def answered(parts: Parts, names: Collection[str]) -> tuple[list[str], dict[str, str]]:
    """Which of these names have rows, and why others were refused."""
    notes = {name: parts.note(name) for name in sorted(names)}
    refused = {name: str(note["refused"]) for name, note in notes.items() if note and note["refused"]}
    return [name for name, note in notes.items() if note and name not in refused], refused


def _fresh(parts: Parts, name: str, day: pd.Timestamp) -> bool:
    note = parts.note(name)
    return note is not None and day - pd.Timestamp(str(note["asked"])) <= KEPT


def _note(name: str, day: pd.Timestamp, refused: str) -> dict[str, object]:
    return {"ticker": name, "asked": day.date().isoformat(), "refused": refused}


def _by_form(store: Store, which: str) -> set[str]:
    if not store.has("facts"):
        return set()
    if "form" not in store.entry("facts").columns:
        return set() if which == "IN" else tickers_of(store, "facts")
    forms = ", ".join(f"'{form}'" for form in FORMS.values())
    return tickers_of(store, "facts", f"coalesce(form, '') {which} ({forms})")


_NONE = pd.DataFrame({name: pd.Series(dtype="float64" if name == "value" else "str") for name in COLUMNS}).assign(
    period_end=pd.Series(dtype="datetime64[ns]"), period_start=pd.Series(dtype="datetime64[ns]")
)
