"""Content fingerprints of tables: equal content gives equal text, whatever the row order, file format or encoding.

1. Each cell that is not missing becomes a 64-bit number: days for dates, IEEE bits for numbers, BLAKE2b for texts.
2. A row's number mixes its cells, each under its column's name; an absent column and an empty one are alike.
3. The table's fingerprint is the sum of its rows' numbers (mod 2**64, twice, under two seeds) and their count:
   sums do not know order, and rows can be added and taken away without reading the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

_SEEDS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)
_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Fingerprint:
    """Sum over rows of two 64-bit row numbers, with the number of rows. Adds and subtracts as multisets do."""

    low: int
    high: int
    rows: int

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Self:
        """The fingerprint of a frame in canonical types.

        >>> a = pd.DataFrame({"ticker": ["A", "B"], "value": [1.0, None]})
        >>> Fingerprint.of(a) == Fingerprint.of(a.iloc[::-1]) == Fingerprint.of(a.assign(unit=None))
        True
        """
        sums = [0, 0]
        if len(frame):
            cells = {str(name): _cells(frame[name]) for name in frame.columns}
            for which, seed in enumerate(_SEEDS):
                row = np.full(len(frame), seed, np.uint64)
                for name, (values, filled) in cells.items():
                    salt = np.uint64(_digest(f"{seed}:{name}"))
                    row ^= np.where(filled, _mix(values ^ salt), np.uint64(0))
                sums[which] = int(_mix(row).sum(dtype=np.uint64))
        return cls(sums[0], sums[1], len(frame))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The reverse of `str`."""
        low, high, rows = text.split("-")
        return cls(int(low, 16), int(high, 16), int(rows, 16))

    def __str__(self) -> str:
        return f"{self.low:016x}-{self.high:016x}-{self.rows:x}"

    def __add__(self, other: Fingerprint) -> Fingerprint:
        return Fingerprint((self.low + other.low) & _MASK, (self.high + other.high) & _MASK, self.rows + other.rows)

    def __sub__(self, other: Fingerprint) -> Fingerprint:
        return Fingerprint((self.low - other.low) & _MASK, (self.high - other.high) & _MASK, self.rows - other.rows)


def combined(fingerprints: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """One fingerprint of several tables: 32 hex digits."""
    pairs = sorted(dict(fingerprints).items())
    return hashlib.blake2b("\n".join(f"{name} {text}" for name, text in pairs).encode(), digest_size=16).hexdigest()


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _mix(x: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _cells(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    filled = column.notna().to_numpy()
    if pd.api.types.is_datetime64_any_dtype(column):
        days = column.to_numpy().astype("datetime64[D]").astype(np.int64)
        return days.view(np.uint64), filled
    if pd.api.types.is_numeric_dtype(column):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0  # -0.0 becomes 0.0
        return numbers.view(np.uint64), filled
    codes, texts = pd.factorize(column.astype(object).where(filled, ""))
    hashes = np.array([_digest(str(text)) for text in texts], dtype=np.uint64)
    return hashes[codes], filled
