"""YAML text to a tree with marks: scalars, keys, anchors, and every refusal word for word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screens.yaml_tree import MAX_BYTES, Mark, parse, resolve


def tree(text: str):
    node, problems = parse(text.encode(), "f.yaml")
    assert not problems
    return node


def complaints(text: str | bytes) -> list[str]:
    _, problems = parse(text if isinstance(text, bytes) else text.encode(), "f.yaml")
    return [str(problem) for problem in problems]


def test_words_stay_words_and_numbers_become_numbers() -> None:
    found = tree(
        "tickers: [ON, NO, Y, OFF, TRUE, NULL, NaN, 1E, INF]\n"
        "numbers: [1, -2, +3, 1.5, .5, 2., 1e9, 1.0e+9, 1_000_000, 0, -0.0]\n"
        "texts: ['5', \"true\", 0700, 0x1F, 0o17, 1:30, 2024-01-02, 5%, '', !!str 7]\n"
        "words: [true, false, null, ~, ]\n"
    ).plain()
    assert found == {
        "tickers": ["ON", "NO", "Y", "OFF", "TRUE", "NULL", "NaN", "1E", "INF"],
        "numbers": [1, -2, 3, 1.5, 0.5, 2.0, 1e9, 1e9, 1_000_000, 0, 0.0],
        "texts": ["5", "true", "0700", "0x1F", "0o17", "1:30", "2024-01-02", "5%", "", "7"],
        "words": [True, False, None, None],
    }
    assert isinstance(found["numbers"][0], int)
    assert isinstance(found["numbers"][6], float)


def test_marks_say_where_keys_and_values_stand() -> None:
    found = tree("a:\n  b: 1\n  c: [2, 3]\n")
    assert found.value["a"].keys == {"b": Mark("f.yaml", 2, 3), "c": Mark("f.yaml", 3, 3)}
    assert found.value["a"].value["c"].value[1].mark == Mark("f.yaml", 3, 10)


def test_anchors_and_merges() -> None:
    found = tree("base: &b {x: 1, y: 2}\nsame: *b\nmore: {<<: *b, y: 3}\nboth: {<<: [{z: 1}, *b], x: 0}\n")
    assert found.plain() == {
        "base": {"x": 1, "y": 2},
        "same": {"x": 1, "y": 2},
        "more": {"x": 1, "y": 3},
        "both": {"x": 0, "z": 1, "y": 2},
    }


def test_unicode_and_byte_order_mark() -> None:
    node, problems = parse("\ufeffname: Société\n".encode(), "f.yaml")
    assert node is not None
    assert node.plain() == {"name": "Société"}
    assert not problems


SYNTAX = "not valid YAML: while"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "f.yaml:1: the file is empty; a config starts with 'kind:'"),
        ("# only a comment\n", "f.yaml:1: the file is empty; a config starts with 'kind:'"),
        ("---\n...\n", "f.yaml:1: the file is empty; a config starts with 'kind:'"),
        (b"a: \xff\n", "f.yaml:1: not UTF-8 text: byte 0xff; save the file as UTF-8"),
        (b"kind: screen\nname: caf\xe9\n", "f.yaml:2: not UTF-8 text: byte 0xe9; save the file as UTF-8"),
        ("kind: screen\n".encode("utf-16"), "f.yaml:1: not UTF-8 text: byte 0xff; save the file as UTF-8"),
        (b"a: \x00\n", "f.yaml:1: not valid YAML: the character U+0000 is not allowed"),
        (b"a: 1\nb: \x07\n", "f.yaml:2: not valid YAML: the character U+0007 is not allowed"),
        ("a:\n\tb: 1\n", "f.yaml:2:1: a tab is used for indentation; YAML wants spaces"),
        ("a:\n  b: 1\n\tc: 1\n", "f.yaml:3:1: a tab is used for indentation; YAML wants spaces"),
        ("a: [1, 2\n", f"f.yaml:2:1: {SYNTAX} parsing a flow sequence that begins on line 1, expected ',' or ']', but got '<stream end>'"),  # noqa: E501
        ("a: {b: 1\n", f"f.yaml:2:1: {SYNTAX} parsing a flow mapping that begins on line 1, expected ',' or '}}', but got '<stream end>'"),  # noqa: E501
        ("a: 'open\n", f"f.yaml:2:1: {SYNTAX} scanning a quoted scalar that begins on line 1, found unexpected end of stream"),  # noqa: E501
        ("a: b: c\n", "f.yaml:1:5: not valid YAML: mapping values are not allowed here"),
        ("a: 1\n b: 2\n", "f.yaml:2:3: not valid YAML: mapping values are not allowed here"),
        ("a: @x\n", f"f.yaml:1:4: {SYNTAX} scanning for the next token, found character '@' that cannot start any token"),  # noqa: E501
        ("- a\nb: 1\n", f"f.yaml:2:1: {SYNTAX} parsing a block collection that begins on line 1, expected <block end>, but found '?'"),  # noqa: E501
        ("a: 1\na: 2\n", "f.yaml:2:1: duplicate key 'a' (first given on line 1)"),
        ("x: {a: 1, b: 2, a: 3}\n", "f.yaml:1:17: duplicate key 'a' (first given on line 1)"),
        ("? [a, b]\n: 1\n", "f.yaml:1:3: a key must be plain text"),
        ("{a: 1}: 2\n", "f.yaml:1:1: a key must be plain text"),
        ("a: .nan\n", "f.yaml:1:4: '.nan' is not a finite number"),
        ("a: -.inf\n", "f.yaml:1:4: '-.inf' is not a finite number"),
        ("a: 1e999\n", "f.yaml:1:4: '1e999' is too large for a number"),
        (f"a: {'9' * 400}\n", f"f.yaml:1:4: '{'9' * 39}…' is too large for a number"),
        ("a: !!python/object:os.system x\n", "f.yaml:1:4: tag '!!python/object:os.system' is not allowed"),
        ("a: !!python/object/apply:os.x [ls]\n", "f.yaml:1:4: tag '!!python/object/apply:os.x' is not allowed"),
        ("a: !include other.yaml\n", "f.yaml:1:4: tag '!include' is not allowed"),
        ("a: !!binary aGk=\n", "f.yaml:1:4: tag '!!binary' is not allowed"),
        ("a: !!set {x: null}\n", "f.yaml:1:4: tag '!!set' is not allowed"),
        ('a: "\\ud800"\n', "f.yaml:1:4: holds half of a surrogate pair, which is not text"),
        ("a: *x\n", "f.yaml:1:4: alias '*x' has no anchor '&x' above it"),
        ("a: &x [*x]\n", "f.yaml:1:8: alias '*x' refers to itself"),
        ("a: {<<: 3}\n", "f.yaml:1:5: '<<' merges mappings only"),
        (BOMB, "f.yaml:5:8: more than 20,000 values once every alias is expanded; refused"),
        ("[" * 60 + "]" * 60, "f.yaml:1:42: nested deeper than 40 levels"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document begins here ('---'); one file, one config"),
        (b"a" * (MAX_BYTES + 1), f"f.yaml:1: the file has {MAX_BYTES + 1:,} bytes; a config has at most {MAX_BYTES:,}"),
    ],
)  # fmt: skip
def test_refusals(text: str | bytes, expected: str) -> None:
    assert complaints(text) == [expected]


def test_all_problems_of_a_file_at_once() -> None:
    assert complaints("a: .nan\na: 1\nb: !x 2\n") == [
        "f.yaml:1:4: '.nan' is not a finite number",
        "f.yaml:2:1: duplicate key 'a' (first given on line 1)",
        "f.yaml:3:4: tag '!x' is not allowed",
    ]


def test_the_same_words_without_libyaml(monkeypatch) -> None:
    import yaml

    texts = ["a: [1, 2\n", "a: {b: 1\n", "a: 1\n---\nb: 2\n", "a: 1\na: 2\n", "a: ok\nb: [x, 'y', \"z\", 1]\n", BOMB]
    with_c = [parse(text.encode(), "f.yaml") for text in texts]
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    without = [parse(text.encode(), "f.yaml") for text in texts]
    assert [p for _, p in with_c] == [p for _, p in without]
    assert with_c[4][0].plain() == without[4][0].plain()


def test_deep_nesting_does_not_exhaust_the_stack() -> None:
    assert complaints("[" * 50_000)
    assert complaints("- " * 50_000)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_no_text_raises(text: str) -> None:
    parse(text.encode("utf-8", "surrogatepass"), "f.yaml")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_raise(data: bytes) -> None:
    parse(data, "f.yaml")


@given(
    st.floats(allow_nan=False, allow_infinity=False, max_value=1e200, min_value=-1e200) | st.integers(-(10**15), 10**15)
)
def test_numbers_are_read_back(value: float) -> None:
    assert resolve(repr(value)) == value
