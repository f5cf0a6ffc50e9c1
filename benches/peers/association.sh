#!/bin/sh
# Tracker speed beside similari (Rust) and trackers (Python): builds, runs, prints the ratios.
# Run it on an idle machine. similari builds against a Python of at most 3.11.
set -eu
cd "$(dirname "$0")"
# Not --locked: the lock file follows the crates of the product that are built here too.
cargo build --release --bin association
if python3 -c 'import numpy, supervision, trackers' 2>/dev/null; then
    exec target/release/association association.py
fi
echo "skipped: Python's trackers (python3 -m pip install trackers==2.6.1 supervision)" >&2
exec target/release/association
