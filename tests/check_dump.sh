#!/usr/bin/env bash
# Of every example, the dump before and after any pass is read back to the same graph, which prints the same bytes and
# stores the same constants, and a build makes of it what it makes of the model: byte for byte.  Models of more than
# 1 MiB are read back after a few passes only.
#   LEPC          the compiler
#   LEPC_SAMPLED  the same of all models: every dump of all takes minutes under sanitizers
set -euo pipefail
cd "$(dirname "$0")/.."
lepc=${LEPC:?the path of lepc}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passes=$("$lepc" passes | awk '$1 ~ /^[a-z_]+$/ && $1 != "pass" { print $1 }')
status=0 models=0 dumps=0

fail() { echo "$1: $2"; status=1; }

# check MODEL --after=PASS, or --passes=none: the dump, read back and built
check() {
  local dump=$folder/dump/$(basename "$1")
  rm -rf "$folder/dump" "$folder/again"
  cp -r "$folder/beside" "$folder/dump"
  "$lepc" dump -q "$1" "$2" -o "$dump"
  cp -r "$folder/dump" "$folder/again"
  "$lepc" dump -q "$dump" --passes=none -o "$folder/again/$(basename "$1")"
  diff -rq "$folder/dump" "$folder/again" || fail "$1" "the dump $2 is read back to another graph"
  "$lepc" build -q "$dump" -o "$folder/dump.o"
  cmp -s "$folder/model.o" "$folder/dump.o" || fail "$1" "the object of the dump $2 is not that of the model"
  dumps=$((dumps + 1))
}

for model in examples/*/*.lep; do
  grep -q '^model ' "$model" || continue
  models=$((models + 1))
  rm -rf "$folder/beside"
  mkdir "$folder/beside"
  for kind in safetensors npy npz bin txt; do
    find "$(dirname "$model")" -maxdepth 1 -type f -name "*.$kind" -exec cp {} "$folder/beside" \;
  done
  "$lepc" build -q "$model" -o "$folder/model.o"
  chosen=$passes
  [[ -z ${LEPC_SAMPLED:-} ]] && (($(stat -c %s "$folder/model.o") <= 1 << 20)) || chosen="expand plan"
  check "$model" --passes=none
  for pass in $chosen; do check "$model" "--after=$pass"; done
done
echo "$models models, $dumps dumps"
exit $status
