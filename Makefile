# Each target sets up .venv by itself. It needs python3 (3.11 or later) and make, and never root.
#   make demo    the narrated run           make test    the tests
#   make check   format, lint, types, import contracts, the packaged kernel, then the tests
#   make fast    a choice of the tests that touches every package, under a minute on two cores
#   make format  puts the layout of the code and the order of imports right
#   make pictures  the pictures in docs/pictures
#   make bench   the time budgets           make stress  long random runs
#   make test-without-keystone              the tests on a machine that has no assembler

SHELL := /bin/sh
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
PARALLEL := -n auto --dist loadfile
export PYTHON
unexport PYTHONDONTWRITEBYTECODE  # tests start many processes: the first one compiles

.PHONY: demo test fast test-without-keystone format lint check pictures bench stress clean

demo: .venv/.demo
	$(BIN)/simkernel demo

test: .venv/.dev
	$(PYTEST) $(PARALLEL) -q

fast: .venv/.dev
	$(PYTEST) $(PARALLEL) -q $$($(BIN)/python -m tests.fast)

test-without-keystone: .venv/.dev
	PYTHONPATH=tests/no_keystone $(PYTEST) $(PARALLEL) -q -m 'not keystone and not stress and not bench'

format: .venv/.dev
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

lint: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m simkernel.kernel --check

check: lint test

pictures: .venv/.dev
	$(BIN)/python -m tui.app.pictures

bench: .venv/.dev
	$(PYTEST) -m bench -q -s

stress: .venv/.dev
	$(PYTEST) $(PARALLEL) -m stress -q

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .benchmarks

.venv/.demo .venv/.dev: pyproject.toml constraints.txt .ci/venv
	@.ci/venv $(subst .,,$(@F))
