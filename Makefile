# `make test SHARE=1/2` is `python -m tasks test SHARE=1/2`: tasks.py has them all, for systems
# without make too. `make PYTHON=python3.12 test` takes another Python.

PYTHON ?= python3
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: always

Makefile: ;

%: always
	@$(PYTHON) -m tasks $@
