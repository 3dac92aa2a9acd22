#!/bin/sh
# Compiles the network and shows that the machine code is right on MNIST's test images:
#
#   examples/mnist/accuracy.sh [COUNT]        (the first COUNT images; default 0: all 10 000)
#
# - the accuracy is at least 99.0 % (checked over all images only);
# - it agrees with the reference interpreter: the same class on every image, probabilities
#   within the bound; with --fp=strict on x86-64-v3 the same bits;
# - in 8 bits (--deploy=int8) at most 0.2 points less, and the reference's bits on the first 200 images.
#
# LEPC       the compiler, default build/bin/lepc of this repository
# LEPC_DATA  a folder with data/mnist/*.gz, default `shared` beside the repository;
#            without the data the script says SKIPPED and ends with status 77.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
lepc=${LEPC:-$root/build/bin/lepc}
data=${LEPC_DATA:-$root/../shared}/data/mnist
count=${1:-0}
images=t10k-images-idx3-ubyte
labels=t10k-labels-idx1-ubyte

fail() { echo "accuracy.sh: $*" >&2; exit 1; }

for file in "$images" "$labels"; do
  if [ ! -f "$data/$file.gz" ]; then
    echo "SKIPPED: no $file.gz in $data (set LEPC_DATA to a folder that has it in data/mnist)"
    exit 77
  fi
done
[ -x "$lepc" ] || fail "no compiler at $lepc: build it, or set LEPC"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# unpack NAME AS COUNT: one IDX file into the work folder, cut to the first COUNT entries unless that is 0
unpack() {
  python3 - "$data/$1.gz" "$work/$2" "$3" <<'PY'
import gzip, struct, sys
raw = gzip.open(sys.argv[1]).read()
rank, total = raw[3], struct.unpack(">I", raw[4:8])[0]
head, count = 4 + 4 * rank, int(sys.argv[3])
if 0 < count < total:
    each = (len(raw) - head) // total
    raw = raw[:4] + struct.pack(">I", count) + raw[8 : head + count * each]
open(sys.argv[2], "wb").write(raw)
PY
}

# try_build NAME FLAG...: compiles, runs over the images, checks the accuracy
try_build() {
  name=$1; shift
  echo "== $name: lepc $*"
  "$lepc" build "$here/mnist.lep" "$@" -o "$work/$name"
  "$work/$name" --input image="$work/$images" --labels="$work/$labels" \
    --output digit="$work/$name.npy" > "$work/$name.txt"
  grep 'Test accuracy:' "$work/$name.txt" || fail "$name printed no accuracy"
  [ "$count" -eq 0 ] || return 0
  awk '/Test accuracy:/ { ok = $3 + 0 >= 99.0 } END { exit !ok }' "$work/$name.txt" || fail "$name: below 99.0 %"
}

agree() { python3 "$here/compare_outputs.py" "$@" || fail "machine code and reference differ"; }

can_run_v3() {
  [ "$(uname -m)" = x86_64 ] && grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo && grep -qw bmi2 /proc/cpuinfo
}

unpack "$images" "$images" "$count"
unpack "$labels" "$labels" "$count"
unpack "$images" few 200
echo "== reference interpreter (about a minute for all images)"
"$lepc" run "$here/mnist.lep" --reference --input image="$work/$images" --output digit="$work/reference.npy" > /dev/null

try_build baseline -O3
agree "$work/reference.npy" "$work/baseline.npy"
try_build native --cpu=native
agree "$work/reference.npy" "$work/native.npy"
if can_run_v3; then
  try_build strict --fp=strict --cpu=x86-64-v3
  agree "$work/reference.npy" "$work/strict.npy" --bits
else
  echo "== strict: left out, this machine is no x86-64-v3"
fi

# points NAME: what it printed, without the %
points() { sed -n 's/^Test accuracy: *\([0-9.]*\).*/\1/p' "$work/$1.txt"; }

try_build int8 --deploy=int8 --cpu=native
echo "f32 $(points native) %, int8 $(points int8) %"
awk "BEGIN { exit !($(points native) - $(points int8) <= 0.2) }" || fail "int8 loses more than 0.2 points"
cpu= bits=
if can_run_v3; then cpu=--cpu=x86-64-v3 bits=--bits; fi
for how in "" --reference; do
  "$lepc" run "$here/mnist.lep" --deploy=int8 --fp=strict $cpu $how --input image="$work/few" \
    --output digit="$work/int8$how.npy" > /dev/null
done
agree "$work/int8--reference.npy" "$work/int8.npy" $bits
echo "all right"
