"""The starter set of `hedgebasket init`: the configs the project ships, copied into a directory of the user's.

In a wheel they lie inside this package, in a checkout at the root of the repository; both are the same files.
"""

from __future__ import annotations

from pathlib import Path

from market.errors import ConfigError, DataError

PACKAGED = Path(__file__).parent / "templates"
CHECKOUT = Path(__file__).parent.parent / "configs"


def templates() -> Path:
    """The directory the starter set is copied from."""
    for place in (PACKAGED, CHECKOUT):
        if place.is_dir():
            return place
    raise DataError("the starter configs are missing from this installation; install the package again")


def copy_templates(directory: Path) -> list[Path]:
    """Copy the starter set; raises `ConfigError`, before anything is written, when a file of it is already there."""
    source = templates()
    wanted = [p.relative_to(source) for p in sorted(source.rglob("*")) if p.is_file() and not _hidden(p, source)]
    taken = [str(directory / name) for name in wanted if (directory / name).exists()]
    if taken:
        more = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
        raise ConfigError(f"{taken[0]}{more}: already there; `init` never overwrites, choose another directory")
    for name in wanted:
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((source / name).read_bytes())
    return [directory / name for name in wanted]


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.relative_to(root).parts)
