#!/usr/bin/env bash
# fuzz.sh [SECONDS [NAME...]]: builds the fuzzers of test/fuzz with AddressSanitizer and UBSan and runs each (or those
# named) for so many seconds (60 unless told). What breaks one is kept under build/fuzz/found; exit code 1 if anything did.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-60}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || {
  echo "fuzz: '$seconds' is not a number of seconds; usage: tools/fuzz.sh [SECONDS [NAME...]]" >&2
  exit 2
}
shift $(($# > 0))
tools/setup.sh
echo "fuzz: building"
tools/dev/build.sh fuzz fuzzers

names=("$@")
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(cd build/fuzz/fuzzers && ls -1 -- *.seeds | sed 's/\.seeds$//')

fuzz() { # NAME: one fuzzer, one line about it
  local name=$1 program=build/fuzz/fuzzers/$1 found=build/fuzz/found/$1 corpus=build/fuzz/corpus/$1 log=build/fuzz/$1.log
  [ -x "$program" ] || {
    echo "$name: no such fuzzer"
    return 1
  }
  mkdir -p "$found" "$corpus"
  local seeds=()
  while IFS= read -r folder; do [ ! -d "$folder" ] || seeds+=("$folder"); done <"$program.seeds"
  local result=clean code=0
  "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$found/" "$corpus" "${seeds[@]}" >"$log" 2>&1 || code=$?
  [ $code -eq 0 ] || result="BROKEN (exit $code): $(grep -m1 -E 'ERROR: |runtime error: ' "$log" || echo "see $log"); input in $found"
  printf '%-28s %10s runs  %6s edges  %5s inputs kept  %s\n' "$name" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$(grep -oE 'cov: [0-9]+' "$log" | tail -1 | cut -c6-)" \
    "$(find "$corpus" -type f | wc -l)" "$result"
  return $code
}

echo "fuzz: ${#names[@]} fuzzers, $seconds s each, $(nproc) at a time"
pids=()
for name in "${names[@]}"; do
  [ "$(jobs -rp | wc -l)" -lt "$(nproc)" ] || wait -n || true
  fuzz "$name" &
  pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
exit $failed
