# `make demo` and `make test` do all their own set-up. `make help` lists the rest.

SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO_TARGET_DIR ?= target
SIGHTLINE := $(CARGO_TARGET_DIR)/release/sightline
DATA ?= ../shared/data
# Tools that .ci/setup has built for this project.
export PATH := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sightline/bin:$(PATH)

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
demo: build ## Serve, submit a scene or VIDEO=my.mp4 as a client would, show counts beside the truth
	@$(SIGHTLINE) demo --data-dir demo-out $(if $(VIDEO),"$(VIDEO)")

.PHONY: test
test: ## Everything that must pass: format, lints, tests, docs, dependencies
	@.ci/setup test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked
	$(MAKE) --no-print-directory test-web
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	packaging/lint
	cargo-deny --locked check bans licenses sources
	@if cargo-deny fetch db >/dev/null 2>&1; then cargo-deny --locked check advisories; \
	  else echo "skipped: advisories are not checked, as their database cannot be reached"; fi
	@[ -d ../shared/data ] || echo "skipped: tests with real video and models, as ../shared/data is missing"
	@echo "all passed"

.PHONY: test-web fuzz-api
test-web: ## The page in headless Chromium, and a client generated from the API's document
	@.ci/setup test
	cargo build --locked --bin sightline
	tests/web/run $(CARGO_TARGET_DIR)/debug/sightline

fuzz-api: setup ## Everything that the API's document allows, and much that it does not (EXAMPLES=50 a kind)
	cargo build --locked --bin sightline
	tests/web/fuzz $(CARGO_TARGET_DIR)/debug/sightline

.PHONY: documents
documents: ## Write the documents that are made from the code
	cargo run --quiet --locked -- config --markdown > docs/configuration.md
	cargo run --quiet --locked -- config --env-example > .env.example

.PHONY: soak-kill
soak-kill: ## 20 kills of a server at random points, 10 at increasing progress, 4 at the same
	@.ci/setup test
	SOAK_KILLS=$(or $(KILLS),20) cargo test --locked --test it -- --nocapture --test-threads 1 killed::

.PHONY: lint-containers
lint-containers: ## The container files and the service unit, without a container engine
	packaging/lint

.PHONY: clean
clean: ## Build outputs and demo files
	cargo clean
	rm -rf demo-out

.PHONY: bench-store
bench-store: setup ## Events, feed and leases of the store beside plain SQLite on the same disk
	cargo bench --locked -p sightline-actors --bench store

PEER ?= ../shared/tools/peers/python_pipeline.py
CLIP ?= $(DATA)/videos/cars.mp4

.PHONY: bench-decode bench-analyze bench-memory bench-association bench-preprocess
bench-decode: setup ## Decode and preprocess beside FFmpeg's command line (CLIP=...)
	cargo bench --locked --bench decode -- "$(abspath $(CLIP))"

bench-preprocess: setup ## Letterbox, suppression, inference
	cargo bench --locked -p sightline-models --bench preprocess

bench-association: setup ## The tracker beside similari and a Python tracker
	benches/peers/association.sh

bench-analyze: build ## The whole beside a Python pipeline with the same model
	benches/analyze.py $(SIGHTLINE) $(PEER) $(CLIP) $(DATA)/models
	benches/analyze.py $(SIGHTLINE) $(PEER) $(CLIP) $(DATA)/models --annotate

bench-memory: build ## Resident memory at 3,000 and 30,000 frames
	benches/memory.py $(SIGHTLINE) $(DATA)/videos/one-by-one-person-detection.mp4 --model motion
	benches/memory.py $(SIGHTLINE) $(DATA)/videos/one-by-one-person-detection.mp4 --model motion --no-video
	benches/memory.py $(SIGHTLINE) $(DATA)/videos/one-by-one-person-detection.mp4 --models $(DATA)/models --no-video

.PHONY: bench-websocket bench-media bench-requests bench-jobs
bench-websocket: setup ## 1,000 WebSocket clients beside npm's ws (needs node and npm)
	@if command -v npm >/dev/null; then cd benches/peers/websocket && npm ci --no-audit --no-fund --silent; \
	  else echo "skipped: ws, as npm is missing"; fi
	cargo bench --locked --bench websocket

bench-media: build ## Files and ranges of them beside nginx (needs Debian's nginx-light and wrk)
	benches/media.py $(SIGHTLINE)

bench-requests: build ## 2,000 mixed requests a second for a minute
	cargo build --release --locked --example requests
	benches/requests.py $(SIGHTLINE) $(CARGO_TARGET_DIR)/release/examples/requests

bench-jobs: setup ## 10,000 queued jobs, and what a panic in one costs the others
	cargo bench --locked -p sightline-actors --features testing --bench jobs

.PHONY: truth sweep score-mot
truth: build ## Counts of all public clips beside the truth
	benches/truth.py $(SIGHTLINE) $(DATA)

sweep: build ## The same, and over a sweep of score threshold and track buffer
	benches/truth.py $(SIGHTLINE) $(DATA) --sweep

score-mot: build ## HOTA, IDF1, MOTA on MOT17-half (needs trackeval)
	$(SIGHTLINE) track $(DATA)/mot/MOT17-half/MOT17-* --tracker bytetrack --out target/mot
	python3 ../shared/tools/score_mot.py $(DATA)/mot/MOT17-half target/mot

.PHONY: corpus
corpus: ## 500 damaged files through the binary
	@.ci/setup test
	CORPUS_FILES=500 cargo test --locked --test it corpus -- --nocapture
