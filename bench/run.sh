#!/usr/bin/env bash
# Every figure that is promised, beside its bar and beside ONNX Runtime: makes a Python environment for the engines in
# build/, then runs every script of this folder, one after the other.  Needs a built lepc with its tests, and
# python3-venv.  Ends with status 1 if one of them missed a bar.
#   PEERS    other engines for mnist.py too, as in PEERS=ort,openvino,ncnn,litert
#   TFLITE   the folder where peers/make_tflite.py wrote its files: then LiteRT is among the peers in 8 bits, too
#   GRAPHS   random graphs, default 1000
#   ONLY     a pattern: only the scripts whose names match
set -uo pipefail
cd "$(dirname "$0")/.." || exit
[[ -x build/bin/lepc ]] || { echo "run.sh: no build/bin/lepc: build it first (see README.md)" >&2; exit 2; }
venv=build/bench-venv
if ! [[ -e $venv/.ready ]]; then
  python3 -m venv "$venv" || { echo "run.sh: install python3-venv" >&2; exit 74; }
  "$venv/bin/pip" install --quiet -r bench/requirements.txt || exit 74
  touch "$venv/.ready"
fi
python=$venv/bin/python
missed=()

# measure SCRIPT ARGUMENT...: runs it if ONLY wants it, and notes if it missed a bar
measure() {
  [[ $1 =~ ${ONLY:-.} ]] || return 0
  echo "== $1"
  "$python" "bench/$1" "${@:2}" || missed+=("$1")
}

int8_peers=ort_int8${TFLITE:+,litert_int8}
measure mnist.py --peers "${PEERS:-ort}" --peer-python "$python" --tflite "${TFLITE:-.}" --graphs "${GRAPHS:-1000}"
if command -v arm-none-eabi-gcc >/dev/null && command -v qemu-system-arm >/dev/null; then measure microcontroller.py; fi
measure mnist_int8.py --peers "$int8_peers" --peer-python "$python" --tflite "${TFLITE:-.}"
measure int8.py
measure mobilenet.py
measure networks.py
measure prune.py
measure sequence.py
measure threads.py
measure winograd.py

if ((${#missed[@]})); then
  echo "bars missed in: ${missed[*]}"
  exit 1
fi
echo "all bars reached"
