# Every target makes .venv on first use, with the exact versions of requirements.lock.
# PYTHON=/path/to/python make ... chooses another interpreter (3.10 to 3.13).

SUPPORTED := import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3.12 python3.11 python3.10 python3 python3.13; do \
	if $$p -c '$(SUPPORTED)' >/dev/null 2>&1; then echo $$p; break; fi; done)

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help demo demo-gansynth notebook test test-slow fuzz bench lint lock page wheel clean
.DEFAULT_GOAL := help

help:
	@echo 'make demo           train small models of all three on drum hits and notes, then write pages to listen to (minutes)'
	@echo 'make demo-gansynth  the same for GANSynth alone'
	@echo 'make notebook       install JupyterLab into .venv and open the notebooks: listening, training and scoring in Python'
	@echo 'make test           the quick tests'
	@echo 'make test-slow      the slow tests: training, crashes, several processes'
	@echo 'make fuzz           try every reader of files with damaged ones for 2 minutes; MINUTES=20 makes it longer, and'
	@echo '                    ARGS="midi audio" chooses readers'
	@echo 'make bench          measure input, features, training and generation against plain forms of the same (about 10 minutes on 2 cores);'
	@echo '                    ARGS="--json FILE" writes a file as well, ARGS="--compare FILE FILE" compares two'
	@echo 'make lint           ruff and mypy'
	@echo 'make wheel          build dist/*.whl'
	@echo 'make page           rebuild the script of the instruments'"'"' page from wavegan_tf/core/edge/web/src'
	@echo 'make lock           renew requirements.lock from setup.py and requirements.in'
	@echo 'make clean          remove .venv, caches and demo_output'

# A .venv without the stamp is what an interrupted run left behind: start over. With it, only what changed is installed.
$(INSTALLED): requirements.lock setup.py
	@if [ -z "$(PYTHON)" ]; then \
	  echo 'No Python 3.10 to 3.13 with the venv module was found: install one, or name it with make PYTHON=/path/to/python' >&2; \
	  exit 1; fi
	@$(PYTHON) -c '$(SUPPORTED)' 2>/dev/null || { \
	  echo '$(PYTHON) is not a Python 3.10 to 3.13 with the venv module: name another with make PYTHON=/path/to/python' >&2; exit 1; }
	@if [ ! -f $@ ] || ! $(BIN)/python -c '' 2>/dev/null; then \
	  echo 'Making $(VENV) with $(PYTHON) (once; TensorFlow is a large download)'; \
	  rm -f $@ && $(PYTHON) -m venv --clear $(VENV); fi
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --requirement requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(INSTALLED)
	$(BIN)/python -m wavegan_tf.demo
	$(BIN)/python -m gansynth_tf.demo

demo-gansynth: $(INSTALLED)
	$(BIN)/python -m gansynth_tf.demo

# Chromium for the tests of the listening page: the machine's own, or one that goes into .venv. Without any, only these fail.
test: $(INSTALLED)
	@$(BIN)/python -m tests.browser || true
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow' tests

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow tests

MINUTES ?= 2
fuzz: $(INSTALLED)
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(ARGS)

bench: $(INSTALLED)
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m tests.benchmarks $(ARGS)

lint: $(INSTALLED)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

wheel: $(INSTALLED)
	$(BIN)/python -m pip wheel --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

# JupyterLab is not in requirements.lock: nothing else here needs it.
notebook: $(INSTALLED)
	$(BIN)/python -m pip install --disable-pip-version-check jupyterlab
	$(BIN)/python -m jupyter lab notebooks

# With node and npm of a Python package, and the versions of package-lock.json.
page: $(INSTALLED)
	$(BIN)/python wavegan_tf/core/edge/web/build.py

lock:
	uv pip compile setup.py --constraints requirements.in --extra dev --extra io --extra notebook --extra eval --extra beam --universal \
	  --python-version 3.10 --no-python-downloads --no-emit-index-url --custom-compile-command 'make lock' --output-file requirements.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache demo_output
