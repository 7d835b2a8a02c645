# All tasks of the project. Each does its own set-up: on a fresh clone any of them works.
# `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

RUN := tools/env

.PHONY: help
help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install the toolchain that this machine lacks (quick when nothing is missing)
	@tools/setup

.PHONY: gen
gen: setup ## generate Go, TypeScript and C from abi/*.fbs
	@$(RUN) npm run -s gen

.PHONY: kernel
kernel: setup ## build build/kernel.wasm with TinyGo (only when an input changed)
	@tools/kernel

.PHONY: build
build: kernel ## build build/worker.js and the npm packages in dist/
	@$(RUN) npm run -s build

# The workers' script in one file: runs start faster with it than from sources.
.PHONY: worker
worker: kernel
	@$(RUN) node tools/build.ts worker

.PHONY: check
check: kernel ## formats, vet, types, lint, drift of generated files, imports, fences
	@tools/check-all

.PHONY: format
format: setup ## format Go, TypeScript and JSON in place
	@$(RUN) gofmt -w kernel-go
	@$(RUN) npm run -s format

.PHONY: test
test: $(if $(T),worker,setup) ## run every test, the last line is the sum; T=pipes: those that go by a name
	@$(RUN) node $(if $(T),tools/test-one.ts "$(T)",tools/test-all.ts)

.PHONY: flaky
flaky: worker ## run the changed tests 20 times beside busy loops (ARGS="--list HEAD~3 …")
	@tools/flaky $(ARGS)

.PHONY: bench
bench: worker ## run the benchmarks, ours and the peer's interleaved
	@$(RUN) npm run -s bench

.PHONY: bench-bars
bench-bars: worker ## run the benchmarks that have a bar, each figure against it
	@$(RUN) npm run -s bench-bars

.PHONY: conformance
conformance: worker ## Go's and POSIX's test suites, case by case (ARGS="--harts 1 --native --failed os/exec …")
	@$(RUN) node test/suites/main.ts $(ARGS)

.PHONY: conformance-lists
conformance-lists: setup ## make the suites' lists anew: what passes under qemu and on Linux
	@$(RUN) node test/suites/main.ts --lists $(ARGS)

.PHONY: demo
demo: worker ## a shell session on Debian's busybox, in Node and in Chromium
	@$(RUN) npm run -s demo

.PHONY: demo-web
demo-web: worker ## a page with a shell in a terminal, on loopback (ROOT=DIR|TAR, PORT=N)
	@$(RUN) node test/web/node/main.ts $(if $(ROOT),--root "$(ROOT)") $(if $(PORT),--port $(PORT))

.PHONY: clean
clean: ## remove what was built here (the toolchain cache stays)
	rm -rf build dist node_modules/.vite node_modules/.vitest test-results
