#!/usr/bin/env bash
# Every operator of ir/ops.def and every pass of passes/passes.def stands in a golden file.
set -euo pipefail
cd "$(dirname "$0")/.."
status=0 operators=0 passes=0
words=$(cat tests/golden/*/*.lep | grep -oE '[a-z_][a-z_0-9]*' | sort -u)

while read -r name; do
  operators=$((operators + 1))
  grep -qx "$name" <<<"$words" || { echo "operator '$name' stands in no file of tests/golden" && status=1; }
done < <(sed -nE 's/^OP\((\w+),.*/\1/p' ir/ops.def)

while read -r name; do
  passes=$((passes + 1))
  grep -qE "^# passes:.*\b$name\b" tests/golden/*/*.lep || { echo "pass '$name' has no golden" && status=1; }
done < <(sed -nE 's/^PASS\((\w+),.*/\1/p' passes/passes.def)

((operators && passes)) || { echo "no rows were found: how do the tables look now?" && exit 1; }
echo "$operators operators, $passes passes"
exit $status
