# The commands of this repository. `make` alone lists them. ENGINE=echo answers without a language model.
ENGINE ?= llama
PYTHON := .venv/bin/python
CLOUD := $(PYTHON) -m tests.emulator.cloud
UV := tests/emulator/setup.sh uv
EXPORT := $(UV) export --quiet --no-dev --no-default-groups --no-emit-project --no-hashes --no-annotate --no-header
PINS := tests/emulator/requirements

.DEFAULT_GOAL := help
.PHONY: help setup build up down demo test soak check bench lock clean

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /make \1 - /p' $(MAKEFILE_LIST) | awk -F ' - ' '{ printf "%-12s %s\n", $$1, $$2 }'

setup: ## install everything into .venv and .local (the other commands do it by themselves)
	@tests/emulator/setup.sh

build: setup ## build for AWS: `sam build`, and the bytecode that spares cold starts a second
	@PATH="$(CURDIR)/.local/sam/bin:$$PATH" sam build
	@$(PYTHON) -m tests.emulator.bytecode .aws-sam/build

up: setup ## start the cloud on this laptop and deploy to it
	@$(CLOUD) up --engine $(ENGINE)

down: ## end the laptop cloud
	@test ! -x $(PYTHON) || $(CLOUD) down

demo: up ## run a sample job on the laptop cloud and show its results
	@. .local/env && $(PYTHON) -m tests.emulator.demo

test: setup ## run all tests, on four processes
	@$(PYTHON) -m pytest -n 4 --dist loadscope --no-loadscope-reorder

soak: setup ## search for hours, by killing workers among others, what the tests search for seconds
	@SOAK=1 $(PYTHON) -m pytest -s --timeout=7200 tests/chaos

check: setup ## look at the code without running it: format, lint, layers, types, template
	@.venv/bin/ruff format --check
	@.venv/bin/ruff check
	@.venv/bin/lint-imports
	@.venv/bin/mypy
	@.venv/bin/cfn-lint template.yaml

bench: setup ## measure speed and memory against their targets (make bench ONLY=close for one)
	@$(PYTHON) -m tests.bench $(ONLY)

lock: ## choose the newest versions that fit, of everything
	@$(UV) lock --upgrade
	@$(EXPORT) -o layers/core/requirements.txt
	@$(EXPORT) --extra parquet | grep -vxFf layers/core/requirements.txt >layers/parquet/requirements.txt
	@for tool in sam ministack; do $(UV) pip compile --quiet --upgrade --universal --python-version 3.13 \
		--no-annotate --no-header $(PINS)/$$tool.in -o $(PINS)/$$tool.txt || exit; done
	@$(UV) pip compile --quiet --upgrade --universal --python-version 3.13 --no-annotate --no-header \
		tests/bench/peers.in -o tests/bench/peers.txt

clean: down ## remove what the commands made, the environments too
	@rm -rf .venv .local .aws-sam out dist .coverage .hypothesis .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache
