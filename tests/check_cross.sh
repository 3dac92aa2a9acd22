#!/usr/bin/env bash
# Binaries for other processors, linked by their cross compilers and run under qemu: strict code has the bits of the
# reference interpreter, with 8-bit layers too. What is not installed is skipped, and said.
set -euo pipefail
cd "$(dirname "$0")/.."
lepc=$(realpath "${LEPC:-build/bin/lepc}")
model=examples/mnist/mnist.lep
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ran=0
fail() { echo "cross: $*" >&2; exit 1; }

# expects COMMAND... fails with status 74 and names the package
names_package() {
  local package=$1 status=0; shift
  "$@" 2>"$work/said" || status=$?
  [[ $status -eq 74 ]] || fail "status $status in place of 74: $*"
  grep -q "$package" "$work/said" || fail "no word of $package: $(cat "$work/said")"
}

digits=(0_a 4_a 7_a)
for digit in "${digits[@]}"; do
  "$lepc" run "$model" --reference --input "image=examples/mnist/digits/$digit.png" --output "digit=$work/$digit.npy"
done

# the reference of 8-bit layers is what the interpreter makes of the quantised graph
eight=(--quantize=all:int8 --calibrate=examples/mnist/digits)
cp examples/mnist/digits.txt examples/mnist/mnist.safetensors "$work"
"$lepc" dump "$model" "${eight[@]}" --target=raspberry-pi-4 --after=quantise -o "$work/eight.lep"
"$lepc" run "$work/eight.lep" --reference --input image=examples/mnist/digits/4_a.png --output "digit=$work/eight.npy"
"$lepc" build "$model" "${eight[@]}" --target=raspberry-pi-5 --emit=asm -o "$work/dot.s"
grep -qE 'sdot.*v[0-9]+\.(16b|4b)' "$work/dot.s" || fail "no sdot for raspberry-pi-5"

"$lepc" build "$model" "${eight[@]}" --target=raspberry-pi-4 --emit=asm -o "$work/pairs.s"
grep -qE 'sadalp.*v[0-9]+\.4s, v[0-9]+\.8h' "$work/pairs.s" || fail "no sadalp for raspberry-pi-4"
"$lepc" build "$model" "${eight[@]}" --target=rv64gcv --emit=asm -o "$work/widening.s"
grep -qE 'vwmacc\.vx' "$work/widening.s" || fail "no vwmacc for rv64gcv"

# check TARGET TRIPLE INSTRUCTION QEMU...: INSTRUCTION is a pattern that the innermost loops must hold
check() {
  local target=$1 triple=$2 instruction=$3; shift 3
  "$lepc" build "$model" "--target=$target" --emit=asm -o "$work/$target.s"
  awk '/^\.L/ { inner = 0 } /This Inner Loop Header/ { inner = 1 } inner' "$work/$target.s" >"$work/loops"
  grep -qE "$instruction" "$work/loops" ||
    fail "no $instruction in the loops of $target"
  if ! command -v "$triple-gcc" >/dev/null || ! command -v "$1" >/dev/null || ! [[ -d /usr/$triple/lib ]]; then
    echo "cross: skipped $target: needs gcc-$triple with its C library, and qemu-user"
    return
  fi
  names_package "gcc-$triple" env PATH=/var/empty "$lepc" build "$model" "--target=$target" -o "$work/none"
  "$lepc" build "$model" "--target=$target" --fp=strict -o "$work/$target"
  "$lepc" build "$model" "--target=$target" -o "$work/$target-fast"
  for digit in "${digits[@]}"; do
    "$@" -L "/usr/$triple" "$work/$target" --input "image=examples/mnist/digits/$digit.png" \
      --output "digit=$work/there.npy" 2>"$work/said" || fail "$target: $(cat "$work/said")"
    cmp "$work/$digit.npy" "$work/there.npy" || fail "$target: other bits for $digit"
    "$@" -L "/usr/$triple" "$work/$target-fast" "examples/mnist/digits/$digit.png" 2>/dev/null |
      grep -E "^ *[0-9.]+ %  ${digit%_*}$" >/dev/null || fail "$target takes $digit for another digit"
  done
  "$lepc" build "$model" "--target=$target" --fp=strict "${eight[@]}" -o "$work/$target-eight"
  "$@" -L "/usr/$triple" "$work/$target-eight" --input image=examples/mnist/digits/4_a.png \
    --output "digit=$work/there.npy" 2>"$work/said" || fail "$target: $(cat "$work/said")"
  cmp "$work/eight.npy" "$work/there.npy" || fail "$target: other bits with 8-bit layers"
  echo "cross: $target has the reference's bits"
  ran=$((ran + 1))
}

check raspberry-pi-4 aarch64-linux-gnu 'fmla.*v[0-9]+\.s\[[0-3]\]' qemu-aarch64
check rv64gcv riscv64-linux-gnu 'vfm(acc|add)\.vf' qemu-riscv64 -cpu rv64,v=true,vlen=128
check raspberry-pi-5 aarch64-linux-gnu 'fmla' qemu-aarch64 -cpu max
[[ $ran -gt 0 ]] || exit 77
