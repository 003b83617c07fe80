# The front door: every target calls one script of tools/ (or demo/, bench/); nothing is decided here.
.PHONY: help setup demo test check corpus soak bench fuzz truth golden-update clean

help:
	@echo "make demo    a slow settings page: find why, repair it, prove it (2 minutes)"
	@echo "make test    all tests, on every Python that is here"
	@echo "make check   formatting, linters, both compilers, layers, sanitizers"
	@echo "make corpus  all of the findings corpus, of which make test asks a part"
	@echo "make soak    the long checks: TSan, valgrind, fuzzing, coverage, newer CPythons"
	@echo "make bench   what capture costs, beside other profilers"
	@echo "also: setup, fuzz, truth, golden-update, clean"

setup:
	@tools/setup

demo:
	@tools/setup demo
	@tools/run_demo

test: setup
	@tools/run_tests

check: setup
	@tools/run_checks

corpus: setup
	@tools/run_tests corpus

soak: setup
	@tools/run_soak

fuzz: setup
	@tools/run_soak fuzz

bench:
	@tools/setup bench
	@tools/run_bench

truth: setup
	@tools/measure_truth

golden-update: setup
	@tools/update_golden

clean:
	rm -rf build dist demo/out
