#!/usr/bin/env bash
# Sets up, builds the two programs, compiles the example model for this machine's processor, and asks it a question.
#   tools/demo.sh                      the question below
#   tools/demo.sh "What is 17 + 25?"   yours
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
question=${1:-"What is 48 + 37?"}
model=examples/tiny_r1
artifact=build/demo/tiny_r1.r1a
r1c=build/dev/tools/r1c/r1c
r1run=build/dev/tools/r1run/r1run
say() { printf 'demo: %s\n' "$*"; }

tools/setup.sh
[ -x $r1c ] && [ -x $r1run ] || say "building r1c and r1run; the first time this takes a few minutes"
tools/dev/build.sh dev r1c r1run

if [ ! -e $artifact ] || [ -n "$(find $model $r1c -newer $artifact -print -quit)" ]; then
  say "compiling $model for this machine's processor"
  mkdir -p build/demo
  $r1c compile $model --target cpu:native -o $artifact
fi

say "asking: $question"
exec $r1run generate $artifact --prompt "$question"
