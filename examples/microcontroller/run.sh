#!/usr/bin/env bash
# run.sh CORE [PICTURE [FOLDER]]: the digit network on cortex-m3, cortex-m4 or cortex-m55, under qemu-system-arm.
#   PICTURE  28x28 grey, default ../mnist/digits/7_a.png      FOLDER  keeps what is built; default: a temporary one
#   LEPC     the compiler, default build/bin/lepc      LEPC_FLAGS  more flags for it
#   MODEL    default ../mnist/mnist.lep
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
core=${1:?run.sh cortex-m3|cortex-m4|cortex-m55 [PICTURE [FOLDER]]}
picture=$(realpath "${2:-$here/../mnist/digits/7_a.png}")
lepc=$(realpath "${LEPC:-$here/../../build/bin/lepc}")
model=$(realpath "${MODEL:-$here/../mnist/mnist.lep}")
case $core in
  cortex-m3) machine=mps2-an385 float=(-mfloat-abi=soft) ;;
  cortex-m55) machine=mps3-an547 float=(-mfloat-abi=hard -mfpu=auto) ;;
  *) machine=mps2-an386 float=(-mfloat-abi=hard -mfpu=fpv4-sp-d16) ;;
esac
folder=${3:-}
if [[ -z $folder ]]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
fi
mkdir -p "$folder" && cd "$folder"
# Debian's Python has the Pillow that was installed; another one in front of it on the path may not
python=python3
"$python" -c 'import PIL' 2>/dev/null || python=/usr/bin/python3
"$python" -c 'import sys; from PIL import Image
open("picture.raw", "wb").write(Image.open(sys.argv[1]).convert("L").tobytes())' "$picture"
"$lepc" build "$model" "--target=$core" ${LEPC_FLAGS:-} -o mnist.o
arm-none-eabi-gcc "-mcpu=$core" -mthumb "${float[@]}" -Os -std=c11 -Wall -Wextra -Wpedantic \
  -Wconversion -ffreestanding -fno-tree-loop-distribute-patterns -nostdlib -Wl,-z,noexecstack -I. -T "$here/board.ld" \
  "$here/main.c" "$here/startup.c" mnist.o -lgcc -o mnist.elf
arm-none-eabi-size mnist.elf >&2
# what it says comes on the standard error
timeout 60 qemu-system-arm -M "$machine" -nographic -semihosting -kernel mnist.elf 2>&1
