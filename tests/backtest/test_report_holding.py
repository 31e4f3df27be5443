"""Tables of what it takes to hold the short: every figure of the summary's sections, and none that is not there."""

from __future__ import annotations

from backtest.report.holding_tables import tables
from backtest.report.tables import Summary

COSTS = {"trading": 5.0, "borrow": 24.0, "dividends": 104.0, "rebate": -212.0, "interest": 11.0, "total": -68.0}
SUMMARY = {
    "implementation": {
        "held": "swap",
        "costs_bps_per_year": {"stock": COSTS, "swap": {**COSTS, "borrow": 0.0, "rebate": -186.0, "total": -66.0}},
        "swap_less_stock_bps": 2.0,
        "swap": {
            "spread_bps": 60.0, "initial_margin_usd": 4.3e7, "variation_margin_session_usd": 1.5e7,
            "variation_margin_month_usd": 4.2e7, "variation_margin_month_end": "2025-05-20",
        },
    },
    "margin": {
        "rules": "reg_t", "enforced": True, "calls": 3, "cut_sessions": 2, "first_call": "2021-01-27",
        "last_call": "2021-02-01",
    },
    "liquidity_buffer": {
        "measured_by": "Regulation T", "usd": 4.5e7, "share_of_nav": 0.25, "start": "2025-04-10", "end": "2025-05-12",
        "peak_usage": 0.74, "sessions_below": 0, "shortfall_usd": 0.0, "shortfall_on": None,
    },
    "hedge_ratio": {"mean": 0.8},
    "other_ratios": {"spy": {"mean": 0.2}},
    "attribution_by_sleeve": {
        "book": {"price": -9.0e7, "total": -9.0e7},
        "basket": {"price": -1.0e8, "borrow": -2.0e6, "total": -1.02e8},
        "spy": {"price": -2.0e7, "total": -2.0e7},
    },
}  # fmt: skip


def text_of(summary: dict[str, object]) -> dict[str, list[list[str]]]:
    return {
        table.name: [[" ".join(filter(None, (c.text, c.detail))) for c in row] for row in table.rows]
        for table in tables(Summary(summary))
    }


def test_every_section_is_shown() -> None:
    found = text_of(SUMMARY)
    assert set(found) == {"implementation", "holding", "legs"}
    assert found["implementation"][-1] == ["Total", "−68.0", "−66.0"]
    lines = dict(found["holding"])
    assert lines["Buffer the worst month took, of NAV 2025-04-10 to 2025-05-12"] == "25.0%"
    assert lines["Margin calls 2021-01-27 to 2021-02-01"] == "3"
    assert lines["By swap: cash paid in a month, at most 2025-05-20"] == "$42.0m"
    assert not any("Buy-ins" in label for label in lines)
    assert found["legs"][1][:2] == ["Basket", "0.80"]
    assert found["legs"][2][1] == "0.20"


def test_the_way_it_is_held_and_who_acts_on_calls_are_said() -> None:
    by_name = {table.name: table for table in tables(Summary(SUMMARY))}
    assert [column.title for column in by_name["implementation"].columns] == [
        "", "In borrowed stock", "By swap, as this run",
    ]  # fmt: skip
    assert "60.0 bps" in by_name["implementation"].note
    assert by_name["holding"].note == "Requirement: Regulation T; calls are acted on."


def test_one_leg_needs_no_table_of_legs_and_an_old_summary_has_none_of_these() -> None:
    assert "legs" not in text_of({**SUMMARY, "other_ratios": {}})
    assert text_of({"sleeves": {}}) == {}
