# `make demo` and `make test` do all their own set-up. `make help` lists the rest.

SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO_TARGET_DIR ?= target
SIGHTLINE := $(CARGO_TARGET_DIR)/release/sightline
MODELS ?= $(wildcard ../shared/data/models)
DATA ?= ../shared/data

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

.PHONY: setup
setup: ## Debian packages and the ONNX Runtime library, where missing
	@.ci/setup

.PHONY: build
build: setup ## The release binary
	cargo build --release --locked --bin sightline

.PHONY: demo
demo: build ## A scene is rendered and analysed; with VIDEO=my.mp4: your own video
	@benches/demo.sh $(SIGHTLINE) "$(VIDEO)"

.PHONY: test
test: ## Everything that must pass: format, lints, tests, docs, dependencies
	@.ci/setup test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	cargo deny check bans licenses sources
	@if cargo deny fetch db >/dev/null 2>&1; then cargo deny check advisories; \
	  else echo "skipped: cargo deny check advisories, as the advisory database cannot be reached"; fi

.PHONY: clean
clean: ## Build outputs and demo files
	cargo clean
	rm -rf demo-out
