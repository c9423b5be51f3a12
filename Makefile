# Two commands for users: `make demo` and `make test`. Both set up .venv first if needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.installed
TORCH := $(shell sed -n 's/^\(torch==[^ ]*\).*/\1/p' constraints.txt) # first and by its version alone: your index decides for CUDA or CPUs
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile

.PHONY: setup demo test clients small-clients check lint licences docs bench clean

setup: $(DONE)

$(DONE): pyproject.toml constraints.txt constraints-cuda.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else 0'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (a few minutes the first time)"
	@$(PIP) $(TORCH)
	@$(PIP) --require-hashes --requirement constraints.txt
	@! $(BIN)/python -c 'import sys, importlib.metadata as data; sys.exit("nvidia" not in str(data.requires("torch")))' || \
	  $(PIP) --require-hashes --requirement constraints-cuda.txt
	@$(PIP) --no-build-isolation --editable .
	@$(BIN)/python -m compileall -qq -j 0 -x 'site-packages/.*/tests?/' $(VENV)/lib || true # on all cores, as pip does not; some packages have files for other Pythons
	@touch $(DONE)

demo: setup
	@$(BIN)/ft-cli demo

test: export PYTHONDONTWRITEBYTECODE = # the many processes of the tests compile a module once
test: setup
	@$(BIN)/python -m pytest -n 3 --dist loadgroup --no-loadscope-reorder

# Clients of other projects that tests/clients points at the server, in an environment for each version of OpenAI's package, one each for Anthropic's and Google's, and one for Node.
SMALL_CLIENTS := anthropic google openai_1 node
CLIENTS ?= $(SMALL_CLIENTS) openai_2 openai_3
clients: setup
	@for name in $(filter-out node,$(CLIENTS)); do \
	  echo "installing .clients/$$name"; \
	  $(BIN)/uv venv --quiet --allow-existing .clients/$$name && \
	  $(BIN)/uv pip install --quiet --python .clients/$$name/bin/python --requirement tests/clients/requirements/$$name.txt || exit 1; done
	@$(if $(filter node,$(CLIENTS)),mkdir -p .clients/node && cp tests/clients/requirements/package.json .clients/node/ && \
	  { ! command -v npm >/dev/null || npm install --silent --no-audit --no-fund --prefix .clients/node; })

small-clients: CLIENTS := $(SMALL_CLIENTS) # they take seconds to install, and a minute or two to run
small-clients: clients

check: lint
	@$(BIN)/python -m pytest -q -n 2 -m "not slow and not real_weights"

lint: setup
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@PYTHONPATH=src $(BIN)/lint-imports --no-cache

licences: setup
	@$(BIN)/python -m scripts.licences --check

docs: setup
	@$(BIN)/zensical build --strict

bench: setup
	@for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

clean:
	rm -rf $(VENV) .clients site .pytest_cache .mypy_cache .ruff_cache .hypothesis
