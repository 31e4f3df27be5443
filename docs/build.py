"""Render the docstrings of all public modules into `docs/api/` (`make docs`).

1. The packages hand out names on first use; they are looked up here first, or pdoc would not find them.
2. Every module whose name does not begin with an underscore gets a page; the shipped configs are no modules.
3. A module that cannot be imported, or an exported name that is not there, stops the build.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("market", "screens", "basket", "backtest")
OUT = Path(__file__).parent / "api"


def modules(package: str) -> Iterator[str]:
    """A package and all modules beneath it, by their dotted names."""
    found = importlib.import_module(package)
    yield package
    for info in pkgutil.walk_packages(found.__path__, f"{package}."):
        if not any(part.startswith("_") for part in info.name.split(".")) and ".templates" not in info.name:
            yield info.name


def resolve(name: str) -> None:
    """Look up what a module exports, so that it is there for good."""
    module = importlib.import_module(name)
    for exported in getattr(module, "__all__", ()):
        setattr(module, exported, getattr(module, exported))


def main(out: Path = OUT) -> int:
    """Write the pages; returns how many."""
    import pdoc
    import pdoc.render

    names = [name for package in PACKAGES for name in modules(package)]
    for name in names:
        resolve(name)
    pdoc.render.configure(docformat="numpy", math=True, search=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # types known to the checker alone are shown as written
        warnings.filterwarnings("error", message=".*(does not resolve|Error importing)")
        pdoc.pdoc(*names, output_directory=out)
    return len(names)


if __name__ == "__main__":
    sys.stdout.write(f"{main()} modules: {OUT / 'index.html'}\n")
