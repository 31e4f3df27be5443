"""Membership by date, the symbol map, and the live source with its cache that may override the package."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from market.errors import DataError
from market.members import Members, from_pitindex, joined
from market.symbols import Rename, SymbolMap, map_of

ROWS = pd.DataFrame(
    {
        "index": ["x", "x", "x", "y"],
        "ticker": ["A", "A", "B", "C"],
        "start": pd.to_datetime(["2020-01-01", "2022-01-01", "2021-06-01", "2020-01-01"]),
        "end": pd.to_datetime(["2020-12-31", None, "2021-06-30", None]),
    }
)


def test_both_ends_of_an_interval_count() -> None:
    members = Members(ROWS)
    on = lambda day: members.on("x", pd.Timestamp(day))  # noqa: E731
    assert on("2020-01-01") == on("2020-12-31") == ["A"]
    assert on("2021-01-01") == []
    assert on("2021-06-30") == ["B"]
    assert on("2021-07-01") == []
    assert on("2030-01-01") == ["A"]
    assert members.mask("x", pd.Timestamp("2020-05-01"), pd.Index(["B", "A"])).tolist() == [False, True]
    with pytest.raises(DataError, match=r"members of 'x' begin 2020-01-01, after 2019-01-01"):
        on("2019-01-01")
    with pytest.raises(DataError, match=r"no members of index 'z' in this store; it has: x, y"):
        members.on("z", pd.Timestamp("2020-01-01"))


def test_renames_chain_and_reused_symbols_are_told_apart() -> None:
    renames = [
        Rename(pd.Timestamp("2019-12-04"), "CBS", "VIAC"),
        Rename(pd.Timestamp("2022-02-14"), "VIAC", "PARA"),
        Rename(pd.Timestamp("2025-08-07"), "PARA", "PSKY"),
        Rename(pd.Timestamp("2020-02-29"), "IR", "TT"),
    ]
    symbols = SymbolMap(map_of(renames, "test"))
    name = lambda symbol, day: symbols.ticker(symbol, pd.Timestamp(day) if day else None, {"PSKY", "TT", "IR"})  # noqa: E731
    assert name("CBS", "2018-01-02") == "PSKY"
    assert name("VIAC", "2021-01-04") == "PSKY"
    assert name("VIAC", "2018-01-02") == "VIAC"  # not in use yet
    assert name("CBS", "2020-01-02") == "CBS"  # no longer in use
    assert name("CBS", None) == "PSKY"
    assert name("IR", "2020-02-28") == "TT"
    assert name("IR", "2020-03-02") == name("IR", None) == "IR"  # Gardner Denver took it over


def test_a_rename_does_not_cut_a_membership() -> None:
    symbols = SymbolMap(map_of([Rename(pd.Timestamp("2022-06-09"), "FB", "META")], "test"))
    day = pd.Timestamp
    intervals = [("FB", day("2013-12-23"), day("2022-06-08")), ("META", day("2022-06-09"), None)]
    rows = joined("sp500", intervals, symbols)
    assert rows[["index", "ticker", "start"]].to_numpy().tolist() == [["sp500", "META", day("2013-12-23")]]
    assert rows["end"].isna().all()


def test_the_packaged_source() -> None:
    live = from_pitindex("sp500")
    if not live.packaged:
        pytest.skip("this machine's pitindex cache overrides the packaged data")
    assert live.source.startswith("pitindex 0.2.1 (packaged data, sha256 ")
    members = Members(live.members)
    on = lambda day: set(members.on("sp500", pd.Timestamp(day)))  # noqa: E731
    assert len(on("2016-01-04")) == 504
    assert len(on("2022-01-03")) == 505
    assert len(on("2026-01-02")) == 503
    assert {"META", "BNY"} <= on("2018-01-02")
    assert "FB" not in on("2018-01-02")
    assert "TSLA" not in on("2020-12-18")
    assert "TSLA" in on("2020-12-21")
    assert SymbolMap(live.symbols).ticker("FB", pd.Timestamp("2021-01-04"), ()) == "META"
    with pytest.raises(DataError, match="no index is called 'sp501'; known: sp500, sp400, sp600, sp1500"):
        from_pitindex("sp501")


def test_a_cache_that_overrides_the_package_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pitindex import _loader

    monkeypatch.setattr(_loader, "USER_CACHE", tmp_path)
    packaged = from_pitindex("sp500")
    assert packaged.packaged
    (tmp_path / "sp500_changes.csv").write_text("date,action,ticker,name,reason\n2010-01-04,added,ZZZZ,,\n")
    overridden = from_pitindex("sp500")
    assert not overridden.packaged
    assert overridden.sha256 != packaged.sha256
    assert "user cache, which differs from the packaged data" in overridden.source
