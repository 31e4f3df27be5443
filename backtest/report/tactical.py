"""The tactical overlay as a table: how often it switched, what that cost, and whether the timing was worth anything."""

from __future__ import annotations

from backtest.report.numerals import Style, is_number
from backtest.report.tables import Column, Summary, Table, heading, rows

LINES: tuple[tuple[str, str, Style, str], ...] = (
    ("share_full", "Sessions with the full hedge", "percent", ""),
    ("share_off", "Sessions without any", "percent", ""),
    ("mean_size", "Mean size of the hedge", "percent", "of the always-on ratio, from the first score on"),
    ("sessions_without_score", "Sessions before the first score", "count", "the hedge is then at `unscored`"),
    ("switches", "Switches", "count", "changes of the multiplier that were traded"),
    ("switches_per_year", "Switches a year", "ratio", ""),
    ("squeezes", "Squeezes that cut the hedge", "count", "whether or not the gate had it off already"),
    ("whipsaws", "Whipsaws", "count", "switches taken back within 21 sessions"),
    ("whipsaw_bps_per_year", "Cost of whipsaws, bps a year", "bps", "what the hedge made while the switch was wrong"),
    ("trading_bps_per_year/tactical", "Trading, bps a year", "bps", "of the switched account"),
    ("trading_bps_per_year/always_on", "Trading, always on, bps a year", "bps", ""),
    ("against_always_on/annual", "Paid beyond always on, a year", "percent", "mean of daily differences × 252"),
    ("against_always_on/t", "t", "ratio", "Newey-West"),
    ("against_mean_size/annual", "Paid beyond that size untimed, a year", "percent", "the worth of the timing"),
    ("against_mean_size/t", "t", "ratio", "Newey-West; below 2 not distinguishable from zero"),
)  # fmt: skip


def overlay(summary: Summary) -> Table:
    """The overlay's line by line; empty for a run without one."""
    body = [
        [heading(label, note), summary.number(f"/overlay/{key}", style)]
        for key, label, style, note in LINES
        if is_number(summary.get(f"/overlay/{key}"))
    ]
    return Table(
        "overlay",
        f"The hedge switched by the tape: {summary.get('/overlay/mode')}",
        (Column("", numeric=False), Column("Found")),
        rows(body),
        note="Its return and risk stand among the simpler choices, beside as much hedge held untimed. "
        f"The first score acts on {summary.get('/overlay/first_score') or 'the first session'}.",
    )
