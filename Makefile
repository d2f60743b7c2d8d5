# Two commands do everything: `make run` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
# Bytewax has wheels for Python 3.11 and 3.12 only.
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
  command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# EVENTS=file plays a file instead of the generated business; MAPPING says how its columns become events.
EVENTS ?=
MAPPING ?=
SYNTHETIC ?= 200000
DATA_DIR ?= .trueline
PLAY = $(if $(EVENTS),--events $(EVENTS) $(if $(MAPPING),--mapping $(MAPPING)),--synthetic $(SYNTHETIC))

.PHONY: help run demo test check lint types borders contract proto node bench format clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.server: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 with venv is needed (Debian: apt-get install python3-venv). Or name one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 2; }
	@test -x $(BIN)/python || { echo "making the virtual environment in $(VENV) with $(PYTHON)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing trueline[server,ml] (a minute or two the first time)"
	@$(PIP) install -e '.[server,ml]'
	@touch $@

$(VENV)/.dev: $(VENV)/.server
	@echo "installing what the tests and checks need"
	@$(PIP) install -e '.[server,ml,dev,bench]'
	@touch $@

run: $(VENV)/.server ## start the server, play events (EVENTS=file MAPPING=file, or generated ones), print the board, keep serving
	@$(BIN)/trueline up --data-dir $(DATA_DIR) $(PLAY)

demo: $(VENV)/.server ## the same in a temporary directory, then exit
	@$(BIN)/trueline demo

# A process for each processor: `auto` counts cores, of which a virtual machine may show half as many. In the order of
# their folders: by number of tests, as is usual, the long modules of a single test would come last.
test: $(VENV)/.dev node ## run all tests
	@$(BIN)/python -m pytest -q -n logical --dist loadfile --no-loadscope-reorder

check: lint types borders contract ## ruff, mypy --strict, import-linter, buf lint, drift of generated code

lint: $(VENV)/.dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.dev
	@$(BIN)/mypy

borders: $(VENV)/.dev
	@$(BIN)/lint-imports

contract: $(VENV)/.dev
	@$(BIN)/buf lint && $(BIN)/buf format --diff --exit-code
	@$(BIN)/python protos/generate.py --check

proto: $(VENV)/.dev ## write the generated code in clients/python/trueline/v1 anew
	@$(BIN)/buf format -w && $(BIN)/python protos/generate.py

node: clients/node/node_modules/.package-lock.json

# Without Node.js the tests of its client say that they are skipped; with CI set they fail instead.
clients/node/node_modules/.package-lock.json: clients/node/package.json clients/node/package-lock.json
	@if command -v npm >/dev/null 2>&1; then cd clients/node && npm ci --no-audit --no-fund --silent; else echo "npm is not installed: the tests of clients/node will be skipped"; fi

bench: $(VENV)/.dev ## measure, write benchmarks/results and the table in README.md
	@$(BIN)/python -m benchmarks all && $(BIN)/python -m benchmarks table --write README.md

format: $(VENV)/.dev ## format the code
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

clean: ## remove what the targets made, but not data
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache clients/node/node_modules
