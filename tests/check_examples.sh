#!/usr/bin/env bash
# What the examples claim of themselves: coefficients, accuracies on data that was held back, a cache that changes no
# bit, pictures that another network reads, shapes that are found, a pole that stands, and weights that fit
# torchvision's names.
# check_docs runs what their READMEs show.
set -euo pipefail
cd "$(dirname "$0")/.."
lepc=$(realpath "${LEPC:-build/bin/lepc}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "examples: $*" >&2; exit 1; }
strict="-q --fp=strict"
grep -q fma /proc/cpuinfo && strict="$strict --cpu=x86-64-v3"
run() { "$lepc" run "examples/$1.lep" -q "${@:2}"; }
library() { # FOLDER MODEL PROGRAM: the model's library and the example's own program
  "$lepc" "examples/$1/$2.lep" $strict -o "$work/$2.a"
  cc -std=c11 -O1 -Wall -Wextra -Wpedantic -Wconversion -Werror -I"$work" "examples/$1/main.c" "$work/$2.a" -lm \
    -o "$work/$3"
}
at_least() { # WHAT FOUND WANTED
  [[ $2 -ge $3 ]] || fail "$1: $2, wanted $3 or more"
}
right() { sed -n 's/^Test accuracy: .*(\([0-9]*\) of .*/\1/p'; }

# a run on zeros and on each unit gives the base and the coefficients that the data were made with
python3 - "$work/units.raw" <<'END'
import struct
import sys

rows = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, 1]]
open(sys.argv[1], "wb").write(b"".join(struct.pack("<3f", *row) for row in rows))
END
run linear-regression/linear_regression "$work/units.raw" | grep -v raw | tr '\n' ' ' >"$work/fit"
awk '{ if ($1 < 15 || $1 > 25 || $2 - $1 < 5.7 || $2 - $1 > 6.3 || $3 - $1 < 40 || $3 - $1 > 50 || $4 - $2 > -7 ||
           $4 - $2 < -9) exit 1 }' "$work/fit" || fail "linear regression: $(cat "$work/fit")"

folder=examples/logistic-regression
at_least "logistic regression" \
  "$(run logistic-regression/logistic_regression $folder/seeds.npy --labels=$folder/kinds.npy | right)" 190
folder=examples/sensor
at_least "sensor" "$(run sensor/sensor --stream $folder/minute.npy --labels=$folder/activities.npy | right)" 1450
[[ $(run sensor/sensor $folder/minute.npy --labels=$folder/activities.npy | right) -lt 1000 ]] ||
  fail "sensor: no state"

library text-classifier text_classifier topic
cut -f 2 examples/text-classifier/held_out.txt | "$work/topic" examples/text-classifier/words.txt | cut -d' ' -f1 |
  paste - examples/text-classifier/held_out.txt >"$work/topics"
at_least "text classifier" "$(awk '$1 == $2' "$work/topics" | wc -l)" 23

library tagger tagger tag
sed 's,/[a-z]*,,g' examples/tagger/held_out.txt | "$work/tag" examples/tagger/words.txt >"$work/tags"
at_least "tagger" "$(paste -d'|' "$work/tags" examples/tagger/held_out.txt | awk -F'|' '$1 == $2' | wc -l)" 13

# the cache of keys and values changes no bit: 128 letters one by one, and at once
python3 - "$work/text.raw" <<'END'
import struct
import sys

alphabet = "\n \"',-.:?abcdefghijklmnopqrstuvwxyz"
text = open("examples/gpt/fables.txt").read()[700:828]
open(sys.argv[1], "wb").write(struct.pack("<128i", *map(alphabet.index, text)))
END
run gpt/gpt $strict --stream "$work/text.raw" --output "scores=$work/one.npy" >/dev/null
run gpt/whole $strict "$work/text.raw" --output "scores=$work/all.npy" >/dev/null
tail -c $((128 * 35 * 4)) "$work/one.npy" >"$work/one"
tail -c $((128 * 35 * 4)) "$work/all.npy" >"$work/all"
cmp "$work/one" "$work/all" || fail "gpt: with its cache and without it differ"
run gpt/whole --reference "$work/text.raw" --output "scores=$work/all.npy" >/dev/null
[[ $strict != *v3* ]] || tail -c $((128 * 35 * 4)) "$work/all.npy" | cmp - "$work/one" || fail "gpt: not the reference"
library gpt gpt gpt
"$work/gpt" "an old horse was" 160 | grep -q 'i ran to the mill and waited there. now i walk to the mill' ||
  fail "gpt: $("$work/gpt" "an old horse was" 160)"
[[ $("$work/gpt" "the ant" 300 7) == $("$work/gpt" "the ant" 300 7) ]] || fail "gpt: two runs differ"
"$work/gpt" "THE ANT" 2>/dev/null && fail "gpt: accepts letters that it does not know"

# pictures that the network of examples/mnist reads as what was asked for, and no two alike
library gan gan gan
"$lepc" examples/mnist/mnist.lep -q -o "$work/mnist"
for digit in 0 1 2 3 4 5 6 7 8 9; do
  for hand in $(seq 20); do
    "$work/gan" $digit "$hand" | tail -c 784 >"$work/$digit-$hand.raw"
  done
done
"$work/mnist" --top=1 "$work"/?-*.raw | awk -F/ '/raw/ { digit = substr($NF, 1, 1) } !/raw/ { good += $1 ~ digit "$" }
  END { print good }' >"$work/read"
at_least "gan: digits that are read" "$(cat "$work/read")" 180
at_least "gan: pictures" "$(md5sum "$work"/?-*.raw | cut -c1-32 | sort -u | wc -l)" 200

# every shape that was drawn is found as what it is, its box with an IoU above 0.5, and nothing else is
library detector detector detect
"$work/detect" examples/detector/pictures/*.pgm >"$work/found"
python3 - "$work/found" examples/detector/drawn.txt <<'END' || fail "detector: $(cat "$work/found")"
import sys


def shapes(path):
    rows = [line.split() for line in open(path)]
    return [(tuple(row[:2]), [float(side) for side in row[2:]]) for row in rows]


def area(box):
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)


def iou(a, b):
    common = area([max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])])
    return common / (area(a) + area(b) - common)


found, drawn = (shapes(path) for path in sys.argv[1:])
missed = [shape for shape in drawn if sum(name == shape[0] and iou(box, shape[1]) > 0.5 for name, box in found) != 1]
print(*missed, sep="\n", file=sys.stderr)
sys.exit(1 if missed or len(found) != len(drawn) or len(drawn) < 20 else 0)
END
picture=examples/detector/pictures/01.pgm
run detector/detector $strict $picture --output "box=$work/box.npy" >/dev/null
run detector/detector --reference $picture --output "box=$work/reference.npy" >/dev/null
[[ $strict != *v3* ]] || cmp "$work/box.npy" "$work/reference.npy" || fail "detector: not the reference"

library q-network q_network cart
"$work/cart" 20 500 >"$work/stood" || fail "q-network: $(cat "$work/stood")"

# torchvision's names and shapes, of weights that are all zero
python3 tests/support/torchvision_names.py "$work"
for model in resnet/resnet18 resnet/resnet50 mobilenet/mobilenet_v2; do
  name=$(basename $model)
  sed "s/^  weights seed: 1.*/  weights \"$name.safetensors\" layout: pytorch/" "examples/$model.lep" >"$work/$name.lep"
  "$lepc" dump "$work/$name.lep" --after=expand -o "$work/$name.dump.lep" 2>"$work/said" ||
    fail "$(head -5 "$work/said")"
  [[ ! -s $work/said ]] || fail "$name: $(head -5 "$work/said")"
  grep -c '= param(' "$work/$name.dump.lep" | cmp - "$work/$name.count" || fail "$name: parameters"
done
echo "examples: all do what they claim"
