"""A machine that does not help: full disks, read-only places, closed streams, odd locales and clocks, Ctrl-C."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backtest.commands.configs import init, metrics
from backtest.commands.runs import backtest
from backtest.commands.stores import import_tables

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "backtest.cli"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX limits and devices")


def spawn(*words, **more):
    return subprocess.run([*PROGRAM, *map(str, words)], capture_output=True, timeout=120, check=False, cwd=ROOT, **more)


@pytest.fixture
def full_disk():
    """From here on no file of this process grows beyond 20 kB, as on a disk that is full: the write itself fails."""
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))


def test_a_run_on_a_full_disk(small, knock, tmp_path, full_disk):
    answer = knock(backtest, small.run, data=str(small.store), out=str(tmp_path / "out"))
    assert answer.code == 3
    assert answer.civil()
    assert list(tmp_path.iterdir()) == []


def test_an_import_on_a_full_disk(small, knock, tmp_path, full_disk):
    store = tmp_path / "store"
    answer = knock(import_tables, prices=str(small.files["prices"]), data=str(store))
    assert answer.code == 3
    assert answer.civil()
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".tmp", ".parquet")]


def test_other_results_on_a_full_disk(knock, tmp_path, full_disk, monkeypatch):
    monkeypatch.setattr("backtest.commands.configs.as_json", lambda _: "x" * 200_000)
    monkeypatch.setattr("backtest.commands.terminal.as_json", lambda _: "x" * 200_000)
    answer = knock(metrics, json_to=str(tmp_path / "metrics.json"))
    assert answer.code == 3
    assert answer.civil()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_devices_are_written_to_and_never_replaced(knock):
    for device, code in (("/dev/null", 0), ("/dev/full", 3)):
        answer = knock(metrics, json_to=device)
        assert answer.code == code
        assert answer.civil()
        assert Path(device).is_char_device()
    for words in (["--help"], ["metrics"], ["metrics", "--help"], ["metrics", "--json", "-"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([*PROGRAM, *words], stdout=full, stderr=subprocess.PIPE, check=False, cwd=ROOT)
        assert done.returncode == 3, words
        assert b"No space left" in done.stderr
        assert b"Traceback" not in done.stderr


def test_a_link_is_followed_and_stays_a_link(knock, tmp_path):
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    assert knock(metrics, json_to=str(tmp_path / "link.json")).code == 0
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_text())


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
def test_places_nobody_can_write_to(small, knock):
    """`/proc` refuses even the superuser."""
    for answer in (
        knock(backtest, small.run, data=str(small.store), out="/proc/runs/out"),
        knock(import_tables, prices=str(small.files["prices"]), data="/proc/store"),
        knock(metrics, json_to="/proc/metrics.json"),
        knock(init, Path("/proc/configs")),
    ):
        assert answer.code in (2, 3), answer
        assert answer.civil(), answer


def test_closed_streams(tmp_path):
    for streams in (">&-", "2>&-", ">&- 2>&-", "<&-"):
        done = subprocess.run(
            f"{sys.executable} -m backtest.cli metrics {streams}",
            shell=True,
            capture_output=True,
            check=False,
            cwd=ROOT,
        )
        assert done.returncode == 0, (streams, done)
        assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-16"])
def test_streams_of_other_encodings(encoding):
    """Figures use − and –, which half the world's code pages lack; JSON keeps them as escapes."""
    environment = os.environ | {"PYTHONIOENCODING": encoding, "LC_ALL": "tr_TR"}
    done = spawn("metrics", "--json", "-", env=environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.decode(encoding))
    assert any("−" in metric["formula"] or "·" in metric["formula"] or "/" in metric["formula"] for metric in found)
    assert spawn("metrics", env=environment).returncode == 0
    assert spawn("metrics", "--family", "é−\udcff", env=environment).returncode == 2


@pytest.fixture
def far_away(monkeypatch):
    """The other side of the date line."""
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_clock_of_the_machine_is_in_no_byte(small, knock, tmp_path, far_away, monkeypatch):
    """The same run, fourteen hours east of Greenwich and then far west of it, gives the same bytes in every file."""
    assert knock(backtest, small.run, data=str(small.store), out=str(tmp_path / "east")).code == 0
    monkeypatch.setenv("TZ", "Pacific/Pago_Pago")
    time.tzset()
    assert knock(backtest, small.run, data=str(small.store), out=str(tmp_path / "west")).code == 0
    for file in (tmp_path / "east").iterdir():
        assert file.read_bytes() == (tmp_path / "west" / file.name).read_bytes(), file.name


def test_ctrl_c_leaves_a_clean_state_and_says_how_to_go_on(small, tmp_path):
    started = subprocess.Popen(
        [*PROGRAM, "backtest", small.run, "--data", small.store, "--out", tmp_path / "runs" / "out"],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert started.stderr is not None
    for line in started.stderr:
        if line.startswith("building"):
            started.send_signal(signal.SIGINT)
            break
    out, err = started.communicate(timeout=120)
    assert started.returncode == 130
    assert out == ""
    assert "Run the same command again" in err
    assert "Traceback" not in err
    assert list(tmp_path.rglob("*")) == []
