# make help lists the targets.
SHELL := /bin/bash
STATE := $(or $(NESIE_STATE),.state)
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CODE := activities api bench cli infra rules storage workflows worker.py

# As in ruff's list: asserts are for programmers' errors; programs are started from argument lists, never by a shell.
BANDIT_SKIP := B101,B404,B603,B607

.DEFAULT_GOAL := help
.PHONY: help setup demo test up lint check format lock

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: $(VENV)/.installed ## Everything a fresh machine needs: environment, system packages, server binaries, models
	@NESIE_STATE="$(STATE)" $(BIN)/python -m infra.setup

demo: setup ## Originate one loan on the real stack, from a phone number to money on the account
	@NESIE_STATE="$(STATE)" $(BIN)/nesie demo

test: $(VENV)/.installed ## All tests, against real servers; the same set-up and what only the tests need
	@NESIE_STATE="$(STATE)" $(BIN)/python -m infra.setup --tests
	@NESIE_STATE="$(STATE)" $(BIN)/python tests/run.py -q

up: setup ## Start the local stack and keep it running until Ctrl-C
	@NESIE_STATE="$(STATE)" $(BIN)/nesie up

check: lint test ## lint and test

lint: $(VENV)/.installed ## Style, types, direction of imports, security patterns
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit -q -c pyproject.toml --skip $(BANDIT_SKIP) -r $(wildcard $(CODE))

format: $(VENV)/.installed ## Bring the code into the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The environment is made once, and its packages installed again only when the lock file changes.
$(VENV)/bin/python:
	@echo "environment: making $(VENV)"
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -q && apt-get install -y --no-install-recommends python3.11 python3.11-venv; \
	  else echo "run this, then make again:"; echo "  sudo apt-get install python3.11 python3.11-venv"; exit 1; fi; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.packages: requirements.lock infra/setup/builder.lock | $(VENV)/bin/python
	@echo "environment: installing the locked packages (two to four minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  -r requirements.lock -r infra/setup/builder.lock
	@touch $@

$(VENV)/.installed: $(VENV)/.packages pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

lock: ## Pin every package with its checksums (needs pip-tools)
	$(BIN)/pip-compile --extra dev --generate-hashes --no-header --no-annotate --strip-extras --no-emit-index-url \
	  --no-emit-find-links --allow-unsafe -o requirements.lock pyproject.toml
