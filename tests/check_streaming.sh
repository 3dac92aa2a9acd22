#!/usr/bin/env bash
# The example for streams: its C program, `lepc run --stream` and the reference interpreter say the same of the same
# frames, a row without its stream begins from a reset, limits stop a build, and the header is clean as C and as C++.
set -euo pipefail
cd "$(dirname "$0")/.."
lepc=$(realpath "${LEPC:-build/bin/lepc}")
model=$PWD/examples/streaming/vad.lep
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "streaming: $*" >&2; exit 1; }
flags="-q --fp=strict"
grep -q fma /proc/cpuinfo && flags="$flags --cpu=x86-64-v3"

"$lepc" "$model" $flags --deploy=sensor -o "$work/vad.a"
warnings="-Wall -Wextra -Wpedantic -Wconversion -Werror"
cc -std=c11 $warnings -I"$work" examples/streaming/main.c "$work/vad.a" -o "$work/vad"
printf '#include "vad.h"\nint main() { return vad_reset(nullptr) != LEP_ERROR_ARGUMENT; }\n' >"$work/use.cpp"
c++ $warnings -I"$work" "$work/use.cpp" "$work/vad.a" -o "$work/use" && "$work/use" || fail "the header in C++"
nm -u "$work/vad.a" | grep -v 'memset\|memcpy\|^$\|\.o:' && fail "the library calls others"

"$work/vad" "$work/frames.raw" | grep -v other >"$work/wanted"
[[ $(wc -l <"$work/wanted") -eq 8 ]] || fail "no eight frames"
values() { sed 's/.*"values":\[\(.*\)\].*/\1/' | sed 's/\].*//'; }
"$lepc" run "$model" $flags --json --stream "$work/frames.raw" | values >"$work/native"
"$lepc" run "$model" --reference --json --stream "$work/frames.raw" | values >"$work/reference"
"$lepc" run "$model" $flags --json "$work/frames.raw" | values >"$work/alone"
cmp "$work/wanted" "$work/native" || fail "lepc run --stream differs from the program"
[[ $flags != *v3* ]] || cmp "$work/native" "$work/reference" || fail "native code differs from the reference"
cmp -s "$work/native" "$work/alone" && fail "nothing is kept"
[[ $(head -1 "$work/alone") == $(head -1 "$work/native") ]] || fail "the first row does not begin from a reset"
"$lepc" compare "$model" $flags >"$work/compare" || fail "compare: $(cat "$work/compare")"
"$lepc" report memory "$model" $flags | grep -q ' 512 of state$' || fail "report memory does not count the state"

# over a limit: status 4, the table with the largest layer first, and nothing is written
status=0
"$lepc" "$model" $flags --limit-ram=1KiB --limit-flash=64KiB -o "$work/over.a" 2>"$work/said" || status=$?
[[ $status -eq 4 ]] || fail "status $status over a limit"
[[ ! -e $work/over.a && ! -e $work/over.h ]] || fail "a library over its limit was written"
[[ $(grep -c 'error\[E0703\]' "$work/said") -eq 2 ]] || fail "both limits: $(cat "$work/said")"
[[ $(grep -A1 '^layer' "$work/said" | tail -1) == f\ * ]] || fail "the largest layer is not first: $(cat "$work/said")"

# both blocks of a text into one folder, flags over blocks, and a block in a file of its own
printf 'lep 1\ndeploy tiny {\n  limit: flash: 1KiB\n}\ndeploy wide {\n  target: "x86-64-v3"\n}\n' >"$work/deploys.lep"
mkdir "$work/out"
"$lepc" "$model" -q "--deploy=$work/deploys.lep:all" --limit-flash=1MiB --emit=obj -o "$work/out/"
[[ $(cd "$work/out" && echo *) == "vad-tiny.h vad-tiny.o vad-wide.h vad-wide.o" ]] || fail "out: $(ls "$work/out")"
status=0
"$lepc" "$model" -q "--deploy=$work/deploys.lep:tiny" -o "$work/tiny.a" 2>/dev/null || status=$?
[[ $status -eq 4 ]] || fail "status $status over the limit of another file"
