"""Ways to spoil a config or a table, each drawn from a seeded generator so that a failure can be had again.

1. A config is spoilt as a tree (a key misspelt, a value of another type, a number out of all reason, a branch moved,
   dropped, doubled or nested thousands deep) or as text (bytes, indentation, look-alikes, anchors, tags).
2. A table is spoilt as values (types, signs, dates, names, columns) or as bytes (cut, flipped, another encoding).
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator

import yaml
from yaml import CSafeDumper as SafeDumper

Tree = dict[str, object]
Place = tuple[dict[str, object] | list[object], str | int]

LOOKALIKES = str.maketrans({"a": "а", "e": "е", "o": "о", "c": "с", "p": "р", "x": "х", "-": "‑", ":": "：", ".": "․"})
HOSTILE_TEXT = (
    "", " ", "x" * 20_000, "<script>alert(1)</script>", "=HYPERLINK(\"http://x\")", "../../../../../../etc/passwd",
    "/dev/zero", "\u202eevil", "ＡＡＰＬ", "\x00", "a\nb", "😀" * 50, "%s%n{0}{x!r}", "2020-02-30", "0x1F", "1_000",
    "NaN", "[]", "~", "!!python/object/apply:os.system [id]", "screens/low_quality.yaml", "../screens", ".", "\ud7ff",
)  # fmt: skip
HOSTILE_VALUES: tuple[object, ...] = (
    None, True, False, 0, -1, 1, 2, 1e308, -1e308, 1e-320, float("inf"), float("-inf"), float("nan"), 10**30, -(10**19),
    10**400, 0.5, [], {}, [[]], [None], {"": None}, {"kind": "run"}, [1, 2], [2, 1], [0, 0], [1] * 5000, "sp500", "ols",
    *HOSTILE_TEXT,
)  # fmt: skip


def places(tree: object) -> Iterator[Place]:
    """Every value of a tree, as the container that holds it and its key."""
    if isinstance(tree, dict | list):
        for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
            yield tree, key  # type: ignore[misc]
            yield from places(tree[key])  # type: ignore[index]


def misspelt(rng: random.Random, word: str) -> str:
    """A word with one slip of the finger, or of the alphabet."""
    at = rng.randrange(len(word)) if word else 0
    slips: tuple[Callable[[], str], ...] = (
        lambda: word[:at] + word[at + 1 :],
        lambda: word[:at] + rng.choice("abcxyz_- ") + word[at:],
        lambda: word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
        lambda: word.upper(),
        lambda: word.translate(LOOKALIKES),
        lambda: word + "s",
    )
    return rng.choice(slips)()


def spoilt_tree(rng: random.Random, original: Tree) -> object:
    """A copy of a config with one to three faults in it."""
    tree = copy.deepcopy(original)
    for _ in range(rng.choice((1, 1, 2, 3))):
        found = list(places(tree))
        if not found:
            break
        holder, key = rng.choice(found)
        other = rng.choice(found)
        kind = rng.choice(("key", "value", "value", "value", "number", "drop", "extra", "wrap", "graft", "deep"))
        if kind == "key" and isinstance(holder, dict):
            holder[misspelt(rng, str(key))] = holder.pop(key)
        elif kind == "number" and isinstance(holder[key], int | float):  # type: ignore[index]
            factor = rng.choice((-1, 0, 1e-9, 1e9, 1e300, 0.5, 3))
            holder[key] = holder[key] * factor  # type: ignore[index, operator]
        elif kind == "drop":
            del holder[key]  # type: ignore[arg-type]
        elif kind == "extra" and isinstance(holder, dict):
            holder[rng.choice(("wieght", "kind", "name", "metrics", "", "<<", "imports"))] = rng.choice(HOSTILE_VALUES)
        elif kind == "wrap":
            holder[key] = rng.choice(([holder[key]], {"value": holder[key]}, str(holder[key])))  # type: ignore[index]
        elif kind == "graft":
            holder[key] = copy.deepcopy(other[0][other[1]])  # type: ignore[index]
        elif kind == "deep":
            nested: object = 1
            for _ in range(rng.choice((30, 90))):
                nested = rng.choice(([nested], {"all_of": [nested]}, {"not": nested}))
            holder[key] = nested  # type: ignore[index]
        else:
            holder[key] = rng.choice(HOSTILE_VALUES)  # type: ignore[index]
    return tree


def spoilt_text(rng: random.Random, text: str) -> bytes:
    """A config's text with faults no tree could have."""
    lines = text.splitlines(keepends=True)
    at = rng.randrange(len(lines))
    line = lines[at]
    kind = rng.randrange(14)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, line)
    elif kind == 2:
        lines[at] = " " * rng.randrange(1, 9) + line
    elif kind == 3:
        lines[at] = "\t" + line.lstrip()
    elif kind == 4:
        lines[at] = line.translate(LOOKALIKES)
    elif kind == 5:
        lines[at] = line.replace(
            ":", rng.choice((": &a", ": *a", ": !!python/name:os.system", ": !x", ": |", ": >")), 1
        )
    elif kind == 6:
        lines.insert(
            at, rng.choice(("<<: *a\n", "---\n", "...\n", "%YAML 9.9\n", "? [1, 2]\n: x\n", "{{ x }}\n", "}\n"))
        )
    elif kind == 7:
        lines[at] = line.rstrip() + "[" * rng.choice((1, 200, 20_000)) + "\n"
    elif kind == 8:
        lines[at] = line.rstrip() + rng.choice(("\x00", "\u2028", "\x1b[31m", "\ufeff", "\u202e", "\x85")) + "\n"
    elif kind == 9:
        laughs = "".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]\n" for i in range(1, 12))
        lines.insert(at, "l0: &l0 [lol]\n" + laughs)
    spoilt = "".join(lines).encode("utf-8", errors="surrogatepass")
    if kind == 10:
        spoilt = spoilt[: rng.randrange(len(spoilt))]
    elif kind == 11:
        where = rng.randrange(len(spoilt))
        spoilt = spoilt[:where] + bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9))) + spoilt[where:]
    elif kind == 12:
        spoilt = text.encode(rng.choice(("utf-16", "utf-32", "utf-8-sig", "cp037")), errors="replace")
    elif kind == 13:
        spoilt = rng.choice(
            (b"", b"\n", b"null", b"[]", b"42", b"a: 1\n" * 5000, b"\xff\xfe", b"{" * 3000, b"- " * 3000)
        )
    return spoilt


def spoilt_config(rng: random.Random, text: str) -> bytes:
    """A config with faults: two of three as a tree, one as text."""
    if rng.random() < 0.34:
        return spoilt_text(rng, text)
    tree = spoilt_tree(rng, yaml.safe_load(text))
    if rng.random() < 0.5:
        return json.dumps(tree, default=str).encode()  # one line: places in messages depend on columns
    return yaml.dump(tree, Dumper=SafeDumper, sort_keys=False, allow_unicode=True).encode("utf-8", "surrogatepass")


WORDS = (
    "monthly", "weekly", "quarterly", "third_friday", "last_session", "equal", "score", "inverse_volatility", "tiers",
    "table", "dollar_neutral", "kalman", "quantile", "min_cvar", "ewma", "dimson", "beta_matched", "volatility", "roa",
    "SPY", "QQQ", "C05", "NOPE", "idx", "sector", "fed_funds", "sofr",
)  # fmt: skip


def bent_config(rng: random.Random, text: str) -> bytes:
    """A config with one to four values changed to others of their kind: it may well still read."""
    tree: object = yaml.safe_load(text)
    for _ in range(rng.choice((1, 2, 3, 4))):
        leaves = [(holder, key) for holder, key in places(tree) if not isinstance(holder[key], dict | list)]  # type: ignore[index]
        holder, key = rng.choice(leaves)
        found = holder[key]  # type: ignore[index]
        if isinstance(found, bool):
            holder[key] = not found  # type: ignore[index]
        elif isinstance(found, int):
            holder[key] = rng.choice((0, 1, 2, 3, 7, 10, 14, 15, 20, 30, 200, 500, 2520, 10**9))  # type: ignore[index]
        elif isinstance(found, float):
            holder[key] = found * rng.choice((0, 1e-9, 0.1, 0.5, 2, 3, 1e9))  # type: ignore[index]
        elif key not in ("kind", "screen", "book", "basket"):
            holder[key] = rng.choice(WORDS)  # type: ignore[index]
    return yaml.dump(tree, Dumper=SafeDumper, sort_keys=False).encode()
