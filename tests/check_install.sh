#!/usr/bin/env bash
# Installs lepc under a new prefix, then builds a project that compiles a model by find_package(lepc), and reads what
# pkg-config and the manual pages say.
set -euo pipefail
build=${LEPC_BUILD:-$(dirname "$LEPC")/..}
export CMAKE_GENERATOR=Ninja # the one that is there
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*" >&2; exit 1; }

DESTDIR= cmake --install "$build" --prefix "$work/prefix" >"$work/log" 2>&1 || { cat "$work/log"; fail "no install"; }
mkdir "$work/project"
cat >"$work/project/CMakeLists.txt" <<'P'
cmake_minimum_required(VERSION 3.20)
project(user LANGUAGES C)
find_package(lepc 0.1 REQUIRED)
lepc_add_model(adder adder.lep OPTIONS -O1)
add_executable(user user.c)
target_link_libraries(user PRIVATE adder)
P
cat >"$work/project/adder.lep" <<'P'
lep 1
model adder {
  input x: f32[2]
  output y = x + 1.0
}
P
cat >"$work/project/user.c" <<'P'
#include "adder.h"
#include <stdio.h>
int main(void)
{
    const float x[2] = {1, 2};
    float y[2];
    int status = adder_run(x, y, NULL, NULL);
    printf("%d %g %g\n", status, (double)y[0], (double)y[1]);
    return 0;
}
P
cmake -S "$work/project" -B "$work/out" -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/log" 2>&1 &&
  cmake --build "$work/out" >>"$work/log" 2>&1 || { cat "$work/log"; fail "the user's project does not build"; }
said=$("$work/out/user")
[[ $said == "0 2 3" ]] || fail "expected '0 2 3', found '$said'"

# an older model is compiled again
sed -i 's/1\.0/5.0/' "$work/project/adder.lep"
cmake --build "$work/out" >"$work/log" 2>&1
[[ $("$work/out/user") == "0 6 7" ]] || fail "a changed model was not compiled again"

"$work/prefix/bin/lepc" "$work/project/adder.lep" -q -o "$work/adder" || fail "the installed lepc finds no runner"
if command -v pkg-config >/dev/null; then
  pc=$(find "$work/prefix" -name lepc.pc -printf '%h')
  found=$(PKG_CONFIG_PATH=$pc pkg-config --variable=lepc lepc)
  [[ $found -ef $work/prefix/bin/lepc ]] || fail "pkg-config finds lepc at $found"
fi
for page in man1/lepc.1 man5/lep.5; do
  file=$(find "$work/prefix" -path "*/$page")
  [[ -s $file ]] || fail "no $page"
  ! command -v man >/dev/null || [[ -z $(man --warnings -l "$file" 2>&1 >/dev/null) ]] || fail "$page: roff warns"
done
page=$(find "$work/prefix" -name lepc.1)
for word in $("$LEPC" --help | grep -oE -- '--[a-z][a-z-]+' | sort -u); do
  grep -qF -- "${word//-/\\-}" "$page" || fail "lepc.1 does not tell of $word"
done
echo "an installed lepc is found, compiles models in others' builds, and has its manual"
