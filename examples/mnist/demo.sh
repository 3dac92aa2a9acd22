#!/usr/bin/env bash
# From nothing to a running model: installs what is missing, builds lepc, compiles mnist.lep to a standalone binary
# and runs it on the shipped digits.
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { printf '\n== %s\n' "$*"; }

say "what lepc needs"
bash cmake/packages.sh build
echo "there"

say "building lepc"
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF >/dev/null
ninja -C build --quiet

say "lepc build examples/mnist/mnist.lep -o build/mnist"
build/bin/lepc build examples/mnist/mnist.lep -o build/mnist
ls -l build/mnist | awk '{ print $5 " bytes, weights and all" }'

for picture in 3_a 7_b 9_c; do
  say "build/mnist examples/mnist/digits/$picture.png"
  build/mnist "examples/mnist/digits/$picture.png"
done

say "all 25 digits"
# Debian's Python has the Pillow that was installed; another one in front of it on the path may not
python=python3
"$python" -c 'import PIL' 2>/dev/null || python=/usr/bin/python3
"$python" examples/mnist/gallery.py build/mnist -o build/gallery.png
