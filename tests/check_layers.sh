#!/usr/bin/env bash
# Include directions, LLVM only in the back end, C only; the table in ARCHITECTURE.md is the one that holds.
set -euo pipefail
cd "$(dirname "$0")/.."
python3 tests/rules/layers.py --self-test
python3 tests/rules/layers.py .
