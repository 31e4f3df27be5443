"""From what one filing says of one period to items, and which of its versions may replace an earlier one.

1. For each report (one filing, one period) each item takes the best alternative the report offers (`market.tags`).
2. Reports come in the order in which their filings became known.
3. A version made from a worse alternative, or from fewer parts, than the version it would replace is dropped.
4. Every other version stays, equal ones too: each names the filing it came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from market.facts import AVERAGES, FLOWS, INSTANTS, ITEMS, Flag
from market.tags import INTEREST_IS_ABSOLUTE, MAGNITUDES, Alternative, alternatives

INSTANT = -1_000_000  # start of a fact that has none
Report = dict[str, float]  # what one filing said of one period: tag -> value
Reports = dict[tuple[str, int, int], Report]  # by accession, start and end
Row = tuple[int, int, int, int, float, int]  # item, start, end, filing, value, flags
_FALLBACK, _FROM_PARTS, _SUSPECT = int(Flag.TAG_FALLBACK), int(Flag.DERIVED_FROM_PARTS), int(Flag.SUSPECT_SIGN)


@dataclass(frozen=True)
class Filing:
    """One filing: its accession, form, day filed and, where known, New York time of acceptance (seconds)."""

    accession: str
    form: str
    filed: int
    accepted: int | None


def normalise(reports: Reports, filings: Sequence[Filing]) -> tuple[tuple[int, int, int, int, float, int], ...]:
    present = {tag for report in reports.values() for tag in report}
    instants, flows = _usable(INSTANTS, present), _usable(FLOWS + AVERAGES, present)
    number = {filing.accession: i for i, filing in enumerate(filings)}
    marks = {code: _marks(alternatives()[item]) for code, item, _ in instants + flows}
    rows = []
    best: dict[tuple[int, int, int], tuple[int, int]] = {}
    for _, start, end, report, at in sorted(
        (
            (number[accession], start, end, report, number[accession])
            for (accession, start, end), report in reports.items()
        ),
        key=lambda entry: entry[:3],
    ):
        made: dict[str, float] = {}
        for code, item, options in instants if start == INSTANT else flows:
            for rank, simple, option in options:
                if simple:
                    value = report.get(simple)
                    if value is None:
                        continue
                    quality = (rank, -1)
                else:
                    found = _evaluate(option, report, made)
                    if found is None:
                        continue
                    value, parts = found
                    quality = (rank, -parts)
                bits = marks[code][rank]
                if value < 0 and item in MAGNITUDES:
                    bits |= _SUSPECT
                    value = -value if item == INTEREST_IS_ABSOLUTE else value
                made[item] = value
                key = (code, start, end)
                held = best.get(key)
                if held is None or quality <= held:
                    best[key] = quality
                    rows.append((code, start, end, at, value, bits))
                break
    return tuple(rows)


_Options = list[tuple[int, str, Alternative]]  # rank, the only tag of a plain alternative, the alternative


def _usable(items: tuple[str, ...], present: set[str]) -> list[tuple[int, str, _Options]]:
    """The items and alternatives that can have a value, given the tags of the whole document."""
    result = []
    for item, options in alternatives().items():
        if item not in items:
            continue
        kept: _Options = []
        for rank, option in enumerate(options):
            here = [[n for n in part.names if n in present or n[0] == "@"] for part in option.parts]
            if any(here) and all(names or part.optional for names, part in zip(here, option.parts, strict=True)):
                plain = len(option.parts) == 1 and not option.of_items and option.parts[0].sign > 0
                plain &= option.at_least not in present
                kept.append((rank, here[0][0] if plain and len(here[0]) == 1 else "", option))
        if kept:
            result.append((ITEMS.index(item), item, kept))
    return result


def _evaluate(option: Alternative, report: Report, made: Mapping[str, float]) -> tuple[float, int] | None:
    """Value of an alternative and the number of parts found; None where it has none."""
    total, found = 0.0, 0
    counted: list[float] = []
    for part in option.parts:
        value = None
        for name in part.names:
            other = made.get(name[1:]) if name[0] == "@" else report.get(name)
            if other is None:
                continue
            if value is None:
                value, found = other, found + 1
                if not part.largest:
                    break
            else:
                value, found = max(value, other), found + 1
        if value is not None:
            if not (option.distinct and value in counted):
                total += part.sign * value
            counted.append(value)
        elif not part.optional:
            return None
    if not found or (option.positive_only and total <= 0) or total < report.get(option.at_least, total):
        return None
    return total, found


def _marks(options: tuple[Alternative, ...]) -> tuple[int, ...]:
    """Flags of each alternative: of another meaning than the first, and made of parts."""
    bits: list[int] = []
    fallback = 0
    for option in options:
        if bits and not option.same_meaning:
            fallback = _FALLBACK
        bits.append(fallback | (_FROM_PARTS if option.composed else 0))
    return tuple(bits)
