"""The rules weights must obey, as data: linear limits with a name a person would use, and a priority.

A rule without a priority must hold. With one it gives way when it has to: priority 1 is kept the longest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rule:
    """`lower ≤ rows·w ≤ upper`; rows (n_rows, n_assets), labels one per row (a ticker, a sector, an exposure)."""

    name: str
    rows: Floats
    lower: Floats
    upper: Floats
    labels: tuple[str, ...]
    priority: int | None = None

    def excess(self, weights: Floats) -> float:
        """How far the rule is broken, in its own unit; 0 when it holds."""
        value = self.rows @ weights
        return float(np.maximum(np.maximum(value - self.upper, self.lower - value), 0.0).max(initial=0.0))

    def binding(self, weights: Floats, tolerance: float) -> list[str]:
        """Labels of the rows that stand at their limit."""
        value = self.rows @ weights
        at = (np.abs(value - self.upper) <= tolerance) | (np.abs(value - self.lower) <= tolerance)
        return [self.labels[i] for i in np.flatnonzero(at)]


@dataclass(frozen=True)
class TurnoverRule:
    """One-way turnover against the drifted weights: `½Σ|w − previous| + ½·gone ≤ cap`.

    previous (n_assets,): drifted weights of the candidates. gone: weight of names held before that are no candidates;
    forced deletions are left out of it, so they do not count.
    """

    name: str
    previous: Floats
    gone: float
    cap: float
    priority: int | None = None

    def excess(self, weights: Floats) -> float:
        return max(0.0, 0.5 * float(np.abs(weights - self.previous).sum()) + 0.5 * self.gone - self.cap)

    def binding(self, weights: Floats, tolerance: float) -> list[str]:
        used = 0.5 * float(np.abs(weights - self.previous).sum()) + 0.5 * self.gone
        return ["turnover"] if used >= self.cap - tolerance else []


AnyRule = Rule | TurnoverRule


def percent(value: float) -> str:
    """A fraction as a percentage without idle digits.

    >>> percent(0.04), percent(0.125)
    ('4 %', '12.5 %')
    """
    return f"{100 * value:.4g} %"


def name_cap(tickers: Sequence[str], cap: float) -> Rule:
    """No name above `cap`."""
    n = len(tickers)
    return Rule(f"name cap {percent(cap)}", np.eye(n), np.full(n, -np.inf), np.full(n, cap), tuple(tickers))


def limits(name: str, tickers: Sequence[str], upper: Floats, priority: int | None = None) -> Rule:
    """A limit for each name, such as liquidity or the shares that can be borrowed."""
    n = len(tickers)
    return Rule(name, np.eye(n), np.full(n, -np.inf), np.asarray(upper, dtype=float), tuple(tickers), priority)


def group_cap(name: str, labels: Sequence[str], cap: float, priority: int | None = None) -> Rule:
    """No group (sector, issuer) above `cap`; names with an empty label are in no group."""
    groups = sorted({label for label in labels if label})
    rows = np.array([[float(label == group) for label in labels] for group in groups]).reshape(len(groups), len(labels))
    return Rule(
        f"{name} {percent(cap)}",
        rows,
        np.full(len(groups), -np.inf),
        np.full(len(groups), cap),
        tuple(groups),
        priority,
    )


def exposure_band(name: str, exposure: Floats, target: float, within: float, priority: int | None = None) -> Rule:
    """Exposure of the basket within `target ± within`; a missing exposure counts as the average of the others."""
    known = exposure[np.isfinite(exposure)]
    row = np.where(np.isfinite(exposure), exposure, known.mean() if known.size else 0.0)
    text = f"{name} {target:.3g} ± {within:.3g}"
    return Rule(
        text, row[None, :], np.array([target - within]), np.array([target + within]), ("at its limit",), priority
    )


def sectors_near(labels: Sequence[str], wanted: dict[str, float], within: float, priority: int | None = None) -> Rule:
    """Each sector's weight within ± `within` of the wanted one (the long book's)."""
    groups = sorted({label for label in labels if label} | set(wanted))
    rows = np.array([[float(label == group) for label in labels] for group in groups]).reshape(len(groups), len(labels))
    centre = np.array([wanted.get(group, 0.0) for group in groups])
    return Rule(
        f"sector weights within {percent(within)} of the book's",
        rows,
        centre - within,
        centre + within,
        tuple(groups),
        priority,
    )
