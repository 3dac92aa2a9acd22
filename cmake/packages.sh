#!/usr/bin/env bash
# packages.sh build|test: installs by apt what is missing of what lepc needs (Debian 12). As root or with sudo.
set -euo pipefail

# to build lepc, to link what it compiles, and to draw the example's picture
build=(gcc libc6-dev cmake ninja-build flex bison llvm-19-dev libcjson-dev zlib1g-dev libprotobuf-c-dev
  protobuf-c-compiler libstb-dev python3-minimal python3-pil)
# for the tests as well: a correctly rounded library, sanitizers and libFuzzer, the formatter of the house's style
test=(libcmocka-dev libmpfr-dev clang-19 libclang-rt-19-dev clang-format-14 binutils
  # users of libraries: C++, pkg-config; ONNX's official tests come by pip
  g++ pkg-config python3-pip
  # for other processors: their compilers and what runs their programs here
  gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-riscv64-linux-gnu libc6-dev-riscv64-cross qemu-user
  gcc-arm-none-eabi qemu-system-arm)

case ${1:-} in
build) wanted=("${build[@]}") ;;
test) wanted=("${build[@]}" "${test[@]}") ;;
*) sed -n '2s/^# //p' "$0"; exit 2 ;;
esac

missing=()
for name in "${wanted[@]}"; do
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null || true) == installed ]] || missing+=("$name")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  as_root=(sudo)
fi
if ! command -v apt-get >/dev/null || ! command -v "${as_root[0]:-true}" >/dev/null; then
  echo "packages.sh: missing: ${missing[*]}" >&2
  echo "packages.sh: install these (Debian's names), or run this as root on Debian 12" >&2
  exit 74
fi
echo "installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
  tail -n 20 "$log" >&2
  echo "packages.sh: apt failed" >&2
  exit 74
fi
