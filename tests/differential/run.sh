#!/usr/bin/env bash
# run.sh [COUNT [FIRST]]: COUNT random graphs (default 1000), each at -O0 and -O3 on x86-64-v3 and v4, as far as this
# machine has them, bit-equal to eval; on the baseline where nothing asks for a fused multiply-add.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
count=${1:-1000} first=${2:-1} jobs=$(nproc)
program=${LEPC_TEST_DIFFERENTIAL:-$root/build/bin/test_differential}
[[ -x $program ]] || { echo "run.sh: no $program: build with BUILD_TESTING=ON" >&2; exit 2; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cd "$root"
mkdir -p build
share=$(((count + jobs - 1) / jobs))
for ((part = 0; part < jobs; part++)); do
  from=$((first + part * share)) left=$((count - part * share))
  LEPC_DIFF_ALL=1 LEPC_DIFF_OUT=build LEPC_DIFF_SEED=$from LEPC_DIFF_COUNT=$((left < share ? left : share)) \
    "$program" >"$out/$part" 2>"$out/$part.errors" || touch "$out/failed" &
done
wait
cat "$out"/*.errors | grep -vE '^\[' || true
grep -h 'graphs,' "$out"/[0-9]
[[ ! -e $out/failed ]] || { echo "FAILED"; exit 1; }
echo "all $count graphs agree with eval"
