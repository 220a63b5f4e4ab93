# `make demo` and `make test` set up all they need; the others build on them.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ORACLE := .venv-oracle/bin
BROWSER := .venv-browser/bin
CLUSTER := .venv-cluster/bin
# SHARE=1/2 for half of what a target tries.
SHARE ?= 1/1
ALL_CORES := --numprocesses auto --maxprocesses 8
# The folders of tests of the core.
CORE := $(addprefix tests/,contracts worked_examples textbook graph files engines training)
# The tests whose code meets other libraries.
WITH_OTHERS := $(addprefix tests/,bad_input engines/test_object_file.py cli tables files check exchange/importing plots learn/story training)

.PHONY: help setup demo test core slow kernels processors fragile bits chains random-nets check lint javascript types pyright platforms docs site notebooks mutants lowest second-python oracle browser walk everywhere cluster cluster-faults bench nightly wheel wheels clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ —/' | sed 's/^/make /'

.venv/made: Makefile
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"Python {v[0]}.{v[1]} found, 3.11 or newer needed: make PYTHON=python3.12")'
	@$(PYTHON) -m venv .venv || { echo "Python cannot make a virtual environment; on Debian or Ubuntu: apt-get install python3-venv"; rm -rf .venv; exit 1; }
	@touch $@

.venv/ready: .venv/made pyproject.toml constraints.txt
	@echo "installing handgrad into .venv …"
	@$(PIP) install --editable '.[all]' --constraint constraints.txt
	@touch $@

.venv/ready-to-test: .venv/ready
	@echo "installing what the tests need …"
	@$(PIP) install --editable '.[test]' --constraint constraints.txt
	@touch $@

setup: .venv/ready-to-test  ## make .venv with everything for development

demo: .venv/ready  ## tell how a net works; leaves pictures and a page in runs/demo-N
	@$(BIN)/handgrad demo

test: .venv/ready-to-test  ## run the tests, but for slow ones
	@$(BIN)/python -m pytest $(ALL_CORES) -m "not slow" --share $(SHARE) tests

.venv-core/ready: pyproject.toml constraints.txt
	@$(PYTHON) -m venv .venv-core
	@echo "installing handgrad without extras into .venv-core …"
	@.venv-core/bin/python -m pip --disable-pip-version-check --quiet install --editable . pytest pytest-timeout hypothesis --constraint constraints.txt
	@touch $@

core: .venv-core/ready  ## run what works without extras, where nothing else is installed
	@.venv-core/bin/python -m pytest tests/core_alone tests/worked_examples --doctest-modules $(addprefix src/handgrad/,textbook graph engines)

slow: .venv/ready-to-test  ## run the tests that take long
	@$(BIN)/python -m pytest $(ALL_CORES) -m slow --share $(SHARE) tests

# Two ways of OpenBLAS to multiply matrices that this processor has: without fused multiply-add, and
# as most laptops do, or with AVX-512 where it is here.
KERNELS ?= $(shell $(BIN)/python -m tests.processors)
kernels: .venv/ready-to-test  ## run the tests of engines and estimators under other kernels of OpenBLAS
	@for kernel in $(KERNELS); do \
	  echo "OPENBLAS_CORETYPE=$$kernel"; \
	  OPENBLAS_CORETYPE=$$kernel $(BIN)/python -m pytest $(ALL_CORES) --share $(SHARE) tests/engines tests/tables/estimators || exit 1; \
	done

PROCESSORS ?= sandybridge
processors: .venv/ready-to-test  ## run the tests of graph and engines with machine code for other processors
	@for processor in $(PROCESSORS); do \
	  echo "--processor $$processor"; \
	  $(BIN)/python -m pytest $(ALL_CORES) --share $(SHARE) --processor $$processor tests/engines tests/graph || exit 1; \
	done

# Seeds of last digits (PERTURBATIONS="1 2" for two): no verdict about an eager training may hang on them.
PERTURBATIONS ?= $(shell seq 20)
fragile: .venv/ready-to-test  ## run the doctor's tests with other last digits in eager trainings, twenty times
	@for seed in $(PERTURBATIONS); do \
	  echo "--perturb $$seed"; \
	  $(BIN)/python -m pytest $(ALL_CORES) --perturb $$seed tests/check/doctor || exit 1; \
	done

bits: .venv/ready-to-test  ## train nets for other processors, by other numbers of cores: the same bits (SHARE=1/2 for half)
	@$(BIN)/python -m tests.bits --share $(SHARE)

chains: .venv/ready-to-test  ## every two layers in a row, behind every front: one answer from every engine (SHARE=1/64)
	@$(BIN)/python -m tests.chains --share $(SHARE)

MINUTES ?= 10
SEED ?= 0
random-nets: .venv/ready-to-test  ## random nets, with losses, optimizers, weights: one answer from every engine (SEED=7 MINUTES=1)
	@$(BIN)/python -m tests.chains.random_nets --seed $(SEED) --minutes $(MINUTES)

check: $(if $(ONLY),.venv/ready-to-test,lint types)  ## within a minute: formatter, linter, types, the tests that name what changed, lines of each package (ONLY=Linear: the tests named so)
ifdef ONLY
	@$(BIN)/python -m pytest $(ALL_CORES) -m "not slow" -k "$(ONLY)" --doctest-modules src $(CORE)
else
	@$(BIN)/python -m pytest $(ALL_CORES) -m "not slow" --doctest-modules $$($(BIN)/python -m tests.affected)
	@$(BIN)/python -m tests.house.lines
endif

lint: .venv/ready-to-test  ## formatter and linter
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

node_modules/ready: package.json package-lock.json
	@echo "installing what the pages' JavaScript is checked with …"
	@npm ci --silent
	@touch $@

javascript: node_modules/ready  ## formatter, linter and tests of the pages' JavaScript; needs npm
	@npx prettier --log-level warn --check $$(git ls-files '*.js' '*.mjs')
	@npx eslint $$(git ls-files '*.js' '*.mjs')
	@npm test --silent

types: .venv/ready-to-test  ## strict types
	@$(BIN)/mypy

pyright: node_modules/ready .venv/ready-to-test  ## strict types of a user's script, as an editor checks it; needs npm
	@npx pyright --pythonpath $(BIN)/python

platforms: .venv/ready-to-test  ## strict types of what Windows and macOS alone run
	@for platform in win32 darwin; do \
	  $(BIN)/mypy --platform $$platform --cache-dir .mypy_cache/$$platform src || exit 1; \
	done

docs: .venv/ready-to-test  ## build the reference into build/docs; run every example in the docstrings
	@$(BIN)/python docs/reference/build.py build/docs
	@$(BIN)/python -m pytest $(ALL_CORES) --doctest-modules src

site: .venv/ready-to-test  ## build the site of all documents into build/site; TEACHERS=1: with answers, build/teachers
	@$(BIN)/python -m docs.site $(if $(filter 1,$(TEACHERS)),build/teachers --teachers,build/site)

notebooks: .venv/ready  ## write the story's notebooks in docs anew
	@$(BIN)/python -m handgrad.learn.story.notebook en docs/story.ipynb
	@$(BIN)/python -m handgrad.learn.story.notebook zh docs/story.zh.ipynb

PART ?= 1/1
mutants: .venv/ready-to-test  ## break the source, one place at a time; the tests must notice (PART=2/64 for a part)
	@HANDGRAD_CACHE=off $(BIN)/python -m tests.mutants --part $(PART)

.venv-lowest/ready: pyproject.toml constraints-lowest.txt
	@$(PYTHON) -m venv .venv-lowest
	@echo "installing the lowest versions into .venv-lowest …"
	@.venv-lowest/bin/python -m pip --disable-pip-version-check --quiet install --editable '.[test]' --constraint constraints-lowest.txt
	@touch $@

lowest: .venv-lowest/ready  ## run the tests that meet other libraries, with the lowest versions of them
	@.venv-lowest/bin/python -m pytest $(ALL_CORES) --share $(SHARE) $(WITH_OTHERS)

SECOND_PYTHON ?= $(shell .ci/second-python)
.venv-second/ready: pyproject.toml constraints.txt
	@$(SECOND_PYTHON) -m venv .venv-second
	@echo "installing handgrad into .venv-second, with $(SECOND_PYTHON) …"
	@.venv-second/bin/python -m pip --disable-pip-version-check --quiet install --editable '.[test]' --constraint constraints.txt
	@touch $@

second-python: .venv-second/ready  ## run the tests of the core with another Python (SECOND_PYTHON=python3.12)
	@.venv-second/bin/python -m pytest $(ALL_CORES) --share $(SHARE) $(CORE)

.venv-oracle/ready: pyproject.toml constraints.txt
	@$(PYTHON) -m venv .venv-oracle
	@echo "installing PyTorch, JAX, onnxruntime and Keras into .venv-oracle …"
	@$(ORACLE)/python -m pip --disable-pip-version-check --quiet install --editable '.[test,torch,jax,onnx,keras]' onnxruntime keras --constraint constraints.txt
	@touch $@

oracle: .venv-oracle/ready  ## compare with PyTorch itself, exported models with onnxruntime's answers, the JAX engine with the pages
	@$(ORACLE)/python -m pytest $(ALL_CORES) --share $(SHARE) tests/oracle

.venv-browser/ready: pyproject.toml constraints.txt
	@$(PYTHON) -m venv .venv-browser
	@echo "installing Playwright and JupyterLab into .venv-browser …"
	@$(BROWSER)/python -m pip --disable-pip-version-check --quiet install --editable '.[test,browser]' --constraint constraints.txt
	@touch $@

browser: .venv-browser/ready node_modules/ready  ## look at the demo's page, a report and live pictures in JupyterLab; needs a Chromium and a Firefox
	@$(BROWSER)/python -m pytest $(ALL_CORES) --dist loadfile --share $(SHARE) tests/browser

FIRST ?= 0
SEEDS ?= 10
EVENTS ?= 2000
WALK = $(BROWSER)/python -m tests.browser.random_walk --first $(FIRST) --seeds $(SEEDS) --events $(EVENTS)
walk: .venv-browser/ready node_modules/ready  ## click and type at random in the playground (SEEDS=1 EVENTS=200 for a short way)
	@$(WALK) --browser firefox & firefox=$$!; $(WALK) --browser chromium; chromium=$$?; \
	  wait $$firefox && exit $$chromium

everywhere: .venv-browser/ready  ## train by machine code, Python, C, JavaScript, WebAssembly, in a browser: the same bits (SHARE=1/8)
	@$(BROWSER)/python -m tests.bits.everywhere --share $(SHARE)

.venv-cluster/ready: pyproject.toml constraints.txt
	@$(PYTHON) -m venv .venv-cluster
	@echo "installing Ray into .venv-cluster …"
	@$(CLUSTER)/python -m pip --disable-pip-version-check --quiet install --editable '.[test,cluster]' --constraint constraints.txt
	@touch $@

cluster: .venv-cluster/ready  ## train on a real Ray, on this machine: workers that die, drivers that go on
	@$(CLUSTER)/python -m pytest tests/real_ray tests/cluster/test_rabit.py

cluster-faults: .venv-cluster/ready  ## kill workers, nodes and drivers of trainings at ten moments; SEED=7 for those of an earlier run
	@$(CLUSTER)/python -m pytest tests/real_ray/faults.py

.venv-bench/ready: pyproject.toml constraints.txt
	@$(PYTHON) -m venv .venv-bench
	@echo "installing the peers into .venv-bench …"
	@.venv-bench/bin/python -m pip --disable-pip-version-check --quiet install --editable '.[bench]' --constraint constraints.txt
	@touch $@

bench: .venv-bench/ready  ## time training and prediction beside the peers; writes benchmarks/results and docs/speed.md
	@.venv-bench/bin/python -m benchmarks

nightly:  ## every check, in pieces of a few minutes (PART=3/8 for the third of eight parts, ALL=1 for every turn); needs Debian's packages
	@.ci/packages
	@env -u MAKEFLAGS .ci/nightly $(PART)

.venv-release/ready: pyproject.toml constraints.txt
	@$(PYTHON) -m venv .venv-release
	@echo "installing what makes a release into .venv-release …"
	@.venv-release/bin/python -m pip --disable-pip-version-check --quiet install --editable '.[release]' --constraint constraints.txt
	@touch $@

wheels: .venv-release/ready  ## ask the package index anew where there are wheels; writes tests/house/wheels.json, docs/install.md
	@.venv-release/bin/python -m tests.house.wheels

wheel: .venv/ready-to-test .venv-release/ready  ## build the archive of sources, the wheel from it, and try both
	@rm -rf dist .venv-wheel
	@.venv-release/bin/python -m build --outdir dist/again . > /dev/null
	@.venv-release/bin/python -m build --outdir dist . > /dev/null
	@for file in dist/again/*; do cmp "$$file" "dist/$${file##*/}"; done && rm -r dist/again
	@.venv-release/bin/python -m twine check --strict dist/*.whl dist/*.tar.gz
	@.venv-release/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@.venv-release/bin/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml
	@.venv-release/bin/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	@cd dist && tar xzf handgrad-*.tar.gz && cd handgrad-*/ && PYTHONPATH=src ../../$(BIN)/python -m pytest -q --collect-only tests > ../collected
	@cd dist/handgrad-*/ && PYTHONPATH=src ../../$(BIN)/python -m pytest -q -p no:cacheprovider tests/house tests/docs/test_maps.py
	@$(PYTHON) -m venv .venv-wheel
	@.venv-wheel/bin/python -m pip --disable-pip-version-check --quiet install "$$(echo dist/*.whl)[all]" --constraint constraints.txt
	@cd dist && rm -rf smoke && ../.venv-wheel/bin/handgrad train iris --epochs 20 --out smoke && ls smoke
	@cd dist && ../.venv-wheel/bin/handgrad export smoke/model.safetensors smoke/net.html
	@cd dist && rm -rf story && ../.venv-wheel/bin/handgrad demo --language en --language zh --out story > /dev/null && ls story
	@cd dist && ../.venv-wheel/bin/python -c "import handgrad as hg, pathlib; assert hg.check_gradients(hg.Linear(3, 2)); assert (pathlib.Path(hg.__file__).parent / 'py.typed').exists(); print('the wheel works:', hg.__file__)"

clean:  ## remove environments and caches
	rm -rf node_modules .venv .venv-core .venv-oracle .venv-browser .venv-cluster .venv-bench .venv-lowest .venv-second .venv-wheel .venv-release dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
