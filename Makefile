# make up: a working grid on this machine. make help: the rest.
SHELL := /bin/sh
INVENTORY ?= inventories/local
PURGE ?= 0
BENCH ?= heal
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export LC_ALL := C.UTF-8

# Tasks that need root ask for sudo's password once, where one is needed.
BECOME := $(shell [ "$$(id -u)" = 0 ] || sudo -n true 2>/dev/null || echo --ask-become-pass)
PLAYBOOK := .venv/bin/ansible-playbook -i $(INVENTORY) $(BECOME)

.DEFAULT_GOAL := help
.PHONY: help bootstrap bootstrap-dev up down test bench lint format clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

bootstrap:
	@scripts/bootstrap

bootstrap-dev:
	@scripts/bootstrap dev

up: bootstrap ## set up the grid of INVENTORY (this machine), deploy examples/hello-python, show its answer
	$(PLAYBOOK) playbooks/site.yml
	$(PLAYBOOK) playbooks/deploy.yml -e app=hello -e source=examples/hello-python
	@scripts/show-app hello

down: bootstrap ## stop all of it; PURGE=1 removes its data and secrets as well
	$(PLAYBOOK) playbooks/down.yml -e purge=$(PURGE)

test: bootstrap-dev ## run the tests, or some of them: ARGS=tests/unit
	@$(if $(ARGS),.venv/bin/pytest $(ARGS),scripts/test)

bench: bootstrap-dev ## measure Grille beside its peers, on a grid that is up: BENCH=heal
	PYTHONPATH=src .venv/bin/python -m tests.bench.$(BENCH) $(ARGS)

lint: bootstrap-dev ## all that CI checks besides tests
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy --strict
	PYTHONPATH=src .venv/bin/lint-imports
	PATH="$(CURDIR)/.venv/bin:$$PATH" .venv/bin/ansible-lint

format: bootstrap-dev ## let ruff put the Python files in order
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

clean: ## remove the environment and caches (not the grid: make down)
	rm -rf .venv .ansible .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
