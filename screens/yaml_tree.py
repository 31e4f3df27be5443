"""YAML text to a tree that remembers where everything stands.

1. Decode as UTF-8; refuse files that are too large to be a config.
2. Read the stream of YAML events (never objects: no tag but the plain ones is known here).
3. Compose nodes; each keeps file, line and column, each key of a mapping its own.
4. Resolve plain scalars: numbers, `true`, `false`, `null`; everything else is text, so the tickers `ON`, `NO`, `Y` and
   `TRUE` stay text, and so do dates.
5. Collect what is wrong (duplicate keys, alias bombs, unknown tags, numbers that are not finite); only a syntax error
   stops the reading early.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import yaml

from market.errors import Problem

MAX_BYTES = 1_000_000  # the largest shipped config is under 10 kB
MAX_DEPTH = 40  # nesting of mappings and lists; the rules tree of a real screen needs 6
MAX_NODES = 20_000  # after every alias is expanded: an alias bomb explodes far beyond this
EVENTS_A_NODE = 4  # more than any node has: its key, its start, its end

Scalar = str | int | float | bool | None
Json = Scalar | list["Json"] | dict[str, "Json"]

_NodeEvent = yaml.AliasEvent | yaml.ScalarEvent | yaml.CollectionStartEvent

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*(?:_[0-9]+)*)\Z")
_FLOAT = re.compile(r"[-+]?(?:(?:[0-9]+(?:_[0-9]+)*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]")  # 0700 is a code, not a number
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_STANDARD_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int


@dataclass(slots=True)
class Node:
    """One YAML value: `value` is a scalar, a list of nodes or a mapping of nodes; `keys` says where each key stands."""

    value: Scalar | list[Node] | dict[str, Node]
    mark: Mark
    keys: dict[str, Mark] = field(default_factory=dict)
    size: int = 1

    def plain(self) -> Json:
        """The same value without marks, as JSON would have it."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value


def parse(data: bytes, file: str) -> tuple[Node | None, list[Problem]]:
    """The tree of one YAML document and every problem met on the way; the tree is None where nothing could be read."""
    if len(data) > MAX_BYTES:
        return None, [Problem(file, 1, "", f"the file has {len(data):,} bytes; a config has at most {MAX_BYTES:,}")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return None, [
            Problem(file, line, "", f"not UTF-8 text: byte 0x{data[error.start]:02x}; save the file as UTF-8")
        ]
    reader = _Composer(file)
    try:
        return reader.document(_events(text)), reader.problems
    except _Stop as stop:
        return None, [*reader.problems, stop.problem]
    except yaml.YAMLError as error:
        return None, [*reader.problems, _syntax_problem(error, text, file)]


class _Stop(Exception):
    """Reading cannot go on; carries the reason."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def _events(text: str) -> Iterator[yaml.Event]:
    """All events; libyaml is quick, and where it refuses, the Python parser says why in words that do not change."""
    if getattr(yaml, "__with_libyaml__", False):
        with contextlib.suppress(yaml.YAMLError):
            return iter(_to_the_depth(text, yaml.CSafeLoader))
    return iter(_to_the_depth(text, yaml.SafeLoader))


def _to_the_depth(text: str, loader: type[yaml.SafeLoader] | type[yaml.CSafeLoader]) -> list[yaml.Event]:
    """Events until the end, or until they are past what the composer takes: parsers are quadratic in depth."""
    events: list[yaml.Event] = []
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        events.append(event)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH + 1 or len(events) > EVENTS_A_NODE * MAX_NODES:
            break
    return events


def _syntax_problem(error: yaml.YAMLError, text: str, file: str) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Problem(file, line, "", f"not valid YAML: the character U+{_code(error.character):04X} is not allowed")
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 0)
    lines = text.splitlines()
    at = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in at[: len(at) - len(at.lstrip())] or "'\\t'" in str(error):
        return Problem(file, line, "", "a tab is used for indentation; YAML wants spaces", column)
    what = getattr(error, "problem", None) or "cannot be read"
    context = getattr(error, "context", None)
    begun = getattr(error, "context_mark", None)
    if context and begun and begun.line + 1 != line:
        context += f" that begins on line {begun.line + 1}"
    return Problem(file, line, "", f"not valid YAML: {f'{context}, ' if context else ''}{what}", column)


class _Composer:
    """Builds nodes from events, counting depth and size as it goes."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.anchors: dict[str, Node | None] = {}
        self.nodes = 0

    def document(self, events: Iterator[yaml.Event]) -> Node | None:
        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                raise self._stop(self._mark(event), "a second document begins here ('---'); one file, one config")
            if isinstance(event, yaml.AliasEvent | yaml.ScalarEvent | yaml.CollectionStartEvent):
                root = self._node(event, events, 0)
        if root is None or root.value is None:
            raise _Stop(Problem(self.file, 1, "", "the file is empty; a config starts with 'kind:'"))
        return root

    def _mark(self, event: yaml.Event) -> Mark:
        start = event.start_mark
        return Mark(self.file, start.line + 1, start.column + 1) if start else Mark(self.file, 1, 0)

    def _complain(self, mark: Mark, message: str) -> None:
        self.problems.append(Problem(self.file, mark.line, "", message, mark.column))

    def _stop(self, mark: Mark, message: str) -> _Stop:
        return _Stop(Problem(self.file, mark.line, "", message, mark.column))

    def _node(self, event: _NodeEvent, events: Iterator[yaml.Event], depth: int) -> Node:
        mark = self._mark(event)
        if depth > MAX_DEPTH:
            raise self._stop(mark, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, mark)
        anchor = event.anchor
        if anchor:
            self.anchors[anchor] = None  # not usable inside itself
        if isinstance(event, yaml.ScalarEvent):
            node = Node(self._scalar(event, mark), mark)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._check_tag(event, mark, "seq")
            node = self._sequence(events, mark, depth)
        else:
            self._check_tag(event, mark, "map")
            node = self._mapping(events, mark, depth)
        if anchor:
            self.anchors[anchor] = node
        self._count(1, mark)
        return node

    def _count(self, nodes: int, mark: Mark) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise self._stop(mark, f"more than {MAX_NODES:,} values once every alias is expanded; refused")

    def _alias(self, event: yaml.AliasEvent, mark: Mark) -> Node:
        if event.anchor not in self.anchors:
            raise self._stop(mark, f"alias '*{event.anchor}' has no anchor '&{event.anchor}' above it")
        node = self.anchors[event.anchor]
        if node is None:
            raise self._stop(mark, f"alias '*{event.anchor}' refers to itself")
        self._count(node.size, mark)
        return node

    def _sequence(self, events: Iterator[yaml.Event], mark: Mark, depth: int) -> Node:
        items: list[Node] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(cast(_NodeEvent, event), events, depth + 1))
        return Node(items, mark, size=1 + sum(item.size for item in items))

    def _mapping(self, events: Iterator[yaml.Event], mark: Mark, depth: int) -> Node:
        own: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        merged: list[Node] = []
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            at = self._mark(event)
            if not isinstance(event, yaml.ScalarEvent):
                self._node(cast(_NodeEvent, event), events, depth + 1)
                self._complain(at, "a key must be plain text")
            value = self._node(cast(_NodeEvent, next(events)), events, depth + 1)
            if not isinstance(event, yaml.ScalarEvent):
                continue
            key = event.value
            if key == "<<" and not event.style:
                merged += self._merge_sources(value, at)
            elif key in own:
                self._complain(at, f"duplicate key '{key}' (first given on line {keys[key].line})")
            else:
                own[key], keys[key] = value, at
        for source in merged:  # what is written here wins over what is merged in
            assert isinstance(source.value, dict)
            for key, child in source.value.items():
                if key not in own:
                    own[key], keys[key] = child, source.keys[key]
        return Node(own, mark, keys, size=1 + sum(child.size for child in own.values()))

    def _merge_sources(self, value: Node, at: Mark) -> list[Node]:
        sources = value.value if isinstance(value.value, list) else [value]
        if all(isinstance(source.value, dict) for source in sources):
            return sources
        self._complain(at, "'<<' merges mappings only")
        return []

    def _check_tag(self, event: yaml.CollectionStartEvent, mark: Mark, expected: str) -> None:
        if event.tag not in (None, "!", _STANDARD_TAG + expected):
            self._complain(mark, f"tag '{_short(event.tag)}' is not allowed")

    def _scalar(self, event: yaml.ScalarEvent, mark: Mark) -> Scalar:
        text = str(event.value)
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._complain(mark, "holds half of a surrogate pair, which is not text")
            return ""
        if event.tag not in (None, "!", _STANDARD_TAG + "str"):
            self._complain(mark, f"tag '{_short(event.tag)}' is not allowed")
            return text
        if event.tag is not None or event.style:
            return text
        if _NOT_FINITE.match(text):
            self._complain(mark, f"'{text}' is not a finite number")
            return 0.0
        value = resolve(text)
        if isinstance(value, (int, float)) and not abs(value) < 1e300:
            self._complain(mark, f"'{_cut(text)}' is too large for a number")
            return 0.0
        return value


def resolve(text: str) -> Scalar:
    """The value of a plain scalar.

    >>> [resolve(text) for text in ("true", "yes", "ON", "NO", "TRUE", "~", "1_000", "1e9", "0700", "2024-01-02")]
    [True, 'yes', 'ON', 'NO', 'TRUE', None, 1000, 1000000000.0, '0700', '2024-01-02']
    """
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _LEADING_ZERO.match(text) and "." not in text:
        return text
    if _INT.match(text):
        return int(text) if len(text) < 300 else float("inf")
    if _FLOAT.match(text):
        return float(text)
    return text


def _short(tag: str) -> str:
    return tag.replace(_STANDARD_TAG, "!!")


def _cut(text: str, limit: int = 40) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _code(character: int | str | bytes) -> int:
    return character if isinstance(character, int) else ord(character)
