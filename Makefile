# Two commands matter: `make backtest` (the main job on the shipped sample) and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export NUMBA_CACHE_DIR ?= $(CURDIR)/.numba_cache
export PYTHONDONTWRITEBYTECODE =

.PHONY: backtest test lint lowest picture schemas docs clean

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

# The tests with the oldest versions that pyproject.toml allows: a lower bound that nobody has run is a guess.
lowest: $(VENV)/.installed-dev
	$(PYTHON) -m venv .venv-lowest
	$(BIN)/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct -e . --group dev
	.venv-lowest/bin/python -m pytest -n 2 --dist worksteal

# The picture in the README: the first page of the flagship's report, in a real browser.
CHROMIUM ?= chromium
picture: backtest
	profile=$$(mktemp -d); $(CHROMIUM) --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
	  --disable-component-update --disable-sync --hide-scrollbars --force-device-scale-factor=1 --user-data-dir=$$profile \
	  --window-size=1280,1500 --virtual-time-budget=8000 --screenshot=$(CURDIR)/docs/report.png \
	  file://$(CURDIR)/runs/low_quality_vs_mega_cap/report.html; rm -rf $$profile

# The JSON Schemas that editors use for configs/*.yaml.
schemas: $(VENV)/.installed
	$(BIN)/hedgebasket schema --out schemas

# The docstrings of every module as pages: docs/api/index.html.
docs: $(VENV)/.installed-dev
	$(BIN)/python docs/build.py

clean:
	rm -rf $(VENV) .venv-lowest runs docs/api .numba_cache .pytest_cache .mypy_cache .ruff_cache
