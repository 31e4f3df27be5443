"""What a run leaves on disk: all of it or nothing, the same bytes every time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading

import pandas as pd
import pytest

from backtest.artifacts import FRAMES, MANIFEST, REPORT, SUMMARY, check_target, place, read_summary, write
from backtest.plain_json import as_json, write_whole
from market.errors import ConfigError

NAMES = {f"{name}.parquet" for name in FRAMES} | {REPORT, SUMMARY, MANIFEST}


def test_writes_everything(synthetic_result, tmp_path):
    out = write(synthetic_result, tmp_path / "deep" / "run", ["hedgebasket", "backtest", "x.yaml"])
    assert {p.name for p in out.iterdir()} == NAMES
    assert list((tmp_path / "deep").iterdir()) == [out]
    pd.testing.assert_frame_equal(pd.read_parquet(out / "nav.parquet"), synthetic_result.nav, check_freq=False)
    assert json.loads((out / SUMMARY).read_text()) == json.loads(as_json(synthetic_result.summary))


def test_the_manifest_says_how_to_run_it_again(synthetic_result, tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text("kind: run\n")
    out = write(synthetic_result, tmp_path / "run", ["hedgebasket", "backtest", "run.yaml"], [config])
    found = json.loads((out / MANIFEST).read_text())
    assert found["command"] == ["hedgebasket", "backtest", "run.yaml"]
    assert found["config"]["hedge"]["window"] == 252
    assert found["data"] == {"store": "sample", "fingerprint": synthetic_result.market.fingerprint}
    assert found["seeds"] == {"placebos.seed": 7}
    assert found["files"]["run.yaml"]["text"] == "kind: run\n"
    assert set(found["versions"]) >= {"python", "pandas", "vectorbt"}
    assert set(found["artifacts"]) == NAMES - {MANIFEST}


def test_twice_the_same_bytes(make_result, tmp_path):
    first, second = (write(make_result(), tmp_path / name) for name in ("a", "b"))
    for name in NAMES:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_a_later_run_replaces_an_earlier_one_and_nothing_else(synthetic_result, tmp_path):
    out = write(synthetic_result, tmp_path / "run")
    (out / "stale.txt").write_text("of the earlier run")
    write(synthetic_result, out)
    assert {p.name for p in out.iterdir()} == NAMES
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="not an earlier run"):
        write(synthetic_result, precious)
    assert (precious / "chapter.txt").read_text() == "years of work"


@pytest.mark.parametrize("kind", ["file", "link", "below a file"])
def test_targets_that_cannot_be(kind, tmp_path):
    target = tmp_path / "run"
    if kind == "link":
        target.symlink_to(tmp_path / "elsewhere")
    else:
        target.write_text("a file")
    with pytest.raises(ConfigError):
        check_target(target / "deeper" if kind == "below a file" else target)


def test_a_failing_run_leaves_nothing(synthetic_result, tmp_path, monkeypatch):
    monkeypatch.setattr("backtest.report.page.render", lambda result: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write(synthetic_result, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_earlier_run(tmp_path, monkeypatch):
    place({MANIFEST: b"first"}, tmp_path / "run")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        place({MANIFEST: b"second"}, tmp_path / "run")
    assert (tmp_path / "run" / MANIFEST).read_bytes() == b"first"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


KILLED = """
import os, signal, sys
from pathlib import Path
from backtest import artifacts

real = os.fsync
def dies(descriptor):
    os.kill(os.getpid(), signal.{signal})
    real(descriptor)
os.fsync = dies
{handler}
artifacts.place({{"manifest.json": b"new", "b": b"2"}}, Path(sys.argv[1]))
"""


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_killed_while_writing(name, tmp_path):
    """Whatever kills it, the directory is absent or whole; a polite kill leaves no trace at all."""
    handler = "from backtest.cli import _terminated; signal.signal(signal.SIGTERM, _terminated)"
    script = textwrap.dedent(KILLED.format(signal=name, handler=handler))
    target = tmp_path / "run"
    done = subprocess.run([sys.executable, "-c", script, str(target)], capture_output=True, check=False)
    assert done.returncode != 0
    assert not target.exists()
    if name == "SIGKILL":
        assert done.returncode == -signal.SIGKILL
        place({MANIFEST: b"next"}, target)  # clears what the killed one left
    assert [p.name for p in tmp_path.iterdir()] == (["run"] if name == "SIGKILL" else [])


def test_many_runs_into_one_directory(tmp_path):
    """Each run is whole; the last one to finish stays."""
    target = tmp_path / "run"
    failures = []

    def one(number):
        try:
            place({MANIFEST: b"%d" % number, "twin": b"%d" % number}, target)
        except ConfigError as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (target / MANIFEST).read_bytes() == (target / "twin").read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_reading_what_is_not_a_run(tmp_path):
    with pytest.raises(ConfigError, match="not a finished run"):
        read_summary(tmp_path)
    (tmp_path / SUMMARY).write_text("{")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_summary(tmp_path)
    (tmp_path / SUMMARY).write_text("[]")
    with pytest.raises(ConfigError, match="not a run's summary"):
        read_summary(tmp_path)


def test_json_is_strict():
    frame = pd.DataFrame({"a": [1.5, float("nan")], "d": pd.to_datetime(["2024-01-02", None])})
    text = as_json({"rows": frame.to_dict("records"), "inf": float("inf"), 3: frame["a"].to_numpy(), "n": pd.NA})
    found = json.loads(text, parse_constant=lambda c: pytest.fail(c))
    assert found == {
        "rows": [{"a": 1.5, "d": "2024-01-02"}, {"a": None, "d": None}],
        "inf": None,
        "3": [1.5, None],
        "n": None,
    }


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "out.json"
    write_whole(path, "one")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "two\udcff")
    assert path.read_text() == "one"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]
