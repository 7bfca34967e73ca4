# `make demo`, `make test` and `make lint` need nothing but Python >= 3.11: each makes its own environment first.
# PYTHON=python3.13 chooses another interpreter; VENV=folder another place.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO_READY := $(VENV)/.ready-for-demo

.PHONY: demo test lint format bench clean

demo: $(DEMO_READY)
	$(BIN)/clickasync demo

test: $(READY)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	$(BIN)/python -m benchmarks

# What the demo shows needs no development tools.
$(DEMO_READY): EXTRAS := cli,simulator
$(READY): EXTRAS := dev

$(DEMO_READY) $(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "clickasync needs Python 3.11 or later; choose one with: make PYTHON=python3.13 ..." >&2; exit 1; }
	@echo "Setting up $(VENV), once: clickasync[$(EXTRAS)] and what it needs"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -e '.[$(EXTRAS)]'
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
