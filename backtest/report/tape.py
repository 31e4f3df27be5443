"""The tape: what a market note of 4 November 2025 claimed, as the run's data measure it, beside the note's own figure.

1. One row a signal, grouped by claim: streak, breadth, concentration, reaction to beats, capital spending and its debt,
   consumers, cyclicals and credit.
2. Value and percentile of the signal's own past at the run's last session; the value on the note's session where the
   data hold it, so that the note can be checked against the data and not against another date.
3. The note's figure stands only where it could be verified, or is marked as the note's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtest.report.numerals import Style, day
from backtest.report.tables import Column, Table, heading, rows, words, written

if TYPE_CHECKING:
    from backtest.result import Result

STYLES: dict[str, Style] = {
    "USD": "usd",
    "sessions": "count",
    "ratio": "percent",
    "growth rate": "percent",
    "return": "percent2",
    "return a session": "percent2",
    "correlation": "ratio",
    "index (0-1)": "ratio3",
}
CLAIMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Streak", ("dma_",)),
    ("Breadth", ("breadth_", "fell_below_", "new_highs", "new_lows")),
    ("Concentration", ("mega_cap_share", "top_", "herfindahl", "cap_minus_equal", "ai_minus_equal")),
    ("Calm above, movement below", ("dispersion", "implied_correlation")),
    ("Reaction to beats", ("earnings_", "beat_reward")),
    ("AI capital spending and its debt", ("hyperscaler", "tech_utilities_")),
    ("Consumers", ("restaurants_", "stores_", "travel_", "digital_", "consumer_")),
    ("Cyclicals and credit", ("cyclicals_", "credit")),
)
ELSEWHERE = "Other signals"
NOTE = {
    "dma_streak": "128 closes, verified",
    "breadth_50": "36% on 17 Nov (press)",
    "breadth_200": "54% on 24 Nov (press)",
    "earnings_beats": "64%, before 49%: beats by one deviation of estimates; any beat near 81%",
    "beat_reward_two_sessions": "+32 bp, before +98 bp: the note’s own count",
    "beat_reward_volume": "+32 bp, before +98 bp: the note’s own count",
    "tech_utilities_borrowing": "AI bonds 29% of dollar supply, nine tenths from these: the note’s own",
}


def tape(result: Result) -> Table:
    """The note's claims, measured."""
    records = result.regime.to_dict("records")
    order = [claim for claim, _ in CLAIMS] + [ELSEWHERE]
    records.sort(key=lambda record: order.index(claim_of(str(record["signal"]))))
    then = "then" in result.regime and bool(result.regime["then"].notna().any())
    body = []
    for record in records:
        name = str(record["signal"])
        style = style_of(str(record.get("unit", "")))
        cells = [
            heading(name.replace("_", " "), words(record.get("definition")).text),
            words(claim_of(name)),
            written(record["value"], style),
            written(record["percentile"], "percent0"),
            words(record.get("fragile")),
        ]
        if then:
            cells.append(written(record["then"], style))
        body.append([*cells, words(NOTE.get(name))])
    columns = [Column("", numeric=False), Column("Claim", numeric=False), Column("Value")]
    columns += [Column("Percentile", note="of its own past"), Column("Fragile when", numeric=False)]
    if then:
        columns.append(Column(f"On {day(result.regime.attrs.get('note_session'))}", note="the note's last session"))
    return Table(
        "regime",
        "The note’s claims, as measured on the data",
        (*columns, Column("The note, November 2025", numeric=False)),
        rows(body),
        note="Percentiles rank each figure in its own past only. A dash: the data do not carry it on that date. The "
        "note’s figures are for its own day unless dated; what could not be verified is marked as the note’s own.",
    )


def claim_of(signal: str) -> str:
    """The claim a signal belongs to, by the start of its name."""
    return next((claim for claim, starts in CLAIMS if signal.startswith(starts)), ELSEWHERE)


def style_of(unit: str) -> Style:
    """How figures of a unit are written; shares of anything as per cent."""
    return "percent" if unit.startswith("share") else STYLES.get(unit, "auto")
