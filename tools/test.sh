#!/usr/bin/env bash
# Sets up, builds everything and runs every test and lint; the last line counts them. Arguments go to ctest:
#   tools/test.sh             all; with CI=true in the environment also the CUDA kernels under ThreadSanitizer
#   tools/test.sh -L fast     under a minute once it is built
#   tools/test.sh -R gemm     what is named so
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools/setup.sh

jobs=$(nproc)
reports=()
failed=0
say() { printf 'test: %s\n' "$*"; }

run() { # PRESET[:TARGET] CTEST-ARGUMENT...: builds it, or one target of it, and tests it
  local preset=${1%%:*} target=${1#*:} start=$SECONDS
  shift
  say "building preset '$preset'"
  [ "$target" != "$preset" ] || target=all
  tools/dev/build.sh "$preset" "$target"
  say "built in $((SECONDS - start)) s; testing"
  start=$SECONDS
  rm -f "build/$preset/tests.xml"
  ctest --test-dir "build/$preset" --output-on-failure --no-tests=ignore -j "$jobs" --output-junit tests.xml \
    --test-output-size-passed 100000000 --test-output-size-failed 100000000 "$@" || failed=1
  [ ! -e "build/$preset/tests.xml" ] || reports+=("build/$preset/tests.xml")
  say "tested in $((SECONDS - start)) s"
}

run dev "$@"
# The runtime with another compiler and no LLVM in sight: it must build and speak alone.
run runtime -LE slow "$@"

# CUDA kernels and what runs them, once more with an eye on races between their threads. What accesses memory wildly on purpose
# does not go together with the sanitizer's own handler.
if [ "${CI:-}" = true ] && [ $# -eq 0 ]; then
  run tsan:cuda-tests -R 'cuda|simt' -E wild
fi

python3 tools/dev/count_tests.py "${reports[@]}" || failed=1
exit $failed
