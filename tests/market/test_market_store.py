"""The store: what goes in comes out, whoever is killed, and two writers never meet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import market
from market.errors import DataError
from market.fingerprint import Fingerprint
from market.store import GRACE_SECONDS, Store
from market.tables import TABLES
from market.validation import canonical

DAYS = pd.date_range("2024-01-01", "2024-01-31")


def _prices(tickers: list[str], days: int = 3, close: float = 10.0) -> pd.DataFrame:
    rows = [(day, name, close + i) for i, day in enumerate(DAYS[:days]) for name in tickers]
    return pd.DataFrame(rows, columns=["date", "ticker", "close"])


@st.composite
def price_frames(draw: st.DrawFn) -> pd.DataFrame:
    keys = draw(
        st.lists(
            st.tuples(st.sampled_from(["A", "NA", "ON", "BRK.B", "^VIX"]), st.sampled_from(list(DAYS))),
            min_size=1, max_size=20, unique=True,
        )
    )  # fmt: skip
    n = len(keys)
    positive = st.floats(1e-6, 1e12, allow_nan=False)
    column = lambda values: draw(st.lists(st.one_of(st.none(), values), min_size=n, max_size=n))  # noqa: E731
    frame = pd.DataFrame(keys, columns=["ticker", "date"])
    frame["close"] = draw(st.lists(positive, min_size=n, max_size=n))
    for name, values in (("volume", st.floats(0, 1e12)), ("dividend", positive), ("split", positive)):
        frame[name] = pd.Series(column(values), dtype="float64")
    return frame


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frame=price_frames(), data=st.data())
def test_what_goes_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame, data: st.DataObject
) -> None:
    store = Store.create(tmp_path_factory.mktemp("store"))
    with store.writer() as writer:
        writer.replace("prices", frame, "test")
    clean = canonical(frame, TABLES["prices"])
    filled = [name for name in clean if clean[name].notna().any()]
    back = Store(store.root).frame("prices")[filled]
    pd.testing.assert_frame_equal(back.sort_values(["ticker", "date"], ignore_index=True), clean[filled])
    # The fingerprint knows no order, and no part of it is lost by merging one half after the other.
    order = data.draw(st.permutations(range(len(frame))))
    other = Store.create(tmp_path_factory.mktemp("other"))
    cut = data.draw(st.integers(1, len(frame)))
    with other.writer() as writer:
        writer.merge("prices", frame.iloc[order[:cut]], "test")
        if cut < len(frame):
            writer.merge("prices", frame.iloc[order[cut:]], "test")
    assert other.fingerprint == store.fingerprint
    assert other.entry("prices").rows == len(frame)


def test_fingerprints_are_pinned() -> None:
    """Numbers that must not move: manifests of finished runs quote them."""
    frame = pd.DataFrame(
        {"date": pd.to_datetime(["2024-01-02", "2024-01-03"]), "ticker": ["A", "B"], "close": [1.5, np.nan]}
    )
    assert str(Fingerprint.of(frame)) == "68832b7c0e64937d-a2b32a00efae9401-2"
    assert Fingerprint.of(frame) == Fingerprint.of(frame.assign(unit=pd.Series([None, None], dtype="str")))
    assert Fingerprint.of(frame) != Fingerprint.of(frame.rename(columns={"close": "adj_close"}))
    assert Fingerprint.of(frame) != Fingerprint.of(frame.assign(close=[np.nan, 1.5]))
    assert Fingerprint.parse(str(Fingerprint.of(frame))) == Fingerprint.of(frame)


def test_merge_by_key_and_by_ticker(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    with store.writer() as writer:
        writer.replace("prices", _prices(["A", "B"], days=3), "one")
    changed = pd.DataFrame(
        {"date": [DAYS[1], DAYS[9]], "ticker": ["A", "C"], "close": [99.0, 1.0], "volume": [7.0, np.nan]}
    )
    with store.writer() as writer:
        writer.merge("prices", changed, "two")
    frame = store.frame("prices")
    assert len(frame) == 7
    assert frame.loc[(frame.ticker == "A") & (frame.date == DAYS[1]), ["close", "volume"]].to_numpy().tolist() == [
        [99, 7]
    ]
    entry = store.entry("prices")
    assert (entry.rows, entry.tickers, entry.start, entry.end) == (7, 3, "2024-01-01", "2024-01-10")
    assert entry.source == "one; two"
    assert entry.fingerprint == str(Fingerprint.of(frame))
    with store.writer() as writer:
        writer.merge("prices", _prices(["A"], days=1), "three", by="ticker")
    frame = store.frame("prices")
    assert sorted(frame.loc[frame.ticker == "A", "date"]) == [DAYS[0]]
    assert store.entry("prices").fingerprint == str(Fingerprint.of(frame))


def test_keys_with_nulls_are_keys(tmp_path: Path) -> None:
    facts = pd.DataFrame(
        {"ticker": "A", "item": ["assets", "revenue"], "period_start": [None, "2023-01-01"],
         "period_end": "2023-12-31", "value": [1.0, 2.0]}
    )  # fmt: skip
    store = Store.create(tmp_path)
    with store.writer() as writer:
        writer.merge("facts", facts, "one")
        writer.merge("facts", facts.assign(value=[5.0, 6.0]), "two")
    assert sorted(store.frame("facts")["value"]) == [5.0, 6.0]


def test_writing_the_same_twice_changes_nothing(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    for _ in range(2):
        with store.writer() as writer:
            writer.replace("prices", _prices(["A"]), "s")
            writer.merge("prices", _prices(["A"]).iloc[::-1], "s")
    assert store.manifest.generation == 1
    assert len(list(tmp_path.glob("*.parquet"))) == 1


def test_a_bad_row_stops_the_write(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    with (
        pytest.raises(DataError, match=r"2 bad rows: prices row 1: close: -1 must be above 0"),
        store.writer() as writer,
    ):
        writer.replace("prices", _prices(["A"], days=2, close=-1.0).assign(close=[-1.0, -2.0]), "s")
    assert not Store(tmp_path).manifest.tables


def test_an_error_in_the_block_commits_nothing(tmp_path: Path) -> None:
    store = Store.create(tmp_path)

    def write() -> None:
        with store.writer() as writer:
            writer.replace("prices", _prices(["A"]), "s")
            writer.replace("facts", _prices(["A"]), "s")

    with pytest.raises(DataError, match="facts: no column item"):
        write()
    assert not Store(tmp_path).has("prices")
    with store.writer() as writer:  # and the lock is free again
        writer.replace("prices", _prices(["A"]), "s")


def test_the_second_writer_is_told_who_writes_and_readers_are_not_blocked(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    with store.writer() as writer:
        writer.replace("prices", _prices(["A"]), "s")
    with store.writer() as writer:
        writer.replace("prices", _prices(["A", "B"]), "s")
        assert len(Store(tmp_path).frame("prices")) == 3
        told = f"another process .pid {os.getpid()}, since 20.* is writing this store; one writer at a time, try again"
        with pytest.raises(DataError, match=told), Store(tmp_path).writer():
            pass
    assert len(Store(tmp_path).frame("prices")) == 6


ENDLESS_WRITER = """
import json, os, random, signal, sys, time
import duckdb, filelock, pandas as pd, pyarrow.parquet
from market.store import Store
import market.writer

days = pd.date_range('2020-01-01', periods=2000)

def write_on(start):
    store = Store.create(sys.argv[1])
    for i in range(start, start + 100_000):
        rows = pd.DataFrame({'date': days, 'ticker': 'A', 'close': float(i)})
        facts = pd.DataFrame({'ticker': 'A', 'item': 'assets', 'period_end': days, 'value': float(i)})
        with store.writer() as w:
            w.replace('prices', rows, 's')
            w.merge('facts', facts, 's')

def generation():
    with open(os.path.join(sys.argv[1], 'manifest.json')) as stream:
        return json.load(stream)['generation']

random.seed(7)
for attempt in range(int(sys.argv[2])):
    before = generation()
    child = os.fork()
    if child == 0:
        write_on(1 + attempt * 100_000)
    until = time.time() + 20
    while generation() == before and time.time() < until:  # one commit at least, however slow the machine
        time.sleep(0.01)
    time.sleep(random.uniform(0.0, 0.5))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print('killed', flush=True)
    sys.stdin.readline()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_writer_leaves_the_old_store_or_the_new_one(tmp_path: Path) -> None:
    """kill -9 at random moments of an endless writer: every time the store opens, whole and consistent."""
    Store.create(tmp_path)
    command = [sys.executable, "-c", ENDLESS_WRITER, str(tmp_path), "8"]
    seen = set()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        for _ in process.stdout:
            store = Store(tmp_path)
            if store.manifest.tables:
                prices, facts = store.frame("prices"), store.frame("facts")
                assert len(prices) == len(facts) == 2000
                assert prices["close"].nunique() == 1
                assert prices["close"].iloc[0] == facts["value"].iloc[0]  # both tables of one commit, or neither
                for name, frame in (("prices", prices), ("facts", facts)):
                    assert store.entry(name).fingerprint == str(Fingerprint.of(frame))
                seen.add(prices["close"].iloc[0])
            process.stdin.write("\n")
            process.stdin.flush()
    assert process.returncode == 0
    assert len(seen) == 8  # after a kill the next writer got in, and got further
    with Store(tmp_path).writer() as writer:
        writer.replace("prices", _prices(["A"]), "s")


def test_old_files_go_after_the_grace_period(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    with store.writer() as writer:
        writer.replace("prices", _prices(["A"]), "s")
    reader = Store(tmp_path)
    (tmp_path / ".prices-1.parquet.99.tmp").write_bytes(b"half a file")
    with store.writer() as writer:
        writer.replace("prices", _prices(["B"]), "s")
    assert set(reader.frame("prices")["ticker"]) == {"A"}  # the reader goes on with what it opened
    old = time.time() - GRACE_SECONDS - 1
    for path in [*tmp_path.glob("*.parquet"), *tmp_path.glob(".*.tmp")]:
        os.utime(path, (old, old))
    with store.writer() as writer:
        writer.replace("prices", _prices(["C"]), "s")
    assert len(list(tmp_path.glob("*.parquet"))) == 1
    assert not list(tmp_path.glob(".*.tmp"))
    with pytest.raises(DataError, match="open it again"):
        reader.frame("prices")


def test_columns_and_filters_reach_the_file(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    with store.writer() as writer:
        writer.replace("prices", _prices(["A", "B"]), "s")
    answer = store.arrow("prices", ["ticker", "volume"], where="ticker = 'B' AND date > DATE '2024-01-01'")
    assert answer.column_names == ["ticker", "volume"]
    assert answer.to_pydict() == {"ticker": ["B", "B"], "volume": [None, None]}
    with pytest.raises(DataError, match="prices: no such column: colse"):
        store.arrow("prices", ["colse"])
    with pytest.raises(DataError, match="no table is called 'price'; known: prices"):
        store.frame("price")
    with pytest.raises(DataError, match="no table 'facts' in this store; it holds prices"):
        store.frame("facts")


def test_a_remote_store_is_read_only(tmp_path: Path) -> None:
    with Store.create(tmp_path).writer() as writer:
        writer.replace("prices", _prices(["A", "B"]), "s")
    remote = Store(tmp_path.as_uri())
    assert remote.read_only
    pd.testing.assert_frame_equal(remote.frame("prices"), Store(tmp_path).frame("prices"))
    assert remote.arrow("prices", ["close"], where="ticker = 'A'").num_rows == 3
    with pytest.raises(DataError, match="remote stores are read-only"), remote.writer():
        pass
    with pytest.raises(DataError, match="no store there"):
        Store((tmp_path / "absent").as_uri())
    with pytest.raises(DataError, match="cannot be opened"):
        Store("nosuchscheme://bucket/store")


def test_a_store_in_a_bucket_serves_a_whole_market(tmp_path: Path) -> None:
    """Files that no operating system knows of: prices, statements and a query, all through pyarrow's filesystems."""
    fsspec = pytest.importorskip("fsspec")
    facts = pd.DataFrame(
        {"ticker": ["A", "A"], "item": ["assets", "equity"], "period_end": pd.Timestamp("2023-12-31"),
         "value": [5.0, 2.0], "filed": pd.Timestamp("2024-01-02")}
    )  # fmt: skip
    with Store.create(tmp_path).writer() as writer:
        writer.replace("prices", _prices(["A", "B"]), "s")
        writer.replace("facts", facts, "s")
    memory = fsspec.filesystem("memory")
    for path in tmp_path.glob("*.*"):
        memory.pipe(f"/bucket/desk/{path.name}", path.read_bytes())
    try:
        here, there = market.open(tmp_path), market.open("fsspec+memory://bucket/desk")
        assert there.fingerprint == here.fingerprint
        last = here.sessions[-1]
        for item in ("assets", "liabilities"):
            np.testing.assert_array_equal(there.as_of(last).item(item), here.as_of(last).item(item))
        np.testing.assert_array_equal(there.as_of(last).close(), here.as_of(last).close())
        assert there.rows_of("facts", "A")["value"].tolist() == [5.0, 2.0]
        with pytest.raises(DataError, match="read-only"), Store("fsspec+memory://bucket/desk").writer():
            pass
    finally:
        memory.rm("/bucket", recursive=True)


def test_manifests_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no store there; make one with"):
        Store(tmp_path)
    Store.create(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "schema_version": 99}))
    with pytest.raises(DataError, match=r"newer version \(schema 99, this one knows 1\); upgrade"):
        Store(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(DataError, match=r"damaged manifest.json"):
        Store(tmp_path)
