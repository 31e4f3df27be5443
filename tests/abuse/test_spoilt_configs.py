"""Two thousand spoilt configs through `validate`, and a sample of them through the commands that would act on them.

No stack trace, the right exit code, no line without end, and nothing written: whatever a config holds.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from backtest.commands.baskets import basket
from backtest.commands.configs import validate
from backtest.commands.runs import backtest
from backtest.commands.screening import screen
from screens.loading import validate_files

CONFIGS = Path(__file__).parents[2] / "configs"
BLOCKS = 8
A_BLOCK = 260  # eight of them are 2,080 configs
ACTED_ON = {"screen.yaml": screen, "basket.yaml": basket, "run.yaml": backtest}
CARRIED_OUT = {"screen.yaml": 16, "basket.yaml": 12, "run.yaml": 6}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> dict[Path, str]:
    """Copies of the shipped configs, to lay a spoilt one among them."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(CONFIGS, root / "configs")
    return {path: path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.yaml"))}


@pytest.mark.parametrize("block", range(BLOCKS))
def test_validate_has_an_answer_to_everything(block, shipped, mutations, knock, times):
    files = list(shipped)
    refused = 0
    for number in range(A_BLOCK * times):
        seed = 1_000_000 * block + number
        file = files[seed % len(files)]
        spoilt = file.with_name("spoilt.yaml")
        spoilt.write_bytes(mutations.spoilt_config(random.Random(seed), shipped[file]))
        answer = knock(validate, [spoilt])
        assert answer.code in (0, 2), (seed, file.name, answer)
        assert answer.civil(), (seed, file.name, answer)
        if answer.code == 2:
            refused += 1
            assert "spoilt.yaml:" in answer.err, (seed, answer.err)  # a place, in the file that is wrong
            count = len(answer.err.splitlines()) - 1
            assert answer.err.rstrip().endswith(f"{count} error{'s' if count > 1 else ''}"), (seed, answer.err)
    assert refused > A_BLOCK * times * 0.6  # most faults are found; the rest are other configs, as good as the first


@pytest.mark.parametrize("name", ACTED_ON)
def test_commands_have_one_too(name, small, mutations, knock, times, tmp_path):
    """A config that reads is carried out, or refused for a reason; a refused one leaves nothing behind."""
    text = (small.configs / name).read_text()
    answers = []
    for seed in range(400 * times):
        rng = random.Random(seed)
        bent = small.configs / f"bent_{name}"
        bent.write_bytes(mutations.spoilt_config(rng, text) if seed % 20 == 0 else mutations.bent_config(rng, text))
        if seed % 20 and validate_files([bent]):
            continue
        options = {"out": str(tmp_path / f"out{seed}")} if name == "run.yaml" else {"as_of": "2023-10-20"}
        answer = knock(ACTED_ON[name], bent, data=str(small.store), **options)
        assert answer.civil(), (seed, answer)
        answers.append(answer.code)
        left = [path.name for path in tmp_path.iterdir()]
        assert left == ([f"out{seed}"] if name == "run.yaml" and answer.code == 0 else []), (seed, left)
        for path in tmp_path.iterdir():
            shutil.rmtree(path)
        if len(answers) == CARRIED_OUT[name] * times:
            break
    assert answers.count(0) > 3


def test_depth_is_refused_before_it_costs_anything(knock, tmp_path):
    """Parsers are quadratic in depth: read to its end, this file would take a day."""
    for opening in ("{", "[", "- ", "? ", "a: {"):
        (tmp_path / "deep.yaml").write_text(opening * (900_000 // len(opening)))
        answer = knock(validate, [tmp_path / "deep.yaml"])
        assert answer.code == 2
        assert answer.civil()


def test_the_json_keeps_what_the_terminal_cuts(knock, tmp_path):
    word = "x" * 5000
    (tmp_path / "long.yaml").write_text(f"kind: {word}\n")
    told = json.loads(knock(validate, [tmp_path / "long.yaml"], json_to="-").out)
    assert word in told["errors"][0]["message"]
    answer = knock(validate, [tmp_path / "long.yaml"])
    assert answer.civil()
    assert "expected one of screen" in answer.err
