# `make demo`, `make test`, `make lint` and `make docs` need nothing but Python >= 3.11: each makes its own environment first.
# PYTHON=python3.13 chooses another interpreter; VENV=folder another place.
PYTHON ?= python3
VENV ?= .venv
# Most tests wait for something most of the time. Those that measure time come after the others, one by one.
WORKERS ?= 4
BIN := $(VENV)/bin
# Tests start many processes. Each would compile the whole package anew if it could not keep what it compiled.
export PYTHONDONTWRITEBYTECODE =
READY := $(VENV)/.ready
DEMO_READY := $(VENV)/.ready-for-demo

.PHONY: demo test lint format docs bench mutants clean

demo: $(DEMO_READY)
	$(BIN)/clickasync demo

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not alone"
	$(BIN)/python -m pytest -m alone $$(grep -rl mark.alone tests)

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY)
	$(BIN)/python .ci/docs/build.py build/docs

bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	$(BIN)/python -m benchmarks

# Takes an hour or more, and goes on where it was stopped. MUTANTS='--again' or names, with * where anything may stand.
mutants: $(READY)
	nice -n 19 $(BIN)/python .ci/mutants/run.py $(MUTANTS)

# What the demo shows needs no development tools. They are a dependency group, which pip understands from 25.1 on.
$(DEMO_READY): WHAT := -e '.[cli,simulator]'
$(READY): WHAT := -e '.[all]' --group dev

$(DEMO_READY) $(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "clickasync needs Python 3.11 or later; choose one with: make PYTHON=python3.13 ..." >&2; exit 1; }
	@echo "Setting up $(VENV), once: pip install $(WHAT)"
	@$(PYTHON) -m venv $(VENV)
	@$(if $(findstring --group,$(WHAT)),$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1')
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off $(WHAT)
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist mutants
