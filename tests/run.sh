#!/usr/bin/env bash
# All tests: installs what is missing, builds and tests the release; then once more under sanitizers, slow oracles
# sampled; then each fuzz target for a while.
#   FUZZ_SECONDS  for each target, default 60; 0 leaves them out
set -uo pipefail
cd "$(dirname "$0")/.."
fuzz_seconds=${FUZZ_SECONDS:-60}
jobs=$(nproc)
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
trap 'exit 130' INT TERM
passed=0 failed=0 skipped=0 failures=()

say() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }
failure() { failed=$((failed + 1)); failures+=("$*"); }

# build FOLDER OPTION...: configures and builds; one failure when it cannot
build() {
  local folder=$1; shift
  say "building in $folder"
  if ! { cmake -S . -B "$folder" -G Ninja -DBUILD_TESTING=ON "$@" && ninja -C "$folder"; } &>"$log/build"; then
    tail -n 60 "$log/build"
    failure "building $folder"
    return 1
  fi
}

# suite FOLDER: runs ctest there and counts
suite() {
  say "tests of $1"
  ctest --test-dir "$1" -j "$jobs" --output-on-failure --timeout 600 </dev/null 2>&1 | tee "$log/suite"
  local ok bad skip
  ok=$(grep -cE '^ *[0-9]+/[0-9]+ .* Passed ' "$log/suite")
  skip=$(grep -cE '^ *[0-9]+/[0-9]+ .*\*\*\*Skipped' "$log/suite")
  bad=$(grep -cE '^ *[0-9]+/[0-9]+ .*\*\*\*' "$log/suite")
  bad=$((bad - skip))
  [[ $ok -gt 0 ]] || { bad=$((bad + 1)); failures+=("no test ran in $1"); }
  passed=$((passed + ok)) skipped=$((skipped + skip)) failed=$((failed + bad))
  local wrong='^ *[0-9]+\/[0-9]+ +Test +#[0-9]+: ([^ ]+) .*\*\*\*(Failed|Timeout|Exception|Not Run).*'
  while read -r name; do failures+=("$1: $name"); done < <(sed -nE "s/$wrong/\1/p" "$log/suite")
}

# fuzz TARGET: seeded with what the tests hold; what it finds is kept beside it
fuzz() {
  local target=$1 name
  name=$(basename "$target")
  mkdir -p "$log/$name" "build-sanitize/found"
  "$target" -max_total_time="$fuzz_seconds" -timeout=60 -rss_limit_mb=3000 -print_final_stats=1 -seed=1 \
    -artifact_prefix="build-sanitize/found/$name-" "$log/$name" $(seeds "$name") >"$log/$name.txt" 2>&1 </dev/null
}

# The seeds of a target: tests/fuzz/<target without fuzz_>/, made smaller by nobody.
seeds() {
  local folder=tests/fuzz/${1#fuzz_}
  [[ -d $folder ]] && echo "$folder"
  [[ $1 == fuzz_language ]] && find tests/golden examples -type d -not -path '*/digits*' 2>/dev/null
}

fuzz_all() {
  local target status
  say "fuzzing, $fuzz_seconds s a target"
  local targets=(build-sanitize/bin/fuzz_*)
  [[ -x ${targets[0]} ]] || { failure "no fuzz targets were built"; return; }
  export log fuzz_seconds
  export -f fuzz seeds
  printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I{} bash -c 'fuzz {}; echo $? >"$log/$(basename {}).status"'
  for target in "${targets[@]}"; do
    target=$(basename "$target")
    status=$(cat "$log/$target.status" 2>/dev/null || echo none)
    if [[ $status == 0 ]]; then
      passed=$((passed + 1))
      echo "$target: $(sed -n 's/stat::number_of_executed_units: *//p' "$log/$target.txt") runs, nothing found"
    else
      tail -n 40 "$log/$target.txt"
      failure "$target (status $status)"
    fi
  done
}

# The official tests of ONNX, where PyPI can be reached; without them their test says that it is skipped.
fetch_onnx() {
  [[ -e build/onnx ]] && return
  python3 -m pip install --quiet --no-deps --target build/onnx onnx==1.20.1 &>"$log/pip" || {
    echo "no official ONNX tests: pip cannot install onnx==1.20.1"
    rm -rf build/onnx
  }
}

bash cmake/packages.sh test || exit 74
fetch_onnx
if build build -DCMAKE_BUILD_TYPE=Release; then suite build; fi
if build build-sanitize -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=clang-19 \
  -DLEPC_SANITIZE=address,undefined,fuzzer-no-link; then
  LEPC_SAMPLED=1 LEPC_ONNX=build/onnx suite build-sanitize
  [[ $fuzz_seconds -eq 0 ]] || fuzz_all
fi

say "the pool under the thread sanitizer"
if ${CC_TSAN:-clang-19} -std=c11 -O1 -g -fsanitize=thread -I. -o "$log/pool" tests/test_pool.c runtime/pool.c -lcmocka \
  -pthread &>"$log/build" && "$log/pool" &>"$log/build"; then
  passed=$((passed + 1))
else
  tail -n 40 "$log/build"
  failure "the pool under the thread sanitizer"
fi

say "$passed passed, $failed failed, $skipped skipped"
[[ $failed -eq 0 ]] || { printf 'FAILED %s\n' "${failures[@]}"; exit 1; }
