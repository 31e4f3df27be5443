"""The directory of a sweep: parts as they are done, then the table, so that a killed sweep goes on where it stopped.

1. `manifest.json` says which sweep this is: a fingerprint of config, data and version. One process writes at a time.
2. Each unit is one file under `parts/`, written beside its place, brought to disk and renamed: it is there whole or not
   at all, so a unit is never counted twice and never lost.
3. On resuming, parts that are whole and of this sweep are kept, all others are done again.
4. At the end the table and what was concluded from it are written, the manifest says so, and the parts go.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from backtest.plain_json import as_json
from backtest.sweep_grid import Unit
from backtest.sweep_spec import SweepSpec, sources
from backtest.sweep_table import BENCHMARK_UNIT, unpacked
from market.errors import ConfigError, DataError

FORMAT: Final = "hedgebasket-sweep"
MANIFEST: Final = "manifest.json"
PARTS: Final = "parts"
VARIANTS, RETURNS, SUMMARY, PAGE = "variants.parquet", "returns.parquet", "summary.json", "sweep.html"


def fingerprint_of(spec: SweepSpec, path: str | Path, data: str) -> str:
    """Digest of everything a row depends on: the sweep, all files it refers to, the data, the program's version."""
    digest = hashlib.sha256(f"{FORMAT} {_version()} {data}".encode())
    for file in sources(spec, path):
        digest.update(b"\0" + file.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class SweepDirectory:
    """Where a sweep is kept. `made` is its fingerprint."""

    path: Path
    made: str

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """While this process writes here. Raises `ConfigError` where another one does, or the place is taken."""
        from filelock import FileLock, Timeout

        _demand_free(self.path)
        parts = self.path / PARTS
        parts.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise ConfigError(
                f"{self.path}: another sweep is writing here; wait for it or choose another --out"
            ) from None
        try:
            yield
        finally:
            lock.release()
            if self.finished:
                shutil.rmtree(parts, ignore_errors=True)
                (self.path / ".lock").unlink(missing_ok=True)

    @property
    def finished(self) -> bool:
        """Whether the table of this very sweep is here."""
        known = self._manifest()
        return known.get("finished") is True and known.get("fingerprint") == self.made

    def begin(self, resume: bool, private: bool, manifest: Mapping[str, object]) -> None:
        """Settle what is done with an earlier sweep here: go on with it, replace it, or refuse.

        Where the directory is `private`, the user's cache, an unfinished sweep may be replaced.
        """
        known = self._manifest()
        same = known.get("fingerprint") == self.made and not known.get("finished")
        if resume and known and not same:
            raise ConfigError(
                f"{self.path}: holds a sweep of another config, other data or another version, "
                "and cannot be resumed; choose another --out"
            )
        parts = list((self.path / PARTS).glob("unit-*.parquet"))
        if not resume and not private and known and not known.get("finished") and parts:
            raise ConfigError(
                f"{self.path}: holds an unfinished sweep ({len(parts)} parts are done); go on with --resume, "
                "or remove it to start anew"
            )
        if resume and same:
            return
        for part in parts:
            part.unlink()
        body = {"format": FORMAT, "fingerprint": self.made, "finished": False, **manifest}
        _write(self.path / MANIFEST, (as_json(body) + "\n").encode())

    def done(self, units: list[Unit]) -> set[int]:
        """Units whose parts are here, whole; others' remains are removed."""
        found: set[int] = set()
        for number, variants in [(BENCHMARK_UNIT, None), *((u.number, u.variants) for u in units)]:
            path = self._part(number)
            try:
                rows = unpacked(path.read_bytes(), self.made)
            except FileNotFoundError:
                continue
            except DataError:
                path.unlink()
                continue
            if variants is None or rows["variant"].to_pylist() == list(variants):
                found.add(number)
        return found

    def keep(self, number: int, part: bytes) -> None:
        """Bring a unit's part to disk, whole."""
        _write(self._part(number), part)

    def rows(self, number: int) -> pa.Table:
        """The rows of a unit that is done."""
        return unpacked(self._part(number).read_bytes(), self.made)

    def finish(self, contents: Mapping[str, bytes]) -> None:
        """Write the table and the rest; from here on the sweep is finished."""
        for name, content in contents.items():
            _write(self.path / name, content)
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(contents.items())}
        manifest = self._manifest() | {"finished": True, "artifacts": digests}
        _write(self.path / MANIFEST, (as_json(manifest) + "\n").encode())

    def _part(self, number: int) -> Path:
        name = "benchmark" if number == BENCHMARK_UNIT else f"{number:06d}"
        return self.path / PARTS / f"unit-{name}.parquet"

    def _manifest(self) -> dict[str, object]:
        return read_manifest(self.path)


def read_manifest(directory: Path) -> dict[str, object]:
    """What a directory says of the sweep it holds; empty where it holds none."""
    try:
        found = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return found if isinstance(found, dict) and found.get("format") == FORMAT else {}


def _demand_free(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise ConfigError(f"{path}: exists and is not a directory; choose another --out")
    if path.is_dir() and not read_manifest(path):
        others = [p for p in path.iterdir() if p.name not in (PARTS, ".lock") and not p.name.startswith(f".{MANIFEST}")]
        if others:
            raise ConfigError(f"{path}: not empty, and not an earlier sweep; choose another --out")


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(beside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        raise


def _version() -> str:
    try:
        return importlib.metadata.version("hedgebasket")
    except importlib.metadata.PackageNotFoundError:
        return "0+unknown"
