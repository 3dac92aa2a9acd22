#!/usr/bin/env bash
# The example for sounds: every file of the folder is heard as what its name says, by the binary, by `lepc run` and by
# the reference interpreter, from files and through a pipe; strict code has the interpreter's bits.
set -euo pipefail
cd "$(dirname "$0")/.."
lepc=$(realpath "${LEPC:-build/bin/lepc}")
model=$PWD/examples/keyword-spotting/keywords.lep
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "keywords: $*" >&2; exit 1; }
flags="-q --fp=strict"
strict=no
grep -q fma /proc/cpuinfo && flags="$flags --cpu=x86-64-v3" && strict=yes

cd examples/keyword-spotting
"$lepc" "$model" $flags -o "$work/keywords"
# "sounds/beep_a.wav" and "   99.9 %  beep" one line each: the words must be the same
judge() { paste - - | sed 's#.*/\([a-z]*\)_.\.wav.*%  \([a-z]*\)$#\1 \2#' | awk '$1 != $2 || NF != 2' ; }
"$work/keywords" --top=1 sounds >"$work/heard"
[[ $(wc -l <"$work/heard") -eq 28 ]] || fail "found $(wc -l <"$work/heard") lines for 14 sounds"
wrong=$(judge <"$work/heard")
[[ -z $wrong ]] || fail "misheard: $wrong"
"$lepc" run "$model" $flags --top=1 sounds | cmp - "$work/heard" || fail "lepc run says another thing"
"$work/keywords" --top=1 - <sounds/siren_a.wav | grep -q ' siren$' || fail "through a pipe"
tail -c 16000 sounds/rise_b.wav >"$work/rise.raw"
"$work/keywords" --top=1 "$work/rise.raw" | grep -q ' rise$' || fail "raw samples"

"$work/keywords" --output "$work/native.npy" sounds
"$lepc" run "$model" --reference --output "$work/reference.npy" sounds
if [[ $strict = yes ]]; then
  cmp "$work/native.npy" "$work/reference.npy" || fail "strict code has other bits than the interpreter"
fi
head -c 9000 sounds/rise_b.wav >"$work/short.wav"
"$work/keywords" "$work/short.wav" 2>"$work/error" && fail "a short sound was taken"
grep -q 'help: sox' "$work/error" || fail "no way out for a short sound"
echo "keywords: all 14 sounds are heard as what they are"
