# qushi: everything a person or CI types.  Assumes python3 >= 3.11 and make, nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
SOURCES := pyproject.toml constraints.txt

.PHONY: help demo test lint types layers unit nightly browser format bench dist clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/installed ## Install, run the embedded sample offline, say where the report lies
	$(BIN)/qushi demo

test: lint types layers unit ## Install, then run everything CI runs

lint: .venv/tested ## Style and format (ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/tested ## Types (mypy, strict)
	@mkdir -p .typed && ln -sfn .. .typed/qushi
	@MYPYPATH=.typed $(BIN)/mypy -p qushi | tee .typed/report
	@# Through a broken link mypy would read one file, or none, and call it a success.
	@grep -Eq 'no issues found in [0-9]{2,} source files' .typed/report

layers: .venv/tested ## Which folder may import which (import-linter)
	$(BIN)/lint-imports

unit: .venv/tested browser ## Tests with coverage, doctests, README commands
	OMP_NUM_THREADS=1 MPLBACKEND=Agg $(BIN)/pytest -n 2 --dist worksteal --cov --cov-report=term:skip-covered

nightly: .venv/tested ## The tests on random markets with 50,000 of them (QUSHI_MARKETS=...)
	QUSHI_MARKETS=$${QUSHI_MARKETS:-50000} OMP_NUM_THREADS=1 \
		$(BIN)/pytest -n auto --dist worksteal tests/backtests/test_random_markets.py

browser: ## Make sure the browser tests have a Chromium or Chrome (installs it as root on Debian)
	@tools/ensure_chromium.sh

format: .venv/tested ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/tested ## Measure speed, as ratios within one run
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python "$$file"; done

dist: .venv/tested ## Build the wheel and the sdist
	$(BIN)/python -m build

clean: ## Remove the environment and what was built
	rm -rf .venv .typed build dist *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache

.venv/created:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "qushi needs Python 3.11 or newer; this is " + sys.version.split()[0] + ": make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	@touch $@

# torch first and pinned: left to itself, pip may fetch gigabytes of GPU libraries.
.venv/installed: .venv/created $(SOURCES)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/tested: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@
