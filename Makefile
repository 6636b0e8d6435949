# Trunkline. `make` alone lists what there is.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# What the demo needs: the server and Twilio's own client.
$(VENV)/.demo: requirements/demo.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements/demo.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# What development needs: the same, and the tools that check it.
$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.demo

.PHONY: demo
demo: $(VENV)/.demo ## Real calls and SDK posts in, signed events out; ONCE=1 stops by itself
	@$(BIN)/trunkline demo $(if $(ONCE),--once)

.PHONY: test
test: lint ## Lint, types, import contracts, tests: all that CI runs
	$(BIN)/python -m pytest

.PHONY: lint
lint: $(VENV)/.dev ## Formatting, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(VENV)/.dev ## Format the code and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: $(VENV)/.dev ## Benchmarks, as ratios to a limit measured in the same run
	@$(BIN)/python -m bench

.PHONY: lock
lock: ## Pin the dependencies anew, by hash (needs uv)
	for set in demo dev; do \
	  uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --upgrade \
	    --python-version 3.11 --extra demo pyproject.toml \
	    --group pyproject.toml:$${set/demo/build} --output-file requirements/$$set.txt; \
	done

.PHONY: clean
clean: ## Remove what make made
	rm -rf $(VENV) .bench dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
