#!/usr/bin/env bash
# build.sh PRESET [TARGET...]: configures the preset if it is not, then builds; says nothing but progress and failures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
preset=$1
shift
folder=build/$preset
mkdir -p "$folder"

if [ ! -e "$folder/build.ninja" ] || [ CMakePresets.json -nt "$folder/configured" ]; then
  if ! cmake --preset "$preset" >"$folder/configure.log" 2>&1; then
    grep -v '^--' "$folder/configure.log" >&2 || true
    echo "build: cmake could not configure preset '$preset'; all it said is in $PWD/$folder/configure.log" >&2
    exit 1
  fi
  touch "$folder/configured"
fi

[[ $(ninja -C "$folder" -n "$@" 2>&1) != *"no work to do"* ]] || exit 0

# On a terminal ninja keeps to one line; elsewhere a line for each of hundreds of files helps nobody.
quiet=--quiet
[ ! -t 1 ] || quiet=
if ! ninja -C "$folder" $quiet "$@"; then
  echo "build: preset '$preset' does not build; the errors are above" >&2
  exit 1
fi
