# Python 3.11 or newer is all that is needed. The rest comes into .venv: from the locks, checked by their hashes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
# Hundreds of processes start in a run of the tests; none should compile the program again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run check quick test test-all drill hosts lint style format bench tour lock clean

run: $(VENV)/.installed
	@$(BIN)/python -m backend up

# -- the tests, by how long they take (README.md)

# Side by side: on a fresh clone the types alone take half a minute of one core.
check: $(VENV)/.installed-dev
	@$(MAKE) --no-print-directory --jobs=2 style quick

quick: $(VENV)/.installed-dev
	$(PYTEST) tests/test_house.py tests/test_requirements.py tests/unit tests/pages

test: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.programs
	$(PYTEST)

test-all: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.programs
	$(PYTEST) --matrix

drill: $(VENV)/.installed-dev
	$(PYTEST) tests/e2e -m drill -n 2 --matrix --timed -v

hosts: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.programs
	$(PYTEST) tests/hosts -n 0 --timed -v -s

# -- what reads the code without running it

lint: style
	@sh tests/audit.sh

style: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks

# The pictures of docs/pictures and the README's story, of the real dashboard.
tour: $(VENV)/.installed-dev
	$(BIN)/python -m tests.tour

# -- what is installed

# $(call install,LOCK,OPTIONS OF UV): by uv, which takes a quarter of pip's time; by pip where uv can't do it.
PIP = $(BIN)/python -m ensurepip >/dev/null && $(BIN)/python -m pip --disable-pip-version-check
install = { test -x $(BIN)/uv && $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes $(2) -r $(1); } \
	|| { $(PIP) install --quiet --require-hashes -r $(1); }

# uv is got by the pip that $(PYTHON) has, because to unpack one in .venv takes five seconds; else by that one.
UV = install --quiet --only-binary :all: --require-hashes -r $(VENV)/uv.lock
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Dailies needs Python 3.11 or newer")'
	@$(PYTHON) -c 'import pip' 2>/dev/null || $(PYTHON) -c 'import ensurepip' 2>/dev/null \
		|| { echo 'Dailies needs Python with its venv (on Debian and Ubuntu: apt-get install python3-venv)'; exit 1; }
	$(PYTHON) -m venv --without-pip $(VENV)
	@awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements-dev.lock >$(VENV)/uv.lock
	@$(PYTHON) -m pip --python $(BIN)/python $(UV) 2>/dev/null || { $(PIP) $(UV); } || echo 'No uv here: pip does it'
	@touch $@

$(VENV)/.installed: $(VENV)/.made requirements.lock
	@echo 'Installing requirements.lock …'
	@$(call install,requirements.lock)
	@touch $@

# Compiled at once: the tests start hundreds of processes.
$(VENV)/.installed-dev: $(VENV)/.made requirements-dev.lock
	@echo 'Installing requirements-dev.lock …'
	@$(call install,requirements-dev.lock,--compile-bytecode)
	@touch $@ $(VENV)/.installed

# After a change of requirements*.txt. What stands in a lock stays at its version; without the locks all is the newest.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --annotation-style line --custom-compile-command 'make lock'
lock: $(VENV)/.made
	$(COMPILE) requirements.txt --output-file requirements.lock
	$(COMPILE) requirements-dev.txt --constraints requirements.lock --output-file requirements-dev.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
