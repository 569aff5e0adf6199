PYTHON ?= python3
PORT ?= 8000
# One more than the cores that everybody has: some tests wait.
WORKERS ?= 3
# Not from the environment, where it may be anybody's: make BRANCH=... repository.
BRANCH := main
RUNS ?= 1000000
SEED ?= 1
NICE ?= 1

VENV := .venv
WEB := $(VENV)/web
JUPYTERLAB := $(VENV)/jupyterlab
PEERS := .venv-peers
KERNELS := .venv-kernels
BIN := $(VENV)/bin
# npm looks for node there.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Where Python has been upgraded, a link may lead nowhere: test -x sees that.
READY := $(shell test -x $(BIN)/python && echo yes)
INTERPRETER := $(if $(READY),$(BIN)/python,$(PYTHON))
SHOW := import sys; print("%d.%d" % sys.version_info[:2])
VERSION := $(shell $(INTERPRETER) -c '$(SHOW)')
ifneq ($(READY)$(origin PYTHON),yesfile)
ifneq ($(shell $(PYTHON) -c '$(SHOW)'),$(VERSION))
$(error .venv has Python $(VERSION), and PYTHON=$(PYTHON) is another one: remove .venv to change it)
endif
endif
# The exact versions that passed on this Python; `make CONSTRAINTS= ...` takes the newest ones.
CONSTRAINTS ?= $(wildcard constraints/$(VERSION).txt)
VERSIONS := $(if $(CONSTRAINTS),-c $(CONSTRAINTS),--upgrade --upgrade-strategy eager)
INSTALLED := $(VENV)/.installed$(if $(CONSTRAINTS),,-newest)

RUN := $(BIN)/python -m
NBVAL := --nbval --nbval-sanitize-with tests/nbval_sanitize.cfg
# make test ISA=AVX2: as on a processor without AVX-512.
ifdef ISA
test: export XLA_FLAGS := --xla_cpu_max_isa=$(ISA)
endif
# Each worker takes whole test modules and whole notebooks, the longest, which come first, first.
PYTEST := $(RUN) pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help book serve pdf slides downloads release test test-web lighthouse check notebooks bench bench-peers bench-kernels \
	fuzz stress mutants colab all-pythons repository clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 14

book: $(INSTALLED) $(WEB)/.installed $(WEB)/wheels/.complete ## build the book in _build/html; any warning is an error
	rm -rf _build/html _build/.doctrees
	$(BIN)/jupyter-book build . --quiet --warningiserror --keep-going
	@printf 'The book: %s\n' "$$PWD/_build/html/index.html"

serve: $(INSTALLED) ## show the built book at http://127.0.0.1:8000 (PORT=...)
	@test -f _build/html/index.html || { echo "There is no book yet: make book"; exit 1; }
	$(RUN) http.server --bind 127.0.0.1 --directory _build/html $(PORT)

pdf: $(INSTALLED) ## print the built book as two PDFs, for students and for teachers (needs Chromium or Chrome)
	$(BIN)/python tools/pdf.py

slides: $(INSTALLED) $(WEB)/.installed ## make slides of the built book's chapters: HTML that works offline and prints
	$(BIN)/python tools/slides.py

downloads: book ## the book with its PDFs, its slides, and a zip of notebooks and data, on the landing page
	rm -rf _build/downloads
	$(BIN)/python tools/pdf.py _build/downloads
	$(BIN)/python tools/previews.py _build/previews
	$(BIN)/python tools/slides.py --zip _build/downloads/slides.zip
	$(BIN)/python tools/classroom.py _build/downloads
	DOWNLOADS=$(CURDIR)/_build/downloads $(MAKE) --no-print-directory book

release: downloads ## all that a release has, in _build/release: wheel, site, PDFs, slides, notebooks (TAG=v1.0.0: checked)
	$(BIN)/python tools/release.py $(if $(TAG),--tag "$$TAG") _build/release

test: $(INSTALLED) $(WEB)/.installed ## run the unit tests, then every notebook, and compare all outputs
	$(PYTEST) $(NBVAL) book tests qm9lib qm9course

test-web: $(INSTALLED) $(WEB)/.checkers $(JUPYTERLAB)/.installed ## check every page of the built book in browsers (PICTURES=1: keep pictures of them)
	$(RUN) pytest tests/web --confcutdir tests/web -n $(WORKERS) $(if $(PICTURES),--pictures)

lighthouse: $(INSTALLED) $(WEB)/.checkers ## rate the landing page and the chapters with Lighthouse
	$(BIN)/python tools/lighthouse.py --modules $(WEB)/node_modules

check: $(INSTALLED) ## lint, formatting, types, the way of imports, and whether all pairs are in step
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/python tools/notebooks.py check

notebooks: $(INSTALLED) ## derive and execute the chapters (NAMES="labels data": only these)
	$(BIN)/python tools/notebooks.py execute $(NAMES)

bench: $(INSTALLED) ## measure reading and training; results go to benchmarks/results
	$(BIN)/python benchmarks/data.py
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/targets.py

bench-peers: $(INSTALLED) $(PEERS)/.installed ## measure our training against SchNetPack and PyG
	$(BIN)/python benchmarks/accuracy.py $(BENCH)

bench-kernels: $(INSTALLED) $(KERNELS)/.installed ## measure our power spectrum against SOAP and FCHL19
	$(BIN)/python benchmarks/kernels.py $(BENCH)

fuzz: $(INSTALLED) ## try a million mutated records on the reader (RUNS=..., SEED=...; Linux)
	$(RUN) pip install --quiet "atheris>=3.0"
	$(BIN)/python tests/fuzz_records.py --runs $(RUNS) --seed $(SEED)

# Of mutmut only the changes that it makes, which need libcst alone.
mutants: $(INSTALLED) ## change modules in one place at a time: do their tests notice? (MODULES="models.gnn labels": only these)
	$(RUN) pip install --quiet --no-deps "mutmut==3.8.1" "libcst>=1.9"
	$(BIN)/python tools/mutants.py $(MODULES)

stress: $(INSTALLED) $(WEB)/.installed ## tests of timing and three builds on a busy machine (NICE=1)
	$(BIN)/python tools/stress.py --nice $(NICE)

# With the Python that Colab has, if it is here; any other one: make COLAB_PYTHON=python3.12 colab.
# WHOLE=1: the chapters that train do so from the beginning.
colab: $(INSTALLED) ## run each committed notebook as Colab would: alone, without qm9lib
	$(BIN)/python tools/colab_check.py $(if $(WHOLE),--whole) $(if $(COLAB_PYTHON),--python "$(COLAB_PYTHON)") $(NAMES)

all-pythons: ## check, book, test and colab with Python 3.11, 3.12 and 3.13, in copies of their own
	$(INTERPRETER) tools/all_pythons.py

repository: $(INSTALLED) ## write the address of your fork everywhere (URL=..., BRANCH=main)
	$(BIN)/python tools/repository.py --branch $(BRANCH) "$(URL)"

clean: ## remove what was built, but not .venv
	rm -rf _build .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks

# What pages are made of comes from npm, pinned, with the npm that requirements.txt brings.
$(WEB)/.installed: tools/web/package.json tools/web/package-lock.json tools/web/.npmrc $(INSTALLED)
	mkdir -p $(WEB)
	cp $(addprefix tools/web/,package.json package-lock.json .npmrc) $(WEB)
	$(BIN)/npm ci --prefix $(WEB) --omit=dev --loglevel=error
	touch $@

# Python for the pages: where it cannot be had, the book is built without, and the next build asks again.
$(WEB)/wheels/.complete: book/_ext/page_python.py $(WEB)/.installed
	rm -rf $(@D)
	$(BIN)/python book/_ext/page_python.py $(WEB)/node_modules/pyodide $(@D)
	@test ! -d $(@D) || touch $@

# And what checks them.
$(WEB)/.checkers: $(WEB)/.installed
	$(BIN)/npm ci --prefix $(WEB) --loglevel=error
	touch $@

# What chapters are opened in; by itself, as it brings servers and kernels of its own.
$(JUPYTERLAB)/.installed: tools/web/jupyterlab.txt $(INSTALLED)
	test -x $(JUPYTERLAB)/bin/python || $(BIN)/python -m venv --clear $(JUPYTERLAB)
	$(JUPYTERLAB)/bin/python -m pip install --quiet -r $<
	touch $@

# SchNetPack asks for an old sympy, which current torch refuses: hence --no-deps.
$(PEERS)/.installed: benchmarks/peers/requirements.txt benchmarks/peers/schnetpack.txt
	test -x $(PEERS)/bin/python || $(INTERPRETER) -m venv --clear $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet -r benchmarks/peers/requirements.txt
	$(PEERS)/bin/python -m pip install --quiet --no-deps -r benchmarks/peers/schnetpack.txt
	touch $@

# Both are compiled: a C++ and a Fortran compiler are needed.
$(KERNELS)/.installed: benchmarks/peers/kernels.txt
	test -x $(KERNELS)/bin/python || $(INTERPRETER) -m venv --clear $(KERNELS)
	$(KERNELS)/bin/python -m pip install --quiet -r $<
	touch $@

.PHONY: new-venv
# The last step makes the stamp, so an install that stopped half-way starts again.
$(INSTALLED): requirements.txt pyproject.toml $(CONSTRAINTS) $(if $(READY),,new-venv)
	@$(INTERPRETER) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, for example: make PYTHON=python3.12 book"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv --clear $(VENV)
	$(RUN) pip --version >/dev/null 2>&1 || $(RUN) ensurepip
	rm -f $(VENV)/.installed*
	@echo "Installing into $(VENV)$(if $(CONSTRAINTS),, (the newest releases)): a few minutes, this time only"
	$(RUN) pip install --quiet --no-user -r requirements.txt $(VERSIONS) -e .
	touch $@
