#!/usr/bin/env bash
# What `lepc report size` says is what is in the object that the same flags write: section by section, and the layers'
# rows add up to it.  `lepc report time` has the layers and multiply-adds that `lepc check` counts.
set -euo pipefail
lepc=$(realpath "${LEPC:-build/bin/lepc}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*" >&2; exit 1; }

# check MODEL FLAG...
check() {
  local model=$1 flash macs
  shift
  "$lepc" report size "$model" -q "$@" >"$work/report"
  "$lepc" "$model" -q "$@" -o "$work/model.o"
  flash=$(sed -nE 's/^flash +([0-9]+) .*/\1/p' "$work/report")
  awk '/^section/ {on = 1; next} !NF {on = 0} on {print $1, $2}' "$work/report" | sort >"$work/said"
  readelf -SW "$work/model.o" | sed -E 's/^ *\[ *[0-9]+\] *//' |
    awk '$7 ~ /A/ && $5 !~ /^0+$/ {print $1, $5}' | while read -r name bytes; do echo "$name $((16#$bytes))"; done |
    sort >"$work/found"
  diff "$work/said" "$work/found" || fail "$model $*: the object has other sections"
  awk -v flash="$flash" '{sum += $2} END {exit sum != flash}' "$work/said" || fail "$model $*: sections are not $flash"
  awk -v flash="$flash" '$1 == "layer" {on = 1; next} !on {next} $1 == "all" {all = $4; next}
    {for (i = 1; i <= NF; i++) if ($i == "%") sum += $(i - 2); if ($(NF - 4) < 0 || $(NF - 3) < 0) exit 1}
    END {exit sum != flash || all != flash}' "$work/report" || fail "$model $*: layers are not $flash"
  macs=$("$lepc" check "$model" -q "$@" | sed -n 's/^MACs *//p')
  "$lepc" report time "$model" -q "$@" | awk -v macs="$macs" '$1 == "all" {found = $2} END {exit found != macs}' ||
    fail "$model $*: other MACs than $macs"
}

check examples/mnist/mnist.lep --cpu=x86-64-v3
check examples/mnist/mnist.lep -Os --run-threads=4
check examples/sensor/sensor.lep --target=cortex-m4
check examples/gpt/gpt.lep --target=aarch64-linux-gnu
