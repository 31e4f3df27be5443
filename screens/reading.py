"""Files to trees: one reader for every config, with a clear word where a file cannot be read.

1. Say so when the path is missing (with the nearest name), a directory, or unreadable.
2. Parse once: the tree is kept until the file changes.
3. Insist on a mapping at the top.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from market.errors import Problem
from screens.wording import did_you_mean
from screens.yaml_tree import Node, parse


def read_tree(path: Path) -> tuple[Node | None, list[Problem]]:
    """The tree of a config file, or None, and what is wrong with it. Trees are shared: never change one."""
    name = str(path)
    try:
        if path.is_dir():
            return None, [Problem(name, 1, "", "is a directory; give a file")]
        stamp = path.stat()
        tree, problems = _parsed(name, stamp.st_mtime_ns, stamp.st_size)
    except FileNotFoundError:
        return None, [Problem(name, 1, "", f"file not found{nearest_file(path, name)}")]
    except (OSError, ValueError) as error:
        return None, [Problem(name, 1, "", f"cannot be read ({reason(error)})")]
    if tree is not None and not isinstance(tree.value, dict):
        found = "a list" if isinstance(tree.value, list) else "text"
        message = f"expected a mapping (key: value) at the top, found {found}"
        return None, [*problems, Problem(name, tree.mark.line, "", message, tree.mark.column)]
    return tree, list(problems)


@lru_cache(maxsize=256)
def _parsed(name: str, mtime_ns: int, size: int) -> tuple[Node | None, list[Problem]]:
    return parse(Path(name).read_bytes(), name)


def kind_in(path: Path) -> str | None:
    """The `kind:` of a config; None where it cannot be read (its own validation says why)."""
    tree, _ = read_tree(shown(path))
    return None if tree is None else text_at(tree, "kind")


def text_at(tree: Node, key: str) -> str | None:
    """The text under a key of a mapping, or None."""
    found = tree.value.get(key) if isinstance(tree.value, dict) else None
    return found.value if found is not None and isinstance(found.value, str) else None


def shown(path: Path) -> Path:
    """The path as messages show it: relative to the working directory where it lies inside."""
    here = Path.cwd()
    return path.relative_to(here) if inside(path, here) else path


def inside(path: Path, root: Path) -> bool:
    """Whether `path` is `root` or lies beneath it; both absolute."""
    return path == root or root in path.parents


def reason(error: Exception) -> str:
    """What the operating system said, in lower case."""
    return (getattr(error, "strerror", None) or str(error)).lower()


def nearest_file(path: Path, written: str) -> str:
    """A hint at the nearest name in the directory of a missing file, written the way the user wrote it."""
    try:
        names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    except OSError:
        names = []
    hint = did_you_mean(path.name, names)
    return hint.replace("'", f"'{written[: -len(path.name)]}", 1) if hint and written.endswith(path.name) else hint
