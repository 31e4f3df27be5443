# Two commands matter: `make backtest` (the main job on the shipped sample) and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export NUMBA_CACHE_DIR ?= $(CURDIR)/.numba_cache
export PYTHONDONTWRITEBYTECODE =

.PHONY: backtest test lint clean

backtest: $(VENV)/.installed
	$(BIN)/hedgebasket backtest configs/runs/low_quality_vs_mega_cap.yaml --out runs/low_quality_vs_mega_cap

test: $(VENV)/.installed-dev lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# uv resolves and installs in seconds where it can be had; pip does the same, only slower.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e . || $(BIN)/python -m pip install --quiet -e .
	touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.installed
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e . --group dev || \
	  { $(BIN)/python -m pip install --quiet --upgrade pip && $(BIN)/python -m pip install --quiet -e . --group dev; }
	touch $@

clean:
	rm -rf $(VENV) runs .numba_cache .pytest_cache .mypy_cache .ruff_cache
