# Each target makes the environment that it needs; beforehand there must be Python 3.11 or newer, make and git.
#
#   make test ARGS="-k decode"            ARGS goes to pytest, the demo or the benchmarks
#   make clean test PYTHON=python3.12     PYTHON chooses the interpreter

VENV := .venv
ARGS :=
python := $(VENV)/bin/python

# pyright runs on the node in the environment, so that it does the same whichever node the machine has.
export PYRIGHT_PYTHON_GLOBAL_NODE := 0

# An interpreter is chosen by running it: a pyenv shim can exist and still fail.
candidates = $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python)
define find_python
found=; \
for candidate in $(candidates); do \
	$$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && found=$$candidate && break; \
done; \
if test -z "$$found"; then \
	echo "eventkit needs Python 3.11 or newer, and none of these runs and is that: $(strip $(candidates))." \
		"Install one, or name it:  make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
	exit 1; \
fi
endef

.PHONY: help demo test check bench soak test-all clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 12

demo: $(VENV)/ready.all,examples  ## play the blog example on this machine
	@$(python) -m examples.blog.demo $(ARGS)

test: $(VENV)/ready.all,dev  ## run the tests
	@$(python) -m pytest -n auto --dist loadfile $(ARGS)

check: $(VENV)/ready.all,dev  ## lint, check formatting, types, layers and the wheel
	@echo '── ruff check' && $(python) -m ruff check
	@echo '── ruff format' && $(python) -m ruff format --check
	@echo '── mypy' && $(python) -m mypy
	@echo '── pyright' && $(python) -m pyright
	@echo '── import-linter' && $(VENV)/bin/lint-imports --no-logo
	@$(python) tools/check_wheel.py

bench: $(VENV)/ready.all,dev  ## measure beside the peers
	@$(python) -m benchmarks $(ARGS)

soak: $(VENV)/ready.all,dev  ## kill real pollers and count what is lost; FULL=1 for the whole numbers
	@FULL=$(FULL) $(python) -m benchmarks.soak $(ARGS)

test-all:  ## run the tests on every supported Python that is here
	@$(find_python); $$found tools/test_all.py $(MAKE)

clean:  ## remove what make has made
	@rm -rf .venv .venvs build dist out .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The suffix names the extras, so a demo does not wait for the type checkers.
$(VENV)/ready.%: pyproject.toml constraints.txt tools/environment.py
	@$(find_python); $$found tools/environment.py $(VENV) $*
	@touch $@
