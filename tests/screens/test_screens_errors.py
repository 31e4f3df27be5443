"""Broken configs: every message word for word where a hand broke them, and never a stack trace whatever the damage.

1. `broken_screens.json` holds over two hundred slips of the pen: what was written instead of what, and what is said.
2. Bytes, bombs and references that no text edit can make are written out here.
3. Shipped configs are damaged at random (seeded) by what editors, mail and hurry do to files.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backtest import cli
from screens.loading import load, validate_files
from screens.spec import ScreenSpec

ROOT = Path(__file__).parents[2]
SLIPS = json.loads(Path(__file__).with_name("broken_screens.json").read_text(encoding="utf-8"))
GOOD = """kind: screen
name: s
universe: {index: sp500, min_price: 5}
rules:
  all_of:
    - {metric: roa, op: "<", value: 0}
blocks:
  quality: {weight: 1, metrics: [roa, gross_margin]}
selection: {count: 40, enter_rank: 32, exit_rank: 60}
"""
LIBRARY_WORDS = re.compile(
    r"Traceback|pydantic|validation error|NoneType|<class|object at 0x|Input should|json_invalid|type=|KeyError|Errno"
)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project whose screens directory is the working directory."""
    screens = tmp_path / "desk" / "configs" / "screens"
    screens.mkdir(parents=True)
    monkeypatch.chdir(screens)
    return screens


def said(text: str | bytes, name: str = "s.yaml") -> list[str]:
    """What is said of a file of the working directory."""
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return [str(problem) for problem in validate_files([name])]


def test_the_screen_that_is_broken_below_is_whole(desk: Path) -> None:
    assert said(GOOD) == []


def test_every_slip_of_the_pen_word_for_word(desk: Path) -> None:
    wrong = {}
    for number, slip in enumerate(SLIPS):
        assert GOOD.count(slip["instead_of"]) >= 1
        broken = GOOD.replace(slip["instead_of"], slip["write"], 1)
        found = said(broken)
        os.utime("s.yaml", ns=(number, number))  # the reader keeps a tree until the file changes
        found = [str(problem) for problem in validate_files(["s.yaml"])]
        if found != slip["says"]:
            wrong[slip["write"]] = {"found": found, "expected": slip["says"]}
    assert not wrong, json.dumps(wrong, indent=1)
    assert len(SLIPS) >= 200


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ["s.yaml:1: the file is empty; a config starts with 'kind:'"]),
        (b"# nothing\n", ["s.yaml:1: the file is empty; a config starts with 'kind:'"]),
        (b"~\n", ["s.yaml:1: the file is empty; a config starts with 'kind:'"]),
        (b"- a\n- b\n", ["s.yaml:1:1: expected a mapping (key: value) at the top, found a list"]),
        (b"hello\n", ["s.yaml:1:1: expected a mapping (key: value) at the top, found text"]),
        (GOOD.encode() + b"# caf\xe9\n", ["s.yaml:10: not UTF-8 text: byte 0xe9; save the file as UTF-8"]),
        (GOOD.encode("utf-16"), ["s.yaml:1: not UTF-8 text: byte 0xff; save the file as UTF-8"]),
        (GOOD.encode() + b"\x00", ["s.yaml:10: not valid YAML: the character U+0000 is not allowed"]),
        (b"\xef\xbb\xbf" + GOOD.encode(), []),
        (GOOD.replace("\n", "\r\n").encode(), []),
        (b"a: " + b"[" * 60 + b"]" * 60, ["s.yaml:1:44: nested deeper than 40 levels"]),
        (b"a: " + b"{b: " * 5000 + b"}" * 5000, ["s.yaml:1:164: nested deeper than 40 levels"]),
        (b"x: " + b"y" * 1_000_001, ["s.yaml:1: the file has 1,000,004 bytes; a config has at most 1,000,000"]),
        (
            (
                b"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                b"c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d]\n"
            ),
            ["s.yaml:5:5: more than 20,000 values once every alias is expanded; refused"],
        ),
        (
            (
                b"kind: screen\nname: s\nuniverse: &u {min_price: 5}\npopulation: *u\nblocks:\n  b: &b\n    weight: 1\n"
                b"    metrics: [roa]\n  c:\n    <<: *b\n    metrics: [roe]\n"
            ),
            [],
        ),
        (
            b"kind: screen\nname: s\nblocks: {b: {weight: 1, metrics: [&m roa, *m]}}\n",
            ["s.yaml:3:25: blocks.b.metrics: roa is listed twice"],
        ),
        (
            b"kind: screen\nname: s\n\x1b[2Jblocks: {}\n",
            ["s.yaml:3: not valid YAML: the character U+001B is not allowed"],
        ),
        (
            b'kind: screen\nname: s\n"\\e[2J": 1\nblocks: {b: {weight: 1, metrics: [roa]}}\n',
            [
                (
                    "s.yaml:3:1: \\x1b[2J: unknown key '\\x1b[2J'; known here: kind, name, question, description,"
                    " imports, tags, universe, population, rules, blocks, smoothing, selection"
                )
            ],
        ),
        (
            (
                b"kind: screen\nname: s\nuniverse: {tickers: [ON, NO, Y, TRUE, BRK.B]}\n"
                b"blocks: {b: {weight: 1, metrics: [roa]}}\n"
            ),
            [],
        ),
    ],
)
def test_bytes_bombs_and_marks(desk: Path, data: bytes, expected: list[str]) -> None:
    assert said(data) == expected


def test_tickers_that_yaml_would_make_truth_values_stay_tickers(desk: Path) -> None:
    said(GOOD.replace("min_price: 5", "tickers: [ON, NO, Y, N, TRUE, YES]"))
    assert load("s.yaml", ScreenSpec).universe.tickers == ("ON", "NO", "Y", "N", "TRUE", "YES")


def test_files_that_are_not_there_or_are_none(desk: Path) -> None:
    said(GOOD)
    Path("d.yaml").mkdir()
    assert [str(p) for p in validate_files(["t.yaml"])] == ["t.yaml:1: file not found (did you mean 's.yaml'?)"]
    assert [str(p) for p in validate_files(["d.yaml"])] == ["d.yaml:1: is a directory; give a file"]
    assert [str(p) for p in validate_files(["a\0b.yaml"])] == ["a\\x00b.yaml:1: cannot be read (embedded null byte)"]


# --- imports ------------------------------------------------------------------------------------------------------


def test_an_import_is_laid_under_what_the_file_says_itself(desk: Path) -> None:
    said(GOOD.replace("name: s", "name: base\nquestion: Of the base?"), "base.yaml")
    assert (
        said(
            """kind: screen
name: mine
imports: [base.yaml]
universe: {min_price: 7}
rules: null
blocks:
  quality: {weight: 2}
  debt: {weight: 1, metrics: [liabilities_assets]}
selection: {exit_rank: 50}
"""
        )
        == []
    )
    spec, base = load("s.yaml", ScreenSpec), load("base.yaml", ScreenSpec)
    assert (spec.universe.index, spec.universe.min_price) == ("sp500", 7)
    assert spec.rules is None
    assert base.rules is not None
    assert [(name, block.weight) for name, block in spec.blocks.items()] == [("quality", 2), ("debt", 1)]
    assert spec.blocks["quality"].metrics == base.blocks["quality"].metrics
    assert (spec.selection.count, spec.selection.enter_rank, spec.selection.exit_rank) == (40, 32, 50)
    assert (spec.name, spec.question) == ("mine", "")  # never inherited


def test_of_two_imports_the_later_one_wins_and_lists_are_replaced(desk: Path) -> None:
    said(GOOD, "one.yaml")
    said("kind: screen\nname: two\nblocks: {quality: {weight: 3, metrics: [roe]}}\n", "two.yaml")
    said("kind: screen\nname: s\nimports: [one.yaml, two.yaml]\n")
    quality = load("s.yaml", ScreenSpec).blocks["quality"]
    assert (quality.weight, [use.metric for use in quality.metrics]) == (3, ["roe"])


def test_an_error_in_an_imported_part_points_into_the_imported_file(desk: Path) -> None:
    said(GOOD.replace("min_price", "min_prise"), "base.yaml")
    assert said("kind: screen\nname: s\nimports: [base.yaml]\nselection: {count: 0}\n") == [
        "base.yaml:3:26: universe.min_prise: unknown key 'min_prise' (did you mean 'min_price'?)",
        "s.yaml:4:20: selection.count: must be at least 1, found 0",
    ]


def test_imports_may_not_run_in_a_circle_leave_the_project_or_change_kind(desk: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret.yaml"
    outside.write_text(GOOD)
    Path("link.yaml").symlink_to(outside)
    said(GOOD.replace("name: s", "name: b\nimports: [s.yaml]"), "b.yaml")
    said("kind: basket\nname: k\nscreen: s.yaml\n", "k.yaml")
    assert said(GOOD.replace("name: s", "name: s\nimports: [b.yaml]")) == [
        "b.yaml:3:11: imports[0]: imports run in a circle: s.yaml -> b.yaml -> s.yaml",
        "s.yaml:3:11: imports[0]: imports run in a circle: b.yaml -> s.yaml -> b.yaml",  # and seen from the other file
    ]
    assert said(GOOD.replace("name: s", "name: sx\nimports: [link.yaml]")) == [
        "s.yaml:3:11: imports[0]: 'link.yaml' leads out of the project directory (desk)"
    ]
    assert said(GOOD.replace("name: s", "name: sxx\nimports: [k.yaml]")) == [
        "s.yaml:3:11: imports[0]: 'k.yaml' is of kind basket; expected screen"
    ]


# --- damage ---------------------------------------------------------------------------------------------------------


SPECIAL = "{}[]:,#&*!|>%@`\"'-?\t\\é\u2028 "
WORDS = ["-1", "1e999", "nan", "many", "[]", ""]
ACCIDENTS: dict[str, Callable[[str, int, random.Random], str]] = {
    "a character lost": lambda line, at, chance: line[:at] + line[at + 1 :],
    "a character too many": lambda line, at, chance: line[:at] + chance.choice(SPECIAL) + line[at:],
    "a line twice": lambda line, at, chance: f"{line}\n{line}",
    "a line cut": lambda line, at, chance: line[:at],
    "shifted": lambda line, at, chance: " " * chance.randint(1, 3) + line,
    "a tab": lambda line, at, chance: line.replace("  ", "\t", 1),
    "another number": lambda line, at, chance: re.sub(
        r"\d+", chance.choice(["-1", "1e999", "nan", "many", "[]", ""]), line
    ),
    "a word misspelt": lambda line, at, chance: re.sub(r"\w+", lambda found: found[0][::-1], line, count=1),
    "shouted": lambda line, at, chance: line.swapcase(),
    "no colon": lambda line, at, chance: line.replace(":", "", 1),
    "a line lost": lambda line, at, chance: "#",
}


def damaged(text: str, chance: random.Random) -> str:
    """The text after one to three accidents; after some of them the rest of the file is lost."""
    for _ in range(chance.randint(1, 3)):
        lines = text.split("\n")
        row = chance.randrange(len(lines))
        at = chance.randrange(len(lines[row]) + 1)
        lines[row] = ACCIDENTS[chance.choice(list(ACCIDENTS))](lines[row], at, chance)
        text = "\n".join(lines if chance.random() < 0.9 else lines[: row + 1])
    return text


def test_damaged_configs_are_answered_in_words_with_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "desk"
    shutil.copytree(ROOT / "configs", project / "configs")
    monkeypatch.chdir(project)
    files = sorted(Path("configs").rglob("*.yaml"))
    whole = {path: path.read_text(encoding="utf-8") for path in files}
    faulty = 0
    for seed in range(400):
        chance = random.Random(seed)
        path = files[seed % len(files)]
        path.write_text(damaged(whole[path], chance), encoding="utf-8")
        os.utime(path, ns=(seed, seed))
        problems = validate_files([path])  # whatever it raises is a stack trace for the user
        lines = {Path(p.file): len(Path(p.file).read_bytes().splitlines()) + 1 for p in problems}
        for problem in problems:
            assert 1 <= problem.line <= max(lines[Path(problem.file)], 1), (seed, str(problem))
            assert problem.message, seed
            assert not LIBRARY_WORDS.search(str(problem)), (seed, str(problem))
        faulty += bool(problems)
        path.write_text(whole[path], encoding="utf-8")
    assert faulty >= 250  # the rest of the accidents hit comments and descriptions


def test_the_command_line_answers_a_broken_file_with_exit_two(desk: Path) -> None:
    Path("s.yaml").write_text(GOOD.replace("min_price", "min_prise").replace("count: 40", "count: forty"))
    for words in (
        ["validate", "s.yaml"],
        ["screen", "s.yaml"],
        ["explain", "s.yaml", "F"],
        ["diff", "s.yaml", "s.yaml"],
    ):
        answer = CliRunner().invoke(cli.application([words[0]]), [*words, "--quiet"])
        assert answer.exit_code == 2, answer.output
        assert "Traceback" not in answer.output
        assert answer.output.splitlines() == [
            "s.yaml:3:26: universe.min_prise: unknown key 'min_prise' (did you mean 'min_price'?)",
            "s.yaml:9:20: selection.count: expected a whole number, found 'forty'",
            "2 errors",
        ]
