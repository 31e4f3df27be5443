from __future__ import annotations

import pandas as pd
import pytest

from basket.schedule import nearest_valid, next_rebalance, rebalance_sessions, signal_sessions, third_friday, tranche_of
from market.errors import ConfigError, DataError

# US holidays among the weekdays used here; Good Friday 2019 and 2014 fell on the third Friday of April.
HOLIDAYS = pd.to_datetime(
    ["2019-01-01", "2019-01-21", "2019-02-18", "2019-04-19", "2019-05-27", "2019-07-04", "2019-12-25"]
)
SESSIONS = pd.bdate_range("2019-01-01", "2019-12-31").difference(HOLIDAYS)


def days(index: pd.DatetimeIndex) -> list[str]:
    return [f"{day:%Y-%m-%d}" for day in index]


def rule(start: str = "2019-01-02", end: str = "2019-12-31", **options) -> list[str]:
    return days(rebalance_sessions(SESSIONS, pd.Timestamp(start), pd.Timestamp(end), **options))


def test_third_fridays_of_2024_are_those_of_the_expiry_calendar() -> None:
    expiries = ["2024-01-19", "2024-02-16", "2024-03-15", "2024-04-19", "2024-05-17", "2024-06-21",
                "2024-07-19", "2024-08-16", "2024-09-20", "2024-10-18", "2024-11-15", "2024-12-20"]  # fmt: skip
    assert [f"{third_friday(2024, month):%Y-%m-%d}" for month in range(1, 13)] == expiries


def test_the_flagship_schedule_and_a_holiday_that_moves_to_the_session_before() -> None:
    # 19 April 2019 was Good Friday: the rebalance is on Thursday.
    assert rule() == ["2019-01-02", "2019-01-18", "2019-04-18", "2019-07-19", "2019-10-18"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"frequency": "once"}, ""),
        ({"frequency": "annual"}, "01-18"),
        ({"frequency": "annual", "months": [6]}, "06-21"),
        ({"frequency": "semiannual"}, "01-18 07-19"),
        ({"frequency": "semiannual", "day": "first_session"}, "07-01"),
        ({"frequency": "monthly"}, "01-18 02-15 03-15 04-18 05-17 06-21 07-19 08-16 09-20 10-18 11-15 12-20"),
        ({"frequency": "monthly", "day": "last_session"},
         "01-31 02-28 03-29 04-30 05-31 06-28 07-31 08-30 09-30 10-31 11-29 12-31"),
        ({"frequency": "monthly", "day": "first_session"},
         "02-01 03-01 04-01 05-01 06-03 07-01 08-01 09-03 10-01 11-01 12-02"),
        ({"frequency": "monthly", "day": "mid_month"},
         "01-15 02-15 03-15 04-15 05-15 06-14 07-15 08-15 09-13 10-15 11-15 12-13"),
        ({"frequency": "quarterly"}, "01-18 04-18 07-19 10-18"),
        ({"frequency": "quarterly", "months": [3, 6, 9, 12], "offset": 1}, "03-18 06-24 09-23 12-23"),
        ({"frequency": "quarterly", "months": [3, 6, 9, 12], "offset": -10}, "03-01 06-07 09-06 12-06"),
        ({"frequency": "quarterly", "months": [4], "offset": 1}, "04-22"),
        ({"frequency": "quarterly", "months": [4], "day": "last_session", "offset": -1}, "04-29"),
        ({"frequency": "quarterly", "months": [2, 5], "day": "mid_month"}, "02-15 05-15"),
        ({"frequency": "quarterly", "months": [1, 4, 7, 10], "day": "first_session", "offset": -1},
         "03-29 06-28 09-30 12-31"),
        ({"frequency": "custom", "dates": ["2019-03-01", "2019-08-01"]}, "03-01 08-01"),
        ({"frequency": "custom", "dates": ["2018-06-01", "2019-08-01", "2020-06-01", "2062-01-04"]}, "08-01"),
    ],
)  # fmt: skip
def test_exact_dates_of_every_variant(options, expected) -> None:
    # Monday the 2nd of September is Labor Day, the 1st a Sunday: September begins on the 3rd.
    sessions = SESSIONS.difference(pd.DatetimeIndex(["2019-09-02", "2019-11-28"]))
    found = rebalance_sessions(sessions, sessions[0], sessions[-1], **options)
    assert days(found) == ["2019-01-02", *(f"2019-{day}" for day in expected.split())]


def test_dates_of_the_year_before_that_land_inside_the_span_count() -> None:
    # Two sessions after the last one of December 2018.
    assert rule(frequency="annual", months=[12], day="last_session", offset=2, end="2019-06-28") == [
        "2019-01-02", "2019-01-03",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "day"),
    [
        ({"day": "last_session", "offset": -5}, "2019-04-23"),
        ({"day": "third_friday", "offset": -10}, "2019-04-04"),
        ({"day": "first_session", "offset": -3}, "2019-04-26"),
        ({"frequency": "custom", "dates": ["2019-02-01", "2019-04-03", "2019-06-03"]}, "2019-04-03"),
    ],
)
def test_a_day_counted_back_from_one_to_come_is_there_when_it_is_reached(options, day) -> None:
    """What is decided on a day must not depend on whether the data go on after it."""
    whole = rule(**{"frequency": "monthly", **options})
    assert day in whole
    for end in SESSIONS[(SESSIONS >= "2019-04-01") & (SESSIONS <= "2019-05-10")]:
        cut = SESSIONS[end >= SESSIONS]
        found = rebalance_sessions(cut, cut[0], cut[-1], **{"frequency": "monthly", **options})
        assert days(found) == [day for day in whole if day <= f"{end:%Y-%m-%d}"]


def test_the_start_of_the_span_is_the_inception_even_on_a_holiday() -> None:
    assert rule(start="2019-07-04", end="2019-07-31") == ["2019-07-05", "2019-07-19"]


def test_a_month_that_the_data_cut_short_has_no_last_session() -> None:
    cut = SESSIONS[SESSIONS <= "2019-04-12"]
    found = rebalance_sessions(cut, cut[0], cut[-1], frequency="monthly", day="last_session")
    assert days(found) == ["2019-01-02", "2019-01-31", "2019-02-28", "2019-03-29"]


def test_a_written_date_on_a_holiday_names_the_next_session() -> None:
    with pytest.raises(ConfigError, match=r"2019-04-19 is not a trading session; the next one is 2019-04-22"):
        rule(frequency="custom", dates=["2019-04-19"])


def test_written_dates_to_come_must_be_sessions_and_some_must_have_come() -> None:
    with pytest.raises(ConfigError, match=r"2020-07-03 is not a trading session; the next one is 2020-07-06"):
        rule(frequency="custom", dates=["2019-03-01", "2020-07-03"])
    with pytest.raises(ConfigError, match=r"none of the rebalance dates \(2018-03-01, 2020-03-02\) lies in the data"):
        rule(frequency="custom", dates=["2018-03-01", "2020-03-02"])


def test_dates_outside_the_data_name_its_span() -> None:
    with pytest.raises(ConfigError, match=r"outside the data, which runs 2019-01-02 to 2019-12-31"):
        nearest_valid(SESSIONS, "2020-05-01")
    with pytest.raises(ConfigError, match="outside the data"):
        rule(start="2031-01-01", end="2032-01-01")
    with pytest.raises(ConfigError, match="not a date"):
        nearest_valid(SESSIONS, "tomorrow")


def test_signals_are_lag_sessions_earlier() -> None:
    fills = pd.DatetimeIndex(["2019-04-18", "2019-07-19"])
    assert days(signal_sessions(SESSIONS, fills, 1)) == ["2019-04-17", "2019-07-18"]
    assert days(signal_sessions(SESSIONS, fills, 10)) == ["2019-04-04", "2019-07-05"]
    assert days(signal_sessions(SESSIONS, fills, 0)) == days(fills)


def test_too_little_data_before_the_first_signal_names_the_earliest_rebalance() -> None:
    with pytest.raises(DataError, match=r"the earliest rebalance is 2019-01-03"):
        signal_sessions(SESSIONS, SESSIONS[:1], 1)


def test_tranches_take_turns_after_an_inception_of_all() -> None:
    assert tranche_of(5, 2) == [(0, 1), (0,), (1,), (0,), (1,)]
    assert tranche_of(3, 1) == [(0,), (0,), (0,)]


@pytest.mark.parametrize(
    ("after", "lag", "rule", "expected"),
    [
        ("2024-01-18", 1, {"months": [1, 4, 7, 10]}, ("2024-01-19", "2024-01-18")),
        ("2024-01-19", 1, {"months": [1, 4, 7, 10]}, ("2024-04-19", "2024-04-18")),
        ("2019-01-22", 10, {"months": [1, 4, 7, 10]}, ("2019-04-18", "2019-04-04")),  # Good Friday
        ("2024-06-25", 1, {"frequency": "monthly", "day": "last_session", "offset": -3}, ("2024-07-26", "2024-07-25")),
        ("2024-06-24", 1, {"frequency": "monthly", "day": "last_session", "offset": -3}, ("2024-06-25", "2024-06-24")),
        ("2024-02-01", 0, {"frequency": "annual", "months": [1]}, ("2025-01-17", "2025-01-17")),
        ("2024-02-01", 1, {"frequency": "custom", "dates": ["2024-03-01", "2024-02-02"]}, ("2024-02-02", "2024-02-01")),
        ("2024-03-01", 1, {"frequency": "custom", "dates": ["2024-03-01"]}, None),
        ("2024-03-01", 1, {"frequency": "once"}, None),
    ],
)
def test_the_next_rebalance(after, lag, rule, expected) -> None:
    found = next_rebalance(pd.Timestamp(after), lag, **rule)
    assert (None if found is None else tuple(f"{day:%Y-%m-%d}" for day in found)) == expected
