SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

PORT ?= 8000
PY := .venv/bin/python
# a worker for each core, at least 2 and at most 4: each test worker keeps programs and a browser of its own busy
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$((n < 2 ? 2 : n > 4 ? 4 : n)))
ARGS ?=

.PHONY: run test lint bench seed migrate docs help clean

run: .venv/.ready-run  ## Start the whole suite on this machine (PORT=8000); Ctrl-C stops it
	@exec $(PY) -m deploy.local --port $(PORT)

test: .venv/.ready-dev  ## Run every test in parallel on real servers (ARGS="-k name"; COLONNADE_TEST_PG=16)
	@exec $(PY) -m pytest -n $(WORKERS) $(ARGS)

lint: .venv/.ready-dev  ## Check style, types, the house's rules and the migrations
	@deploy/local/lint.sh

bench: .venv/.ready-dev  ## Measure the accept path and delivery, and print a table
	@exec $(PY) -m tests.bench $(ARGS)

seed: .venv/.ready-run  ## Make the demonstration organisation, service and keys (DATABASE_URL, or the data in var/)
	@exec $(PY) -m deploy.local.database seed

migrate: .venv/.ready-run  ## Bring the database up to date (DATABASE_URL, or the data in var/)
	@exec $(PY) -m deploy.local.database migrate

docs: .venv/.ready-dev  ## Write the generated pages of docs/ again (configuration, errors, OpenAPI)
	@exec $(PY) -m deploy.docs

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

clean:  ## Remove what was built or cached (.venv too); data in var/ stays
	@rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

.venv/.ready-run: requirements.lock pyproject.toml deploy/local/setup.sh
	@deploy/local/setup.sh run

.venv/.ready-dev: requirements-dev.lock pyproject.toml deploy/local/setup.sh
	@deploy/local/setup.sh dev
