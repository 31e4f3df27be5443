"""What a finished run leaves on disk: one directory, whole or not at all.

1. Every file is made in memory first; nothing is created while anything can still fail.
2. The files go into a hidden directory beside the target, reach the disk, and take the target's place by a rename.
3. A run replaces an earlier run's directory, never anything else; a killed writer's remains go next time.
The bytes depend on the run alone: no clock, no host, no path outside the config enters them.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import io
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from backtest.plain_json import as_json
from backtest.simulate.daily import daily_engine
from market.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from backtest.result import Result

RefT = TypeVar("RefT")

MANIFEST = "manifest.json"
SUMMARY = "summary.json"
REPORT = "report.html"
FRAMES = ("nav", "weights", "orders", "carry", "hedge_ratio", "by_sleeve", "by_name")
ATTEMPTS = 5  # at a name that several runs write to at the same moment
VERSIONS_OF = ("hedgebasket", "vectorbt", "vectorbt-rust", "numba", "pandas", "numpy", "scipy", "pyarrow", "plotly")


def write(result: Result, out: str | Path, command: Sequence[str] = (), files: Sequence[str | Path] = ()) -> Path:
    """Write all artifacts of a run into the directory `out` and return it.

    `files` are the configs the run was read from; the manifest keeps their text and digest. Raises `ConfigError` where
    `out` is something else than a free name, an empty directory or an earlier run.
    """
    from backtest.report.page import render

    target = Path(out)
    check_target(target)
    contents = {f"{name}.parquet": _parquet(getattr(result, name)) for name in FRAMES}
    contents[SUMMARY] = (as_json(result.summary) + "\n").encode()
    contents[REPORT] = render(result).encode()
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(contents.items())}
    contents[MANIFEST] = (as_json(manifest(result, command, files) | {"artifacts": digests}) + "\n").encode()
    place(contents, target)
    return target


def check_target(target: Path) -> None:
    """Raises `ConfigError` where a run may not write; asked before a long run, not after it."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ConfigError(f"{target}: exists and is not a directory; choose another --out")
    if target.is_dir() and any(target.iterdir()) and not (target / MANIFEST).is_file():
        raise ConfigError(f"{target}: not empty, and not an earlier run (no {MANIFEST}); choose another --out")
    parent = target.absolute().parent
    while not parent.exists():
        parent = parent.parent
    try:
        os.rmdir(tempfile.mkdtemp(prefix=f".{target.name}.", dir=parent))
    except OSError as error:
        raise ConfigError(f"{target}: cannot write into {parent} ({error.strerror}); choose another --out") from None


def manifest(result: Result, command: Sequence[str] = (), files: Sequence[str | Path] = ()) -> dict[str, object]:
    """What it takes to run this again: config, data, versions, seeds, command."""
    spec = result.spec.model_dump(mode="json")
    return {
        "format": "hedgebasket-run",
        "name": result.name,
        "command": list(command),
        "config": spec,
        "files": {Path(file).name: _source(Path(file)) for file in files},
        "data": {"store": result.market.name, "fingerprint": result.market.fingerprint},
        "seeds": dict(seeds(spec)),
        "versions": {"python": platform.python_version(), **_versions()},
        "engine": {"event_rows": "numba", "daily": daily_engine()},
    }


def place(contents: Mapping[str, bytes], target: Path) -> None:
    """Put files into a directory that appears under its name only when all of them are on disk."""
    target = target.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}.writing-"
    for remains in target.parent.glob(f"{prefix}*"):
        if not _alive(remains.name.removeprefix(prefix).partition("-")[0]):
            shutil.rmtree(remains, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=target.parent))
    try:
        for name, content in contents.items():
            with open(made / name, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        made.chmod(0o755)
        _swap(made, target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def read_summary(directory: str | Path) -> dict[str, object]:
    """The `summary.json` of a finished run; raises `ConfigError` where there is none or it cannot be read."""
    path = Path(directory) / SUMMARY
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{directory}: not a finished run (no {SUMMARY})") from None
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: not a run's summary")
    return found


def seeds(spec: Mapping[str, object], path: str = "") -> list[tuple[str, object]]:
    """Every seed in a config, by its dotted path.

    >>> seeds({"placebos": {"seed": 7, "draws": 200}})
    [('placebos.seed', 7)]
    """
    found: list[tuple[str, object]] = []
    for key, value in spec.items():
        if isinstance(value, Mapping):
            found += seeds(value, f"{path}{key}.")
        elif key == "seed":
            found.append((f"{path}{key}", value))
    return found


def config_files(path: str | Path) -> list[Path]:
    """A config and every file it refers to, directly or through others, each once."""
    from screens.loading import Ref, load_any

    found = [Path(path)]
    for file in found:
        if file.suffix in (".yaml", ".yml"):
            targets = [ref.target for ref in _references(load_any(file), Ref)]
            found += [target for target in dict.fromkeys(targets) if target not in found]
    return found


def _references(value: object, kind: type[RefT]) -> list[RefT]:
    if isinstance(value, kind):
        return [value]
    if isinstance(value, Mapping):
        return [ref for item in value.values() for ref in _references(item, kind)]
    if isinstance(value, tuple | list):
        return [ref for item in value for ref in _references(item, kind)]
    fields = getattr(type(value), "model_fields", {})
    return [ref for name in fields for ref in _references(getattr(value, name), kind)]


def _swap(made: Path, target: Path) -> None:
    """Rename the finished directory into place; an earlier run steps aside first and is then removed."""
    aside = made.with_name(made.name + "-old")
    for _ in range(ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            os.rename(target, aside)
        try:
            os.rename(made, target)
        except BaseException as error:
            if not target.exists():
                if aside.exists():
                    os.rename(aside, target)
                raise
            if not isinstance(error, OSError):
                raise
        shutil.rmtree(aside, ignore_errors=True)
        if not made.exists():
            return
        # Another run finished into the same name between the two renames: it steps aside in turn.
    raise ConfigError(f"{target}: other runs keep writing there; choose another --out")


def _alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def _source(path: Path) -> dict[str, str]:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "text": content.decode("utf-8", errors="replace")}


def _versions() -> dict[str, str]:
    found = {}
    for name in VERSIONS_OF:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
