"""Sessions of the exchange: known holidays and closures, and the dates schedules are made of."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market import calendar
from market.errors import DataError


def test_known_closures_and_counts() -> None:
    closed = [
        "2001-09-11",
        "2001-09-14",
        "2012-10-29",
        "2018-12-05",
        "2021-04-02",
        "2022-06-20",
        "2025-01-09",
        "2024-06-19",
    ]
    assert not any(calendar.is_session(day) for day in closed)
    assert all(calendar.is_session(day) for day in ("2021-06-18", "2024-11-29", "2018-12-24", "2022-10-10"))
    counts = {
        year: len(calendar.sessions_between(f"{year}-01-01", f"{year}-12-31")) for year in (2018, 2020, 2023, 2024)
    }
    assert counts == {2018: 251, 2020: 253, 2023: 250, 2024: 252}


def test_before_and_after() -> None:
    assert calendar.session_on_or_before("2024-03-29") == pd.Timestamp("2024-03-28")  # Good Friday
    assert calendar.session_on_or_after("2024-03-29") == pd.Timestamp("2024-04-01")
    assert calendar.session_before("2024-04-01") == pd.Timestamp("2024-03-28")
    assert calendar.session_before("2024-04-01", 2) == pd.Timestamp("2024-03-27")
    assert calendar.session_after("2024-03-28", 2) == pd.Timestamp("2024-04-02")
    with pytest.raises(DataError, match="1980-01-01: outside the calendar, 1990-01-02 to 2"):
        calendar.session_on_or_before("1980-01-01")


def test_third_fridays_by_counting_days() -> None:
    for year in range(2015, 2027):
        for month in range(1, 13):
            fridays = [d for d in range(1, 29) if dt.date(year, month, d).weekday() == 4]
            expected = pd.Timestamp(year, month, fridays[2])
            found = calendar.third_friday(year, month)
            assert found == expected or (not calendar.is_session(expected) and found == expected - pd.Timedelta(days=1))
    assert calendar.third_friday(2019, 4) == pd.Timestamp("2019-04-18")  # Good Friday
    assert calendar.third_friday(2022, 4) == pd.Timestamp("2022-04-14")
    assert calendar.third_friday(2026, 6) == pd.Timestamp("2026-06-18")  # Juneteenth


def test_month_ends_and_weeks() -> None:
    assert calendar.month_end(2024, 3) == pd.Timestamp("2024-03-28")
    assert calendar.month_end(2023, 12) == pd.Timestamp("2023-12-29")
    days = calendar.sessions_between("2024-03-01", "2024-04-17")
    assert [d.day for d in calendar.last_of_each(days, "W")] == [
        1,
        8,
        15,
        22,
        28,
        5,
        12,
    ]  # the week of the 17th runs on
    assert list(calendar.last_of_each(days, "M")) == [pd.Timestamp("2024-03-28")]
    assert len(calendar.last_of_each(calendar.sessions_between("2024-01-01", "2024-12-31"), "Q")) == 4
    assert len(calendar.last_of_each(days[:0], "W")) == 0


def test_the_cache_is_read_repaired_and_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sub" / "sessions.npy"
    monkeypatch.setattr(calendar, "_cache_file", lambda last_year: path)
    truth = calendar.nyse_sessions()
    fresh = calendar.nyse_sessions.__wrapped__
    assert fresh().equals(truth)
    assert path.is_file()
    monkeypatch.setattr(calendar, "_from_library", lambda last_day: pytest.fail("the cache was not read"))
    assert fresh().equals(truth)
    monkeypatch.undo()
    monkeypatch.setattr(calendar, "_cache_file", lambda last_year: path)
    for damage in (b"", b"half", np.arange(3).tobytes()):
        path.write_bytes(damage)
        assert fresh().equals(truth)
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    monkeypatch.setattr(calendar, "_cache_file", lambda last_year: blocked / "sessions.npy")
    assert fresh().equals(truth)
