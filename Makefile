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

.PHONY: test-sinks
test-sinks: $(VENV)/.dev ## Sinks against kinesalite, Segment's clients and a faulty network (needs npm)
	cd tiers/sinks && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	$(BIN)/python -m pytest tiers/sinks

.PHONY: test-clients
test-clients: $(VENV)/.dev ## Twilio's own clients, unmodified (needs npm and openssl)
	@for tool in node npm openssl; do \
	  command -v $$tool >/dev/null || { echo "make test-clients needs $$tool, which is not here." >&2; exit 1; }; \
	done
	@$(MAKE) --no-print-directory tiers/clients/.venv/.ready
	cd tiers/clients && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	$(BIN)/python -m pytest tiers/clients

# An environment of its own: what it installs must not become a plugin of our tests.
tiers/clients/.venv/.ready: requirements/clients.txt
	$(PYTHON) -m venv tiers/clients/.venv
	tiers/clients/.venv/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r $<
	@touch $@

.PHONY: test-browser
test-browser: $(VENV)/.browser ## The real Voice SDK in a real browser (needs chromium or root, and npm)
	@tiers/browser/install
	$(BIN)/python -m pytest tiers/browser

# What the browser tier needs: the same, and what drives the browser.
$(VENV)/.browser: requirements/browser.txt | $(VENV)/.dev
	$(PIP) install --require-hashes -r requirements/browser.txt
	@touch $@

.PHONY: test-asterisk
test-asterisk: $(VENV)/.dev ## Calls through a real Asterisk, with sipp around it (needs root and apt)
	root="$$(tiers/asterisk/install)" && TRUNKLINE_TEST_ASTERISK="$$root" $(BIN)/python -m pytest tiers/asterisk

.PHONY: test-simulation
test-simulation: $(VENV)/.dev ## Days of trouble in seconds, by seed (SEED=n, LONG=n, HOURS=n)
	$(BIN)/python -m tiers.simulation $(if $(SEED),--seed $(SEED)) $(if $(LONG),--seconds $(LONG)) $(if $(HOURS),--hours $(HOURS))

.PHONY: test-crash
test-crash: $(VENV)/.dev ## Stop at every write, kill, fill, break (SEED=n, LONG=n, WHOLE=1)
	$(BIN)/python -m tiers.crash $(if $(SEED),--seed $(SEED)) $(if $(LONG),--seconds $(LONG)) $(if $(WHOLE),--whole)
	$(BIN)/python -m pytest tiers/crash

.PHONY: test-mutants
test-mutants: $(VENV)/.dev ## Break promises on purpose and see that a suite notices
	$(BIN)/python -m tiers.mutants

.PHONY: test-fuzz
test-fuzz: $(VENV)/.fuzz ## Broken input for every parser (SEED=n, LONG=n, ONLY=name, REPLAY=file)
	$(BIN)/python -m tiers.fuzz $(if $(SEED),--seed $(SEED)) $(if $(LONG),--seconds $(LONG)) $(if $(ONLY),--only "$(ONLY)") $(if $(REPLAY),--replay "$(REPLAY)")
	$(if $(ONLY)$(REPLAY),,$(BIN)/python -m pytest tiers/fuzz)

# What the fuzz tier needs: the same, and atheris on machines that it has wheels for.
$(VENV)/.fuzz: requirements/fuzz.txt | $(VENV)/.dev
	$(PIP) install --require-hashes --only-binary atheris -r requirements/fuzz.txt
	@touch $@

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
bench: $(VENV)/.dev ## Benchmarks, as ratios to limits of the same run (ONLY="accept deliver", FULL=1)
	@$(BIN)/python -m bench $(BENCH)

.PHONY: bench-nginx
bench-nginx: $(VENV)/.dev ## The same with nginx, which is fetched where there is none (needs apt)
	@nginx="$$(bench/install-nginx)" && PATH="$$nginx:$$PATH" $(BIN)/python -m bench $(BENCH)

.PHONY: bench-document
bench-document: $(VENV)/.dev ## Write the figures of the last whole run into docs/performance.md
	@$(BIN)/python -m bench.document

BENCH = $(if $(ONLY),--only $(ONLY)) $(if $(FULL),--full)

.PHONY: lock
lock: ## Pin the dependencies anew, by hash (needs uv)
	for set in demo dev browser fuzz; do \
	  uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --upgrade \
	    --python-version 3.11 --extra demo pyproject.toml \
	    --group pyproject.toml:$${set/demo/build} --output-file requirements/$$set.txt; \
	done
	uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --upgrade \
	  --python-version 3.11 --group pyproject.toml:clients --output-file requirements/clients.txt

.PHONY: clean
clean: ## Remove what make made
	rm -rf $(VENV) tiers/*/.venv tiers/*/node_modules .bench dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
