"""A sync killed at thirty points: the store opens, holds whole companies only, and the next sync ends the same."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from market.sources.parts import Parts
from market.store import Store

_spec = importlib.util.spec_from_file_location("replay_server", Path(__file__).with_name("replay_server.py"))
replay_server = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(replay_server)

ROOT = Path(__file__).parents[2]
FACTS_OF_A_COMPANY, BARS_OF_A_TICKER = 8 * 3, 60
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="killing a forked process needs a Unix")


class Killer:
    """One process that syncs in forks of itself."""

    def __init__(self, url):
        self.url = url
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("sync_worker.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def __call__(self, store, **when):
        self.process.stdin.write(json.dumps({"store": str(store), "url": self.url, **when}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


@pytest.fixture(scope="module")
def killer():
    with replay_server.Replay(replay_server.small_answers()) as server:
        one = Killer(server.url)
        yield one
        one.close()


@pytest.fixture(scope="module")
def clean(killer, tmp_path_factory):
    directory = tmp_path_factory.mktemp("clean") / "store"
    answer = killer(directory)
    assert answer["status"] == 0
    assert answer["failed"] == []
    return answer, Store(directory).fingerprint


def holds_whole_companies_only(directory):
    """The store (if it was made yet) and the parts: all of a company, or nothing of it."""
    if not (directory / "manifest.json").exists():  # killed before the store was made
        return
    store = Store(directory)
    for table, whole in (("facts", FACTS_OF_A_COMPANY), ("prices", BARS_OF_A_TICKER)):
        if store.has(table):
            assert set(store.frame(table, ["ticker"])["ticker"].value_counts()) == {whole}
        parts = Parts(directory / ".sync", table)
        for name in parts.names():
            assert parts.note(name) is not None
            assert len(parts.rows(name)) == whole


def test_killed_at_points_of_writing(killer, clean, tmp_path):
    """Six kills spread over everything that is written, each in a new store that is then completed."""
    answer, fingerprint = clean
    chance = random.Random(20250105)
    step = answer["events"] // 6
    for i in range(6):
        directory = tmp_path / f"store-{i}"
        died = killer(directory, event=1 + i * step + chance.randrange(step))
        assert died["status"] == -9
        holds_whole_companies_only(directory)
        done = killer(directory)
        assert done["status"] == 0
        assert Store(directory).fingerprint == fingerprint


def test_killed_two_dozen_times_in_a_row(killer, clean, tmp_path):
    """One store, twenty-four syncs that die at random moments and go on where the last one stopped."""
    answer, fingerprint = clean
    chance = random.Random(20250106)
    directory = tmp_path / "store"
    deaths = 0
    for _ in range(24):
        died = killer(directory, seconds=chance.uniform(0.02, 0.6 * answer["seconds"]))
        deaths += died["status"] != 0
        holds_whole_companies_only(directory)
    assert deaths >= 8
    assert killer(directory)["status"] == 0
    assert Store(directory).fingerprint == fingerprint
    assert not list((directory / ".sync").rglob("*.tmp"))  # what the killed ones left is swept up
    assert killer(directory)["status"] == 0
    assert Store(directory).fingerprint == fingerprint
