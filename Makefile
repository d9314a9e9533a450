# Each target does its own set-up into .venv; nothing outside this folder is touched.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check e2e bench docs clean

demo: .venv/.run
	$(BIN)/spark-lsp demo

test: .venv/.dev
	$(BIN)/pytest

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

e2e: .venv/.dev tests/e2e/node_modules
	$(BIN)/pytest tests/e2e --timeout 300

bench: .venv/.dev benchmarks/node_modules
	$(BIN)/python -m benchmarks

# docs/settings.md is written from the settings' own definitions; a test holds them together.
docs: .venv/.run
	$(BIN)/spark-lsp config --markdown > docs/settings.md

.venv/.python:
	$(PYTHON) -c 'import sys; sys.exit("spark-lsp needs Python 3.11 or later" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.run: pyproject.toml | .venv/.python
	$(BIN)/pip install --quiet --editable .
	@touch $@

.venv/.dev: pyproject.toml | .venv/.python
	$(BIN)/pip install --quiet --editable '.[ws,dev]'
	@touch $@ .venv/.run

%/node_modules: %/package.json
	cd $* && npm install --silent --no-audit --no-fund
	@touch $@

clean:
	rm -rf .venv out dist build **/node_modules
