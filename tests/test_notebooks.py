"""The notebooks run from the top without an error, hold no logic, and are committed clean, with their outputs.

1. Each is executed as a reader would, in its own directory, on the sample; any error or warning on stderr fails.
2. Cells call the library: no function, class, loop, condition or lambda of their own; a comprehension at most.
3. What is committed has outputs, and neither paths of a machine nor execution times.

After a change that moves numbers, `UPDATE_NOTEBOOKS=1 pytest tests/test_notebooks.py` writes the outputs anew.
"""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="notebooks are executed where nbformat is installed")
nbclient = pytest.importorskip("nbclient", reason="notebooks are executed where nbclient is installed")

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
NAMES = (
    "01_build_a_screen",
    "02_compare_hedge_ratios",
    "03_what_the_hedge_costs",
    "04_when_it_hurts",
    "05_sweeps_and_overfitting",
    "06_bring_your_own_data",
)
TIMEOUT_SECONDS = 240  # of one cell on a busy machine; the six take well under three minutes on two idle cores
LARGEST_BYTES = 1_500_000  # of all notebooks together
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LOGIC = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.IfExp, ast.Try, ast.Lambda)
MACHINE = re.compile(r"(?<![\w.<])/(?:home|root|Users|tmp|var|work|opt|private)/|[A-Z]:\\\\|site-packages")


def read(name: str):
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def texts(notebook) -> str:
    """Everything an output says in words."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    said = [output.get("text", "") for output in outputs]
    return "\n".join(said + [str(v) for o in outputs for kind, v in o.get("data", {}).items() if "image" not in kind])


def cleaned(notebook):
    """The notebook with nothing of the machine or the moment in it."""
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL})
    for place, cell in enumerate(notebook.cells):
        cell.metadata, cell.id = nbformat.from_dict({}), f"cell-{place:02d}"
    return notebook


def test_the_six_are_there_and_small():
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == sorted(NAMES)
    assert sum(path.stat().st_size for path in NOTEBOOKS.glob("*.ipynb")) < LARGEST_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_committed_clean_with_outputs(name):
    notebook = read(name)
    nbformat.validate(notebook)
    assert dict(notebook.metadata) == {"kernelspec": KERNEL}
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert any("image/png" in output.get("data", {}) for cell in code for output in cell.outputs), "a picture"
    assert not any(output.output_type == "error" for cell in code for output in cell.outputs)
    assert not any(output.get("name") == "stderr" for cell in code for output in cell.outputs)
    assert not any(cell.metadata for cell in notebook.cells)
    assert not (found := MACHINE.search(texts(notebook))), found


@pytest.mark.parametrize("name", NAMES)
def test_no_logic_inside(name):
    for cell in read(name).cells:
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                assert not isinstance(node, LOGIC), f"line {node.lineno} of: {cell.source}"


@pytest.mark.notebook
@pytest.mark.parametrize("name", NAMES)
def test_runs_from_the_top(name):
    notebook = read(name)
    client = nbclient.NotebookClient(
        notebook,
        timeout=TIMEOUT_SECONDS,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
    )
    client.execute()
    assert not [o.text for c in notebook.cells for o in c.get("outputs", ()) if o.get("name") == "stderr"]
    if os.environ.get("UPDATE_NOTEBOOKS"):
        nbformat.write(cleaned(notebook), NOTEBOOKS / f"{name}.ipynb")
