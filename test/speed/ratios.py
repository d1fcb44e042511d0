"""Speed as ratios to what the machine does in the same run, never as times: a slow or busy machine slows both sides.

  ratios.py R1C R1RUN

Compiles a shape of R1's kind (0.5 GB in BF16, out of any cache) without weights, fills it at random, and asks that decoding one sequence uses
the memory and a prompt the multipliers as they did when this was written, with room for noise: the best of three runs counts.
"""
import json
import subprocess
import sys
import tempfile

# Measured on two cores of a Zen 5 server processor, quiet or not: decode 0.66 to 0.91 of the stream in both types, prefill 0.76 to 0.79 of the dots.
FLOORS = {"decode_bandwidth_ratio": 0.60, "prefill_matrix_ratio": 0.40}
CONFIG = {
    "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "hidden_size": 2048, "num_hidden_layers": 4,
    "first_k_dense_replace": 2, "num_attention_heads": 16, "num_key_value_heads": 16, "q_lora_rank": 768, "kv_lora_rank": 512,
    "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128, "intermediate_size": 6144, "moe_intermediate_size": 768,
    "n_routed_experts": 16, "num_experts_per_tok": 8, "n_shared_experts": 1, "n_group": 4, "topk_group": 4,
    "topk_method": "noaux_tc", "scoring_func": "sigmoid", "norm_topk_prob": True, "routed_scaling_factor": 2.5,
    "moe_layer_freq": 1, "vocab_size": 16384, "tie_word_embeddings": False, "num_nextn_predict_layers": 0, "hidden_act": "silu",
    "rms_norm_eps": 1e-6, "attention_bias": False, "max_position_embeddings": 4096, "rope_theta": 10000, "rope_scaling": None,
    "bos_token_id": 0, "eos_token_id": 1, "torch_dtype": "bfloat16",
}
FP8 = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}


def measure(r1c, r1run, folder, config):
    with open(folder + "/config.json", "w") as file:
        json.dump(config, file)
    artifact = folder + "/speed.r1a"
    subprocess.run([r1c, "compile", folder, "--target", "cpu:native", "--weights=none", "-o", artifact], check=True,
                   stderr=subprocess.DEVNULL)
    best = dict.fromkeys(FLOORS, 0.0)
    for _ in range(3):
        run = subprocess.run([r1run, "bench", artifact, "--random-weights", "1", "--prompt-tokens", "512", "--new-tokens", "16",
                              "--batch", "1", "--repetitions", "3", "--stream-mib", "512", "--json"], check=True,
                             stdout=subprocess.PIPE)
        result = json.loads(run.stdout)
        for name in best:
            best[name] = max(best[name], result[name])
        if all(best[name] >= floor for name, floor in FLOORS.items()):
            break
    return best, result["matrix_instruction"]


def main(r1c, r1run):
    failed = 0
    for name, config in (("bf16", CONFIG), ("fp8", dict(CONFIG, quantization_config=FP8))):
        with tempfile.TemporaryDirectory() as folder:
            best, instruction = measure(r1c, r1run, folder, config)
        for ratio, floor in FLOORS.items():
            good = best[ratio] >= floor
            failed += not good
            print(f"{name}: {ratio} {best[ratio]:.2f}, at least {floor:.2f} expected ({instruction}){'' if good else ' FAILED'}")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: ratios.py R1C R1RUN")
    sys.exit(main(sys.argv[1], sys.argv[2]))
