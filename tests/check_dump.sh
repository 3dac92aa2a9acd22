#!/usr/bin/env bash
# What a build makes of a dump, after any pass, is what it makes of the model: byte for byte.  LEPC: the compiler.
set -euo pipefail
cd "$(dirname "$0")/.."
lepc=${LEPC:?the path of lepc}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/of_dump"
cp examples/mnist/{mnist.lep,mnist.safetensors,digits.txt} "$folder"
cp examples/mnist/{mnist.safetensors,digits.txt} "$folder/of_dump"
"$lepc" build -q "$folder/mnist.lep" -o "$folder/model.o"
status=0
for pass in expand fold simplify scale views cse dce fuse schedule plan; do
  rm -f "$folder"/of_dump/*.lep "$folder"/of_dump/*.bin
  "$lepc" dump -q "$folder/mnist.lep" --after=$pass -o "$folder/of_dump/mnist.lep"
  "$lepc" build -q "$folder/of_dump/mnist.lep" -o "$folder/dump.o"
  if ! cmp -s "$folder/model.o" "$folder/dump.o"; then
    echo "the object of the dump after $pass is not that of the model"
    status=1
  fi
done
exit $status
