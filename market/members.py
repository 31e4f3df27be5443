"""Dated index membership: who was in an index on a day, as far as the table knows.

1. The `members` table holds intervals `[start, end]`, both days inclusive; an empty `end` is a current member.
2. At a session a name is a member where one of its intervals holds that day. Nothing else counts: a later member is none.
3. Coverage compares the members of a date with the names that have a price on it.
4. `pitindex` is the live source; a user's cache can override its packaged data, so what was read is fingerprinted and
   compared with the pinned package.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from market.errors import DataError

PINNED_VERSION = "0.2.1"
PITINDEX_FILES = ("{index}_seed.csv", "{index}_changes.csv", "{index}_current.csv")


@dataclass(frozen=True)
class Members:
    """The `members` table in canonical types."""

    table: pd.DataFrame

    @property
    def indices(self) -> tuple[str, ...]:
        return tuple(sorted(set(map(str, self.table["index"]))))

    def on(self, index: str, day: pd.Timestamp) -> list[str]:
        """Tickers of the members on a day, sorted; raises `DataError` for an unknown index or a day it does not reach."""
        held = self._of(index)
        if day < held["start"].min():
            raise DataError(f"members of {index!r} begin {held['start'].min().date()}, after {day.date()}")
        inside = (held["start"] <= day) & (held["end"].isna() | (held["end"] >= day))
        return sorted(set(map(str, held.loc[inside, "ticker"])))

    def mask(self, index: str, day: pd.Timestamp, tickers: pd.Index) -> NDArray[np.bool_]:
        """Whether each ticker was a member on a day; shape (N,)."""
        return np.asarray(tickers.isin(self.on(index, day)), dtype=bool)

    def _of(self, index: str) -> pd.DataFrame:
        held = self.table[self.table["index"] == index]
        if held.empty:
            known = ", ".join(self.indices) or "none"
            raise DataError(f"no members of index {index!r} in this store; it has: {known}")
        return held


@dataclass(frozen=True)
class LiveMembers:
    """Membership read from `pitindex`: the rows, the SHA-256 of the files read, and whether they are the pinned ones."""

    table: pd.DataFrame
    sha256: str
    packaged: bool
    source: str


def from_pitindex(index: str) -> LiveMembers:
    """Membership intervals of `sp500`, `sp400`, `sp600` or `sp1500` from the pinned `pitindex` package.

    The package's data files are read as shipped unless the user's cache overrides them, as the package itself does; the
    fingerprint tells which were read. Raises `DataError` for an unknown index.
    """
    from importlib.metadata import version

    from pitindex import _loader
    from pitindex._registry import COMPOSITE_INDICES, PHYSICAL_INDICES

    if index not in PHYSICAL_INDICES and index not in COMPOSITE_INDICES:
        raise DataError(f"no index is called {index!r}; known: {', '.join((*PHYSICAL_INDICES, *COMPOSITE_INDICES))}")
    parts = COMPOSITE_INDICES.get(index, (index,))
    digest, packaged = hashlib.sha256(), True
    rows: list[tuple[str, str, str, str | None]] = []
    for part in parts:
        for pattern in PITINDEX_FILES:
            name = pattern.format(index=part)
            packaged &= not (_loader.USER_CACHE / name).exists()
            with _loader._open_data(name) as stream:
                digest.update(stream.read().encode())
        seeded, roster = _loader.load_seed(part)
        open_since = {ticker: seeded.isoformat() for ticker in roster}
        for event in _loader.load_events(part):
            if event.action == "added":
                open_since.setdefault(event.ticker, event.date.isoformat())
            elif (since := open_since.pop(event.ticker, None)) is not None:
                last = (pd.Timestamp(event.date) - pd.Timedelta(days=1)).date().isoformat()
                rows.append((index, event.ticker, since, last))
        rows += [(index, ticker, since, None) for ticker, since in open_since.items()]
    table = pd.DataFrame(rows, columns=["index", "ticker", "start", "end"])
    table = table[table["end"].isna() | (table["end"] >= table["start"])].drop_duplicates(["index", "ticker", "start"])
    pinned = packaged and version("pitindex") == PINNED_VERSION
    origin = "packaged data" if packaged else "user cache, not the packaged data"
    source = f"pitindex {version('pitindex')} ({origin}, sha256 {digest.hexdigest()[:12]})"
    return LiveMembers(table, digest.hexdigest(), pinned, source)
