#!/usr/bin/env bash
# Says whether r1c's code is right and fast on this machine's GPU. Needs the driver and the files beside it, which bundle.sh made.
#   ./check.sh [--no-speed] [RESULTS]     writes RESULTS/results.json, results.md and the logs; default: results
#   ./check.sh --sim [RESULTS]            on simcuda, quickly: proves this script, not a GPU
# Every step runs whatever became of those before it. The last line says how many failed; so does the exit code (0 or 1).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
sim=0 speed=1
while [[ ${1:-} == --* ]]; do
  case $1 in
    --sim) sim=1 ;;
    --no-speed) speed=0 ;;
    *) sed -n '2,5p' "$0" >&2; exit 2 ;;
  esac
  shift
done
out=${1:-results}
mkdir -p "$out/speed"
rm -f "$out"/*.{json,md,log,said} "$out"/speed/*.json # of an earlier run
device=() images=(kernels.*.cubin) conformance=(./conformance --rates)
if [ $sim = 1 ]; then
  export R1_CUDA_LIBRARY=$PWD/libsimcuda.so
  device=(--target sim:sm_90a) images=(kernels.sm_90a.so) conformance=(./conformance --sim)
fi

steps=0 failed=0 steps_json="" steps_table=""
# step NAME COMMAND...: its output goes to RESULTS/NAME.log.
step() {
  local name=$1 begin=$EPOCHREALTIME verdict=ok
  shift
  "$@" > "$out/$name.log" 2>&1 || verdict="FAILED, code $?"
  local seconds
  seconds=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
  steps=$((steps + 1))
  printf '%-28s %8s s  %s\n' "$name" "$seconds" "$verdict"
  if [ "$verdict" != ok ]; then
    failed=$((failed + 1))
    tail -n 3 "$out/$name.log" | sed 's/^/    /'
  fi
  steps_json+="${steps_json:+,}
    {\"name\": \"$name\", \"ok\": $([ "$verdict" = ok ] && echo true || echo false), \"seconds\": $seconds}"
  steps_table+="| $name | $seconds | $verdict |
"
}

# The text that the CPU gave, word for word.
golden() {
  local name=$1
  shift
  ./r1run generate tiny_r1.r1a "${device[@]}" --temperature 0 --max-tokens "$(cat "golden/$name.tokens")" --prompt - "$@" \
    < "golden/$name.prompt" > "$out/$name.said"
  local code=$?
  [ $code = 0 ] || return $code
  cmp "golden/$name.text" "$out/$name.said" || { diff "golden/$name.text" "$out/$name.said"; return 1; }
}

number() { sed -n "s/^ *\"$2\": \([-+0-9.e]*\),\{0,1\}$/\1/p" "$1" 2>/dev/null | head -n 1; } # FILE KEY, of JSON with a key a line
text_of() { sed -n "s/^ *\"$2\": \"\(.*\)\",\{0,1\}$/\1/p" "$1" 2>/dev/null | head -n 1; }

# 1. Primitives against their model.
seeds=(1 2 3)
[ $sim = 1 ] && seeds=(1)
for seed in "${seeds[@]}"; do
  step "primitives_$seed" "${conformance[@]}" --seed "$seed" --json "$out/primitives_$seed.json" "${images[@]}"
done
tail -n +1 "$out/primitives_1.log"
if [ $sim = 1 ]; then
  R1_SIMCUDA=sums=hopper,schedule=priority,async=lazy,seed=3 step primitives_hopper_sums "${conformance[@]}" "${images[@]}"
fi

# From here on by name: the artifact has code for the CPU too, which must not stand in for a GPU that is not there.
if [ $sim = 0 ]; then
  processor=$(text_of "$out/primitives_1.json" image)
  device=(--target "${processor:-sm_90a}")
fi

# 2. Whole models: what they say, by prefill and by decode.
step artifact ./r1run check tiny_r1.r1a
for prompt in golden/*.prompt; do
  name=$(basename "$prompt" .prompt)
  step "golden_$name" golden "$name"
done

# BF16 and FP8 on another machine's order of sums: some 1.5 % of the norm, most of it where a router's choice was close. A wrong
# head, expert or position is 20 % and more.
logits=(./r1run logits tiny_r1.r1a "${device[@]}" --tokens golden/logits.ids --expect golden/logits.npy --tolerance 0.04)
step logits_prefill "${logits[@]}"
step logits_chunks "${logits[@]}" --chunk 300
step logits_decode "${logits[@]}" --decode-from 590

# 3. The tools that look for what a result does not show.
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
if [ -n "$sanitizer" ] && [ $sim = 0 ]; then
  for tool in memcheck racecheck synccheck initcheck; do
    checked=("$sanitizer" --tool "$tool" --error-exitcode 9)
    step "${tool}_primitives" "${checked[@]}" ./conformance "${images[@]}"
    step "${tool}_model" "${checked[@]}" ./r1run generate tiny_r1.r1a "${device[@]}" --temperature 0 --max-tokens 4 --prompt "What is 5 plus 6?"
  done
else
  echo "compute-sanitizer: $([ $sim = 1 ] && echo "not on a simulated GPU" || echo "not here, left out")"
fi

# 4. Speed: R1's shape with random weights; each run twice, as it is and with every launch timed by itself.
gpu=$(text_of "$out/primitives_1.json" gpu)
matrix=$(number "$out/primitives_1.json" wgmma_bf16)
[ -n "$matrix" ] || matrix=$(number "$out/primitives_1.json" mma_bf16)
matrix=$(awk -v r="${matrix:-0}" 'BEGIN { printf "%.3f", r / 1e12 }')
batches=(1 8 32 128) prompt=4096 new=32 stream=8192
[ $sim = 1 ] && batches=(1 3) prompt=24 new=2 stream=16
runs=()
if [ $speed = 1 ]; then
  for batch in "${batches[@]}"; do
    repetitions=$([ "$batch" -le 8 ] && [ $sim = 0 ] && echo 3 || echo 1)
    for profile in "" profile; do
      run=decode_b$batch${profile:+_$profile}
      runs+=("$run")
      step "speed_$run" ./r1run bench speed.r1a "${device[@]}" --random-weights 1 --batch "$batch" --prompt-tokens $prompt \
        --new-tokens $new --repetitions "$repetitions" --stream-mib $stream --matrix-tflops "$matrix" ${profile:+--profile} \
        --context $((prompt + new)) --out "$out/speed/$run.json"
    done
  done
fi

# 5. One JSON object, one page.
driver=$(sed -n 's/^NVRM version: *//p' /proc/driver/nvidia/version 2>/dev/null | tr -s ' ')
date=$(date -u +%Y-%m-%dT%H:%MZ)
{
  printf '{\n  "gpu": "%s",\n  "date": "%s",\n  "driver": "%s",\n  "simulated": %s,\n' "$gpu" "$date" "${driver//\"/}" \
    "$([ $sim = 1 ] && echo true || echo false)"
  printf '  "steps": %d,\n  "failed": %d,\n  "results": [%s\n  ],\n  "primitives": ' $steps $failed "$steps_json"
  cat "$out/primitives_1.json" 2>/dev/null || echo null
  printf ',\n  "speed": {'
  comma=""
  for run in "${runs[@]}"; do
    [ -s "$out/speed/$run.json" ] || continue
    printf '%s\n  "%s": ' "$comma" "$run"
    cat "$out/speed/$run.json"
    comma=,
  done
  printf '}\n}\n'
} > "$out/results.json"
{
  printf '# %s, %s\n\nDriver: %s, CUDA %s. %d steps, %d failed.\n\n| step | seconds | |\n|---|---|---|\n%s' "${gpu:-no GPU}" "$date" \
    "${driver:-unknown}" "$(text_of "$out/primitives_1.json" cuda_version)" $steps $failed "$steps_table"
  printf '\n## Primitives\n\n```\n'
  cat "$out/primitives_1.log"
  printf '```\n'
  if [ ${#runs[@]} -gt 0 ]; then
    printf '\n## Speed\n\nPrompts of %d tokens, then %d decoded. Bytes are those of weights and cache, over the bandwidth of a copy.\n\n' $prompt $new
    printf '| run | decode tokens/s | ms a step | MB a step | of the copy | prefill tokens/s | of %s TFLOP/s |\n|---|---|---|---|---|---|---|\n' "$matrix"
    for run in "${runs[@]}"; do
      json=$out/speed/$run.json
      [ -s "$json" ] || continue
      awk -v run="$run" -v tokens="$(number "$json" decode_tokens_per_second)" -v step="$(number "$json" decode_step_seconds)" \
        -v weights="$(number "$json" weight_bytes_per_step)" -v cache="$(number "$json" cache_bytes_per_step)" \
        -v copy="$(number "$json" bandwidth)" -v prefill="$(number "$json" prefill_tokens_per_second)" \
        -v matrix="$(number "$json" prefill_matrix_ratio)" 'BEGIN {
          bytes = weights + cache
          printf "| %s | %.1f | %.3f | %.1f | %.1f %% | %.1f | %.1f %% |\n", run, tokens, step * 1e3, bytes / 1e6,
                 (copy > 0 ? 100 * bytes / step / copy : 0), prefill, 100 * matrix }'
    done
    for run in "${runs[@]}"; do
      printf '\n### %s\n\n```\n' "$run"
      cat "$out/speed_$run.log"
      printf '```\n'
    done
  fi
} > "$out/results.md"
echo "$out/results.json, $out/results.md"
echo "$steps steps, $failed failed"
[ $failed = 0 ]
