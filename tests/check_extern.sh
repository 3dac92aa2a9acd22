#!/usr/bin/env bash
# extern op: the example's C function in a process, a binary, a shared library and a library, as C and as C++; what
# cannot be called is refused; nothing else leaves the object.
set -euo pipefail
cd "$(dirname "$0")/.."
lepc=$(realpath "${LEPC:-build/bin/lepc}")
folder=$PWD/examples/extern-op
model=$folder/despike.lep
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "extern: $*" >&2; exit 1; }
warnings="-Wall -Wextra -Wpedantic -Wconversion -Werror"

"$lepc" "$model" -q -o "$work/despike.a"
cc -std=c11 $warnings -fPIC -I"$work" -c "$folder/median.c" -o "$work/median.o"
cc -shared "$work/median.o" -o "$work/median.so"
ar rc "$work/median.a" "$work/median.o"
[[ $(nm -u "$work/despike.a" | awk 'NF == 2 && $2 !~ /^mem(cpy|set)$/ { print $2 }') == running_median ]] ||
  fail "the object calls others"

# the middle of five, then the mean of three, in the order of eval
python3 - "$folder/pulse.raw" >"$work/wanted" <<'END'
import statistics
import struct
import sys

x = struct.unpack("<16f", open(sys.argv[1], "rb").read())
calm = [sorted(x[max(0, t - 2):t + 3])[len(x[max(0, t - 2):t + 3]) // 2] for t in range(16)]
calm = [calm[0], *calm, calm[-1]]
print(*(f"{statistics.fmean(calm[t:t + 3]):.4f}" for t in range(16)))
END
same() { # WHAT: values on standard input
  grep -v pulse | tr -s ' ' '\n' | awk 'NF { printf "%s%.4f", n++ ? " " : "", $1 } END { print "" }' >"$work/found"
  cmp -s "$work/wanted" "$work/found" || fail "$1: $(cat "$work/found"), wanted $(cat "$work/wanted")"
}
for file in median.o median.so; do
  "$lepc" run "$model" -q --extern="$work/$file" "$folder/pulse.raw" | same "lepc run with $file"
done
for file in median.o median.a; do
  "$lepc" "$model" -q --extern="$work/$file" -o "$work/despike"
  "$work/despike" "$folder/pulse.raw" | same "a binary with $file"
done
"$lepc" "$model" -q --run-threads=2 --extern="$work/median.o" -o "$work/libdespike.so"

cat >"$work/use.cpp" <<'END'
#include "despike.h"
#include <cstdio>
int main()
{
    alignas(64) static char arena[DESPIKE_ARENA_BYTES + 1];
    float in[16], out[16];
    if (std::fread(in, sizeof in, 1, stdin) != 1 || despike_run(in, out, arena, nullptr)) return 1;
    for (float x : out) std::printf("%g ", static_cast<double>(x));
}
END
c++ $warnings -I"$work" "$work/use.cpp" "$work/libdespike.so" -o "$work/use"
LD_LIBRARY_PATH=$work "$work/use" <"$folder/pulse.raw" | same "a shared library"
c++ $warnings -I"$work" "$work/use.cpp" "$work/despike.a" "$work/median.o" -o "$work/use"
"$work/use" <"$folder/pulse.raw" | same "a library"

refused() { # STATUS WORDS COMMAND...
  local status=0
  "$lepc" "${@:3}" >/dev/null 2>"$work/said" || status=$?
  [[ $status -eq $1 ]] && grep -q "$2" "$work/said" || fail "${*:3}: status $status, $(cat "$work/said")"
}
refused 1 E0608 run "$model" "$folder/pulse.raw"
refused 1 E0608 run "$model" --reference "$folder/pulse.raw"
refused 1 E0608 compare "$model"
refused 1 E0608 build "$model" -o "$work/none"
refused 1 E0608 build "$model" -o "$work/none.so"
refused 1 E0501 run "$model" --extern="$work/absent.o" "$folder/pulse.raw"
refused 1 E0501 run "$model" --extern="$work/median.a" "$folder/pulse.raw"
sed 's/running_median/despike_median/' "$model" >"$work/own.lep"
refused 1 E0202 build "$work/own.lep" -o "$work/own.o"
echo "extern: the same in every artefact"
