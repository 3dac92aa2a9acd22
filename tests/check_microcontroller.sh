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

# The same bits; without fused multiply-adds of f32, as in software, those of softmax are near.
same() {
  [[ $software ]] || { cmp "$work/wanted" "$work/got"; return; }
  local most=64 off
  while read -r wanted got; do
    off=$((0x$wanted - 0x$got))
    ((off <= most && -off <= most)) || return 1
  done < <(paste "$work/wanted" "$work/got")
}

# check CORE KIND [OPTION...]
check() {
  local core=$1 kind=$2 stack predicted calls software='' flash; shift 2
  # a core without a floating-point unit has the compiler's library for it
  [[ $core != cortex-m3 ]] || software='|__aeabi_(fadd|fsub|fmul|fdiv|fcmp(gt|lt|un)|f2iz|i2f)'
  export LEPC_FLAGS="--fp=strict $*"
  words "$work/$kind.npy" >"$work/wanted"
  [[ $(wc -l <"$work/wanted") -eq 10 ]] || fail "no ten outputs of the reference"
  "$lepc" report memory "$model" "--target=$core" --fp=strict "$@" >"$work/report"
  examples/microcontroller/run.sh $core "$picture" "$work/$core" >"$work/said" 2>"$work/built" ||
    fail "$core: $(cat "$work/said" "$work/built")"
  sed -n 's/^output //p' "$work/said" >"$work/got"
  same || fail "$core: other bits: $(cat "$work/got")"
  grep -x "digit 4" "$work/said" >/dev/null || fail "$core takes a 4 for another digit"
  stack=$(sed -n 's/^stack //p' "$work/said")
  predicted=$(figure '([0-9]+) of stack')
  grep -E "^arena +$(sed -n 's/^arena //p' "$work/said") bytes" "$work/report" >/dev/null || fail "$core: another arena"
  [[ $stack -le $predicted && $predicted -le $((stack + 64)) ]] || fail "$core: stack $stack, predicted $predicted"
  calls=$(arm-none-eabi-nm -u "$work/$core/mnist.o" | awk '{ print $2 }' |
    grep -vxE "memcpy|memset$software" || true)
  [[ -z $calls ]] || fail "$core: the object calls $calls"
  flash=$(arm-none-eabi-size -A "$work/$core/mnist.o" |
    awk '/^\.(text|rodata|ARM\.exidx)/ { sum += $2 } END { print sum }')
  [[ $flash -eq $(figure 'flash +([0-9]+) bytes') ]] || fail "$core: $flash bytes of flash, not what the report says"
  arm-none-eabi-objdump -h "$work/$core/mnist.o" | grep -F .rodata.lep.weights >/dev/null ||
    fail "$core: weights are not in flash"
  echo "microcontroller: $core, $kind, is as the reference, $stack bytes of stack"
}

for core in cortex-m4 cortex-m55; do
  check $core float
  check $core eight $eight
done
check cortex-m3 eight $eight
"$lepc" build "$model" $eight --target=cortex-m4 --emit=asm -o "$work/dual.s"
grep -q smlad "$work/dual.s" || fail "no smlad for cortex-m4"
"$lepc" build "$model" $eight --target=cortex-m55 --emit=asm -o "$work/sums.s"
grep -q 'vmlava\.s8' "$work/sums.s" || fail "no vmlava.s8 for cortex-m55"

# Depthwise layers: the keyword spotting net of bench/, whose outputs are summed up there.
net=bench/models/dscnn.lep
tail -c 490 examples/mnist/mnist.safetensors >"$work/picture.raw"
keywords="--quantize=all:int8 --calibrate=$work/picture.raw"
"$lepc" dump $net $keywords --fp=strict --target=cortex-m4 --after=quantise -o "$work/keywords.lep"
"$lepc" run "$work/keywords.lep" --reference --input "features=$work/picture.raw" --output "word=$work/word.npy"
wanted=0
for word in $(words "$work/word.npy"); do wanted=$(((wanted * 31 + 0x$word) % 4294967296)); done
for core in cortex-m4 cortex-m55; do
  # its tiles are right here, too, where softmax has fused multiply-adds as well
  if grep -qw fma /proc/cpuinfo && grep -qw avx2 /proc/cpuinfo; then
    "$lepc" dump $net $keywords --fp=strict --target=$core --after=plan -o "$work/planned.lep"
    "$lepc" run "$work/planned.lep" --fp=strict --cpu=x86-64-v3 --input "features=$work/picture.raw" \
      --output "word=$work/here.npy"
    cmp "$work/word.npy" "$work/here.npy" || fail "$core: its schedules compute something else on x86-64-v3"
  fi
  "$lepc" build $net $keywords --target=$core --fp=strict -q -o "$work/dscnn.o"
  case $core in cortex-m4) machine=mps2-an386 fpu=fpv4-sp-d16 ;; *) machine=mps3-an547 fpu=auto ;; esac
  arm-none-eabi-gcc -mcpu=$core -mthumb -mfloat-abi=hard -mfpu=$fpu -Os -std=c11 -ffreestanding -nostdlib \
    -fno-tree-loop-distribute-patterns -Wl,-z,noexecstack -DMODEL=dscnn -DCAPITALS=DSCNN -DINPUT=int8_t -DOUTPUTS=12 \
    -I"$work" "-Wa,-I$work" -T examples/microcontroller/board.ld bench/microcontroller.c \
    examples/microcontroller/startup.c "$work/dscnn.o" -lgcc -o "$work/dscnn.elf"
  timeout 60 qemu-system-arm -M $machine -icount shift=0 -nographic -semihosting -kernel "$work/dscnn.elf" \
    >"$work/said" 2>&1
  grep -qx "sum $wanted" "$work/said" || fail "$core: other bits with depthwise layers: $(cat "$work/said")"
  echo "microcontroller: $core, keywords, $(grep instructions "$work/said")"
done
