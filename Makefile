# Every target does its own set-up. `make demo` and `make test` work on a bare Debian 12 or Ubuntu.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := foundation models datasets workloads pipeline reports
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: venv demo test coverage lint test-slurm chromium schema docs

venv: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "heatmark needs Python 3.10 or newer; give another one with: make PYTHON=/path/to/python3 venv"; exit 1; }
	@if ! $(PYTHON) -c 'import ensurepip' 2>/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -yqq python3-venv; \
	  else echo "heatmark needs venv; run: sudo apt-get install python3-venv"; exit 1; fi; fi
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) -e '.[test,docs]'
	@touch $@

demo: venv
	$(BIN)/heatmark sweep run sweeps/demo.yaml

# What editors check sweep and site files by; to be written again after a method, a format or a key is added.
schema: venv
	$(BIN)/heatmark sweep schema --out sweeps/sweep.schema.json
	$(BIN)/heatmark site schema --out slurm/site.schema.json

# The manual, into build/manual; a link that leads nowhere is an error.
docs: venv
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "wrote build/manual/index.html"

# For the tests that open the report and MLflow's pages; without it they are skipped, and say how to install it.
chromium:
	@if ! command -v chromium >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -yqq --no-install-recommends chromium || true; fi

test: venv chromium
	$(BIN)/python -m pytest -m "not slurm" -n 2 --dist worksteal

# The tests without SLURM, and how much of the code they run: no less than pyproject.toml's fail_under.
coverage: venv chromium
	$(BIN)/python -m pytest -m "not slurm" -n 2 --dist worksteal --cov --cov-report=term:skip-covered

# On a real SLURM on this machine, which is started, and taken down whatever the tests say.
test-slurm: venv
	@eval "$$(slurm/testbed/up | tail -1)" && $(BIN)/python -m pytest tests/slurm -m slurm; \
	  code=$$?; slurm/testbed/down; exit $$code

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=.typing:. $(BIN)/mypy --namespace-packages --explicit-package-bases $(PACKAGES:%=-p heatmark.%) -p tests
	cd slurm/testbed && $(abspath $(BIN))/mypy --strict --scripts-are-modules *.py up down status daemon
