# Everything runs in a virtual environment of its own, .venv; Python 3.11 or later and make are all
# it needs. `make help` lists the commands.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Which tests: `make test SELECT=` runs the slow ones too, `make test SELECT=slow` only those.
SELECT ?= not slow
# Two tests at a time, each on one BLAS thread.
test: export OMP_NUM_THREADS := 1
test: export OPENBLAS_NUM_THREADS := 1

EXTRAS_demo := plink,report,progress
EXTRAS_test := test
EXTRAS_dev := dev

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint docs bench gpu clean

help:  ## List the commands
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.installed-demo  ## Compare models on the bundled human data (under 2 minutes)
	$(BIN)/skgenetics compare --report

test: $(VENV)/.installed-test  ## Run the tests (under 10 minutes on two cores)
	$(BIN)/pytest -n 2 --dist worksteal -m "$(SELECT)"

lint: $(VENV)/.installed-dev  ## Check style, types and spelling
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/codespell

docs: $(VENV)/.installed-dev  ## Build the documentation into doc/_build/html
	$(BIN)/sphinx-build -W --keep-going -b html doc doc/_build/html

bench: $(VENV)/.installed-dev  ## Run the benchmarks once
	cd benchmarks && $(abspath $(BIN))/asv machine --yes
	cd benchmarks && OMP_NUM_THREADS=1 $(abspath $(BIN))/asv run --python=same --quick --show-stderr

gpu:  ## Test and measure on a GPU, with an interpreter that has CuPy: make gpu PYTHON=python3
	SCIPY_ARRAY_API=1 PYTHONPATH=.:$$PYTHONPATH $(PYTHON) benchmarks/gpu.py

clean:  ## Remove what the other commands made, except the virtual environment
	rm -rf doc/_build doc/generated doc/auto_examples doc/sg_execution_times.rst
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis benchmarks/.asv skgenetics_compare gpu_tests_*.log

# Installing again is needed only where pyproject.toml changed.
$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[$(EXTRAS_$*)]'
	touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	"skgenetics needs Python 3.11 or later; this is " + sys.version.split()[0] + \
	". Name another: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
