#!/usr/bin/env bash
# Objects of element-wise operators call nothing but memcpy and memset: no elementary function, no conversion of narrow
# floats, on any processor that has f32.  (f64 on a processor without it is its compiler's library.)
set -euo pipefail
cd "$(dirname "$0")/.."
lepc=$(realpath "${LEPC:-build/bin/lepc}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/maps.lep" << 'END'
lep 1

model maps {
  input x: f32[37]
  input y: f32[37]
  input i: i32[37]
  input j: i32[37]
  input h: f16[37]
  input b: bf16[37]
  output angles = sin(x) + cos(y) + tan(x) + asin(x) + acos(y) + atan(x)
  output hyperbolic = sinh(x) + cosh(y) + tanh(x) + asinh(x) + acosh(y) + atanh(x)
  output powers = pow(x, y) + exp(x) + expm1(y) + log(x) + log1p(x) + sqrt(y) + erf(x) + mod(x, y)
  output whole = mod(i, j) + pow(i, j) + i / j
  output gates = mish(x) + softplus(y) + selu(x) + elu(y) + celu(x) + shrink(y) + softsign(x) + gelu(x)
  output rounded = round(x) + sign(x) + floor(y) + ceil(x)
  output half = exp(h) + sin(h) + f16(i)
  output brain = exp(b) + b + bf16(i)
  output e4m3 = cast(x, to: f8e4m3fn)
  output e5m2 = cast(h, to: f8e5m2)
  output e8m0 = cast(i, to: f8e8m0)
  output e2m1 = cast(i, to: f4e2m1)
  output nibble = cast(x, to: i4)
}
END

check() {
  "$lepc" build "$work/maps.lep" "$@" --emit=obj -o "$work/maps.o" -q
  calls=$(nm -u "$work/maps.o" | awk '$2 != "memcpy" && $2 != "memset" { print $2 }')
  [ -z "$calls" ] || { echo "$*: calls $calls"; exit 1; }
}

check
check --cpu=x86-64-v4
check --target=aarch64-linux-gnu
check --target=cortex-m4
echo "objects call nothing"
