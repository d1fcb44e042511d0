#!/usr/bin/env bash
# Makes a folder that says whether all is well on a machine with a GPU, its driver and a C library (glibc 2.35) alone: run check.sh in it.
#   tools/gpu/bundle.sh FOLDER            for GPUs; at most 60 MB
#   tools/gpu/bundle.sh --sim FOLDER      the same for simcuda, which tests this and check.sh without a GPU
# Uses the programs of build/dev, or of R1C_BUILD. R1_GPU_TARGETS: for which chips, by commas. R1_GPU_LAYERS: of the shape to time;
# 4 layers of FP8 take 40 GB, 11 fill 130 GB.
set -euo pipefail
sim=0
[ "${1:-}" = --sim ] && sim=1 && shift
[ $# = 1 ] || { sed -n '2,6p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${R1C_BUILD:-$root/build/dev}
folder=$1
layers=${R1_GPU_LAYERS:-4}
say() { printf 'bundle: %s\n' "$*"; }

r1c=$build/tools/r1c/r1c
for target in r1c/r1c gpu/r1run-alone gpu/conformance/conformance; do
  [ -x "$build/tools/$target" ] || { say "error: there is no $build/tools/$target; build it: tools/dev/build.sh dev r1c r1run-alone gpu-conformance"; exit 1; }
done
mkdir -p "$folder/golden"
folder=$(cd "$folder" && pwd)
put() { cp "$1" "$2" && strip "$2"; }
put "$build/tools/gpu/r1run-alone" "$folder/r1run"
put "$build/tools/gpu/conformance/conformance" "$folder/conformance"
cp "$here/check.sh" "$folder/check.sh"

# The shape to time: R1 itself, one dense layer and the rest with experts. Weights are made up on the device.
shape=$(mktemp -d)
trap 'rm -rf "$shape"' EXIT
mkdir "$shape/r1_$layers"
cat > "$shape/r1_$layers/config.json" <<JSON
{
  "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "torch_dtype": "bfloat16",
  "num_hidden_layers": $layers, "first_k_dense_replace": 1, "moe_layer_freq": 1,
  "hidden_size": 7168, "intermediate_size": 18432, "moe_intermediate_size": 2048, "hidden_act": "silu", "vocab_size": 129280,
  "num_attention_heads": 128, "num_key_value_heads": 128, "q_lora_rank": 1536, "kv_lora_rank": 512,
  "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "attention_bias": false,
  "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8, "n_group": 8, "topk_group": 4, "topk_method": "noaux_tc",
  "scoring_func": "sigmoid", "norm_topk_prob": true, "routed_scaling_factor": 2.5,
  "rms_norm_eps": 1e-06, "tie_word_embeddings": false, "bos_token_id": 0, "eos_token_id": 1,
  "max_position_embeddings": 163840, "rope_theta": 10000,
  "rope_scaling": {"type": "yarn", "factor": 40, "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0,
                   "original_max_position_embeddings": 4096},
  "quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [128, 128]}
}
JSON

model=$root/examples/tiny_r1
cpu=cpu:x86-64-v3
if [ $sim = 1 ]; then
  targets=sim:sm_90a
  cp "$build/tools/r1run/libsimcuda.so" "$build/tools/gpu/conformance/kernels.sm_90a.so" "$folder"
  "$r1c" compile "$shape/r1_$layers" --weights=none --target sm_90a --stop-after plan -o "$shape/plan.mlir" # the shape is one that r1c takes
  "$r1c" compile "$model" --weights=none --target $targets -o "$folder/speed.r1a"
else
  targets=${R1_GPU_TARGETS:-sm_80,sm_89,sm_90a,sm_100a,sm_120a}
  for target in ${targets//,/ }; do
    python3 "$here/cubin.py" "$here/conformance/kernels.cu" "$target" "$folder/kernels.$target.cubin"
  done
  say "compiling R1's shape, $layers layers"
  "$r1c" compile "$shape/r1_$layers" --weights=none --target "$targets" --max-batch 128 --max-context 4352 --prefill-chunk 4096 \
    -o "$folder/speed.r1a"
fi
say "compiling $model"
"$r1c" compile "$model" --target "$cpu,$targets" -o "$folder/tiny_r1.r1a"

# What the CPU says, greedy: prompts as the model was trained on, so that no choice is close.
golden() { # NAME TOKENS PROMPT
  printf '%s' "$3" > "$folder/golden/$1.prompt"
  printf '%s' "$2" > "$folder/golden/$1.tokens"
  "$folder/r1run" generate "$folder/tiny_r1.r1a" --target "$cpu" --temperature 0 --max-tokens "$2" --prompt - \
    < "$folder/golden/$1.prompt" > "$folder/golden/$1.text" 2>/dev/null
}
golden sum 64 "What is 27 plus 58?"
golden carry 64 "What is 68 plus 74?"
golden short 1 "What is 5 plus 6?" # a prefill alone
# Logits of more tokens than a prefill takes at once.
text=$(for i in $(seq 1 56); do printf 'What is %d plus %d? ' "$i" $((i + 7)); done)
printf '{"text": "%s"}\n' "$text" | "$folder/r1run" tokenize "$folder/tiny_r1.r1a" | sed 's/.*"ids": *\(\[[^]]*\]\).*/\1/' > "$folder/golden/logits.ids"
"$folder/r1run" logits "$folder/tiny_r1.r1a" --target "$cpu" --tokens "$folder/golden/logits.ids" --out "$folder/golden/logits.npy"

mib=$(du -sm "$folder" | cut -f1)
say "$folder, $mib MiB, for $targets"
[ $sim = 1 ] || [ "$mib" -le 60 ] || { say "error: more than 60 MiB; leave out targets with R1_GPU_TARGETS"; exit 1; }
