#!/usr/bin/env bash
# -g: a debugger sees the lines of the model.  Every layer of the example has some code at its own line, and without -g
# there is none.
set -euo pipefail
cd "$(dirname "$0")/.."
lepc=$(realpath "${LEPC:-build/bin/lepc}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
model=examples/mnist/mnist.lep

# lines OBJECT: those of the model that its line table names
lines() { readelf --debug-dump=decodedline "$1" 2>/dev/null | awk '$1 == "mnist.lep" && $2 > 0 {print $2}' | sort -un; }

"$lepc" build "$model" -g -q -o "$work/debug.o"
"$lepc" build "$model" -q -o "$work/plain.o"
statement='^  (preprocess |output )?[a-z0-9]+(: f32\[[^]]*\])? = '
layers=$(grep -nE "$statement" "$model" | cut -d: -f1)
if [[ $(lines "$work/debug.o") != "$layers" ]]; then
  echo "the layers stand at the lines" $layers "and code was found for" $(lines "$work/debug.o")
  exit 1
fi
[[ -z $(lines "$work/plain.o") ]] || { echo "an object without -g names lines"; exit 1; }
echo "debug: code for each of $(wc -l <<< "$layers") layers"
