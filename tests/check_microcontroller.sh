#!/usr/bin/env bash
# The example for microcontrollers under qemu-system-arm: strict code has the bits of the reference interpreter, arena
# and stack are what `report memory` says, the object calls nothing but memcpy and memset.
set -euo pipefail
cd "$(dirname "$0")/.."
lepc=$(realpath "${LEPC:-build/bin/lepc}")
export LEPC=$lepc
model=examples/mnist/mnist.lep
picture=examples/mnist/digits/4_a.png
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "microcontroller: $*" >&2; exit 1; }
for tool in arm-none-eabi-gcc qemu-system-arm; do
  command -v $tool >/dev/null || { echo "microcontroller: skipped: no $tool"; exit 77; }
done

# the ten numbers behind the header of the .npy, as hexadecimal words
words() {
  od -An -v -t x4 -w4 -j 128 "$1" | sed 's/^ *0*//; s/^$/0/'
}
# the reference of 8-bit layers is what the interpreter makes of the quantised graph
eight="--quantize=all:int8 --calibrate=$PWD/examples/mnist/digits"
cp examples/mnist/digits.txt examples/mnist/mnist.safetensors "$work"
"$lepc" dump "$model" $eight --target=cortex-m4 --after=quantise -o "$work/eight.lep"
"$lepc" run "$model" --reference --input "image=$picture" --output "digit=$work/float.npy"
"$lepc" run "$work/eight.lep" --reference --input "image=$picture" --output "digit=$work/eight.npy"

# figure PATTERN: a number of `report memory`
figure() { sed -nE "s/.*\b$1.*/\1/p" "$work/report"; }

# check CORE KIND [OPTION...]
check() {
  local core=$1 kind=$2 stack predicted calls; shift 2
  export LEPC_FLAGS="--fp=strict $*"
  words "$work/$kind.npy" >"$work/wanted"
  [[ $(wc -l <"$work/wanted") -eq 10 ]] || fail "no ten outputs of the reference"
  "$lepc" report memory "$model" "--target=$core" --fp=strict "$@" >"$work/report"
  examples/microcontroller/run.sh $core "$picture" "$work/$core" >"$work/said" 2>"$work/built" ||
    fail "$core: $(cat "$work/said" "$work/built")"
  sed -n 's/^output //p' "$work/said" >"$work/got"
  cmp "$work/wanted" "$work/got" || fail "$core: other bits: $(cat "$work/got")"
  grep -x "digit 4" "$work/said" >/dev/null || fail "$core takes a 4 for another digit"
  stack=$(sed -n 's/^stack //p' "$work/said")
  predicted=$(figure '([0-9]+) of stack')
  grep -E "^arena +$(sed -n 's/^arena //p' "$work/said") bytes" "$work/report" >/dev/null || fail "$core: another arena"
  [[ $stack -le $predicted && $predicted -le $((stack + 64)) ]] || fail "$core: stack $stack, predicted $predicted"
  calls=$(arm-none-eabi-nm -u "$work/$core/mnist.o" | awk '{ print $2 }' |
    grep -vxE 'memcpy|memset|__aeabi_mem(cpy|set|clr)[48]?' || true)
  [[ -z $calls ]] || fail "$core: the object calls $calls"
  arm-none-eabi-objdump -h "$work/$core/mnist.o" | grep -F .rodata.lep.weights >/dev/null ||
    fail "$core: weights are not in flash"
  echo "microcontroller: $core, $kind, has the reference's bits, $stack bytes of stack"
}

for core in cortex-m4 cortex-m55; do
  check $core float
  check $core eight $eight
done
"$lepc" build "$model" $eight --target=cortex-m4 --emit=asm -o "$work/dual.s"
grep -q smlad "$work/dual.s" || fail "no smlad for cortex-m4"
"$lepc" build "$model" $eight --target=cortex-m55 --emit=asm -o "$work/sums.s"
grep -q 'vmlava\.s8' "$work/sums.s" || fail "no vmlava.s8 for cortex-m55"
