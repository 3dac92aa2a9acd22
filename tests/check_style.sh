#!/usr/bin/env bash
# Lengths of functions and files, formatting, guards, no mutable globals, no switch over all operators.
# LEPC: the compiler of the build whose objects are looked at; without it only the text is.
set -euo pipefail
cd "$(dirname "$0")/.."
python3 tests/rules/style.py --self-test
if [[ -n ${LEPC:-} ]]; then
  python3 tests/rules/style.py . "$(dirname "$LEPC")/.."
else
  python3 tests/rules/style.py .
fi
