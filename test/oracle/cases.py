"""The tiny checkpoints whose logits are golden: one of each model type, gate kind and weight type."""

V3 = {
    "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "attention_bias": False, "bos_token_id": 0,
    "eos_token_id": 1, "first_k_dense_replace": 1, "hidden_act": "silu", "hidden_size": 96, "intermediate_size": 160,
    "kv_lora_rank": 64, "max_position_embeddings": 4096, "moe_intermediate_size": 48, "moe_layer_freq": 1, "n_group": 4,
    "n_routed_experts": 16, "n_shared_experts": 1, "norm_topk_prob": True, "num_attention_heads": 4,
    "num_experts_per_tok": 4, "num_hidden_layers": 3, "num_key_value_heads": 4, "num_nextn_predict_layers": 1,
    "q_lora_rank": 48, "qk_nope_head_dim": 32, "qk_rope_head_dim": 16, "rms_norm_eps": 1e-6,
    "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0,
                     "original_max_position_embeddings": 64, "type": "yarn"},
    "rope_theta": 10000, "routed_scaling_factor": 2.5, "scoring_func": "sigmoid", "tie_word_embeddings": False,
    "topk_group": 2, "topk_method": "noaux_tc", "torch_dtype": "bfloat16", "use_cache": True, "v_head_dim": 32,
    "vocab_size": 96,
}
FP8 = {"quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8",
                               "weight_block_size": [128, 128]}}
UE8M0 = {"quantization_config": dict(FP8["quantization_config"], scale_fmt="ue8m0")}


def v3(**changes):
    return {**V3, **changes}


def yarn(**changes):
    return {**V3["rope_scaling"], **changes}


MOONLIGHT = v3(q_lora_rank=None, n_group=1, topk_group=1, n_shared_experts=2, num_experts_per_tok=6, rope_scaling=None,
               rope_theta=50000.0, rms_norm_eps=1e-5, routed_scaling_factor=2.446, num_nextn_predict_layers=0)
KIMI = v3(model_type="kimi_k2", n_group=1, topk_group=1, n_routed_experts=24, num_experts_per_tok=8, rope_theta=50000.0,
          rope_scaling=yarn(beta_fast=1.0, beta_slow=1.0, factor=32.0), routed_scaling_factor=2.827,
          num_nextn_predict_layers=0)
V2_LITE = v3(architectures=["DeepseekV2ForCausalLM"], model_type="deepseek_v2", q_lora_rank=None, n_group=1, topk_group=1,
             n_shared_experts=2, num_experts_per_tok=6, norm_topk_prob=False, routed_scaling_factor=1.0,
             scoring_func="softmax", topk_method="greedy", rope_scaling=yarn(mscale=0.707, mscale_all_dim=0.707),
             num_nextn_predict_layers=0)
V2 = v3(architectures=["DeepseekV2ForCausalLM"], model_type="deepseek_v2", n_group=8, topk_group=3, n_routed_experts=32,
        n_shared_experts=2, num_experts_per_tok=6, norm_topk_prob=False, routed_scaling_factor=16.0,
        scoring_func="softmax", topk_method="group_limited_greedy", rope_scaling=yarn(mscale=1.0, mscale_all_dim=0.707),
        num_nextn_predict_layers=0)
GLM = v3(architectures=["Glm4MoeLiteForCausalLM"], model_type="glm4_moe_lite", num_attention_heads=5, num_key_value_heads=5,
         n_group=1, topk_group=1, qk_nope_head_dim=48, qk_rope_head_dim=16, v_head_dim=64, rope_theta=1000000.0,
         rope_scaling=None, rms_norm_eps=1e-5, routed_scaling_factor=1.8)
# The bias alone chooses, and the chosen experts' own scores are often tiny: they cannot be had back from score + bias.
FAINT = {"gate": 24.0, "bias": 2.0}
# Every biased score is below zero: an expert masked with 0.0 would win against all that are open.
NEGATIVE = {"bias": 0.25, "bias_offset": -2.0}

# Seeds were picked (make_golden.py prints it) for a wide gap between the experts taken and those left, so that rounding
# alone does not change the choice.
CASES = {
    "deepseek_v3_f32": dict(config=v3(torch_dtype="float32"), weights="f32", seed=6101),
    "deepseek_v3_bf16_sharded": dict(config=v3(), weights="bf16", seed=702, shards=3),
    "deepseek_v3_fp8": dict(config=v3(hidden_size=160, intermediate_size=272, kv_lora_rank=128, q_lora_rank=144, **FP8),
                            weights="fp8", seed=403, shards=2),
    "deepseek_v3_ue8m0": dict(config=v3(hidden_size=144, **UE8M0), weights="fp8_ue8m0", seed=4),
    "deepseek_v3_f16": dict(config=v3(torch_dtype="float16", num_hidden_layers=2), weights="f16", seed=805),
    "deepseek_v3_odd_sizes": dict(
        config=v3(hidden_size=140, intermediate_size=203, moe_intermediate_size=27, kv_lora_rank=50, q_lora_rank=37,
                  qk_nope_head_dim=26, qk_rope_head_dim=10, v_head_dim=22, num_attention_heads=3, num_key_value_heads=3,
                  vocab_size=101, **FP8), weights="fp8", seed=606),
    "deepseek_v3_negative_bias": dict(config=v3(num_hidden_layers=2), weights="f32", seed=2107, gains=NEGATIVE),
    "deepseek_v3_faint_scores": dict(config=v3(num_hidden_layers=2, num_experts_per_tok=2), weights="f32", seed=308, gains=FAINT),
    "deepseek_v3_equal_betas": dict(
        config=v3(rope_scaling=yarn(beta_fast=1, beta_slow=1, original_max_position_embeddings=6), num_hidden_layers=2),
        weights="f32", seed=709),
    "moonlight_bf16": dict(config=MOONLIGHT, weights="bf16", seed=2610),
    "moonlight_small_latents": dict(config=dict(MOONLIGHT, q_lora_rank=48), weights="f32", seed=2611,
                                    gains={"q_a_proj": 0.002, "kv_a_proj_with_mqa": 0.002}),
    "kimi_k2_fp8": dict(config=dict(KIMI, hidden_size=144, **FP8), weights="fp8", seed=612),
    "deepseek_v2_lite_bf16": dict(config=V2_LITE, weights="bf16", seed=3013, gains={"gate": 1.5}),
    "deepseek_v2_groups_f32": dict(config=V2, weights="f32", seed=514),
    "glm4_moe_lite_bf16": dict(config=GLM, weights="bf16", seed=815),
}
TOKENS = 40
