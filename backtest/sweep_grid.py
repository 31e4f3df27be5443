"""The variants of a sweep, and the units they are worked in.

1. All combinations of the axes, in the order written; with `draws` a seeded part of them.
2. A unit is what one process does at a time: the variants about which the screen is asked the same question, so that
   each screen is computed once. Valuess that share all they hold are cut into pieces, which share a hedge ratio.
3. Units depend on the sweep alone, never on how many work on them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Final

from backtest.sweep_base import MULTIPLE, builds, screens
from backtest.sweep_spec import SweepSpec, values_of

PIECE: Final = 100
"""Valuess of a unit where nothing has to be built: seconds of work, so that progress shows and little is lost."""
LARGEST: Final = 5_000
"""Valuess of any unit: their daily returns fit in 50 MB."""

Values = dict[str, object]


@dataclass(frozen=True)
class Unit:
    """Places in the grid of the variants that are worked together."""

    number: int
    variants: tuple[int, ...]


def grid(spec: SweepSpec) -> list[Values]:
    """Every variant as path -> value, in order."""
    axes = {path: values_of(axis) for path, axis in spec.vary.items()}
    size = math.prod(len(values) for values in axes.values())
    rows = product(*axes.values())
    if spec.draws is not None and spec.draws < size:
        wanted = set(random.Random(spec.seed).sample(range(size), spec.draws))
        return [dict(zip(axes, row, strict=True)) for number, row in enumerate(rows) if number in wanted]
    return [dict(zip(axes, row, strict=True)) for row in rows]


def units_of(variants: Sequence[Values]) -> list[Unit]:
    """The grid by what its screens are asked, in order of first appearance."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, values in enumerate(variants):
        groups.setdefault(key_of(values, screens), []).append(number)
    units: list[Unit] = []
    for members in groups.values():
        # Beside each other: what shares a basket, and then a hedge ratio.
        members.sort(key=lambda n: (key_of(variants[n], builds), key_of(variants[n], _sizes), n))
        built = any(builds(path) for path in variants[members[0]])
        rest = iter(members)
        while piece := tuple(islice(rest, LARGEST if built else PIECE)):
            units.append(Unit(len(units), piece))
    return units


def key_of(values: Values, which: Callable[[str], bool]) -> tuple[str, ...]:
    """The values of the paths that `which` accepts, as something to compare."""
    return tuple(repr(value) for path, value in values.items() if which(path))


def _sizes(path: str) -> bool:
    return not builds(path) and path != MULTIPLE
