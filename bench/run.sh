#!/usr/bin/env bash
# Every figure that is promised, beside ONNX Runtime, in one run: makes a Python environment for the engines in build/,
# then runs mnist.py with a thousand random graphs.  Needs a built lepc with its tests, and python3-venv.
#   PEERS   other engines too, as in PEERS=ort,openvino,ncnn
#   GRAPHS  random graphs, default 1000
set -euo pipefail
cd "$(dirname "$0")/.."
[[ -x build/bin/lepc ]] || { echo "run.sh: no build/bin/lepc: build it first (see README.md)" >&2; exit 2; }
venv=build/bench-venv
if ! [[ -e $venv/.ready ]]; then
  python3 -m venv "$venv" || { echo "run.sh: install python3-venv" >&2; exit 74; }
  "$venv/bin/pip" install --quiet -r bench/requirements.txt
  touch "$venv/.ready"
fi
exec python3 bench/mnist.py --peers "${PEERS:-ort}" --peer-python "$venv/bin/python" --graphs "${GRAPHS:-1000}" "$@"
