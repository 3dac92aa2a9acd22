#!/usr/bin/env bash
# The compiled MNIST network on the real test images: 99.0 %, and what the reference interpreter says.
#   LEPC_DATA     where the images are, default ../shared; without them this is skipped
#   LEPC_SAMPLED  the first 200 images only: the interpreter takes a minute for all
set -euo pipefail
cd "$(dirname "$0")/.."
count=0
[[ -z ${LEPC_SAMPLED:-} ]] || count=200
exec sh examples/mnist/accuracy.sh "$count"
