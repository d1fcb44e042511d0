// R1's config.json in small, and patches to it that must be refused, each with words that the message must
// have.
#pragma once
#include "test/unit/compiler/checkpoint/Support.h"

namespace r1::checkpoint::test {

using nlohmann::json;

// R1's published keys in small.
inline json tinyR1() {
  return {{"model_type", "deepseek_v3"},
          {"hidden_size", 128},
          {"num_hidden_layers", 3},
          {"vocab_size", 512},
          {"num_attention_heads", 4},
          {"num_key_value_heads", 4},
          {"intermediate_size", 256},
          {"moe_intermediate_size", 64},
          {"q_lora_rank", 32},
          {"kv_lora_rank", 32},
          {"qk_nope_head_dim", 16},
          {"qk_rope_head_dim", 8},
          {"v_head_dim", 24},
          {"n_routed_experts", 8},
          {"n_shared_experts", 1},
          {"num_experts_per_tok", 2},
          {"n_group", 4},
          {"topk_group", 2},
          {"scoring_func", "sigmoid"},
          {"topk_method", "noaux_tc"},
          {"norm_topk_prob", true},
          {"routed_scaling_factor", 2.5},
          {"first_k_dense_replace", 1},
          {"moe_layer_freq", 1},
          {"max_position_embeddings", 163840},
          {"rms_norm_eps", 1e-6},
          {"rope_theta", 10000},
          {"bos_token_id", 0},
          {"eos_token_id", 1},
          {"hidden_act", "silu"},
          {"attention_bias", false},
          {"num_nextn_predict_layers", 1},
          {"tie_word_embeddings", false},
          {"torch_dtype", "bfloat16"},
          {"rope_scaling",
           {{"type", "yarn"},
            {"factor", 40},
            {"beta_fast", 32},
            {"beta_slow", 1},
            {"mscale", 1.0},
            {"mscale_all_dim", 1.0},
            {"original_max_position_embeddings", 4096}}},
          {"quantization_config",
           {{"quant_method", "fp8"},
            {"fmt", "e4m3"},
            {"activation_scheme", "dynamic"},
            {"weight_block_size", {128, 128}}}}};
}

inline json with(json base, const json& patch) {
  base.merge_patch(patch); // null in a patch removes the key
  return base;
}

struct Refused {
  json patch;
  std::vector<std::string> message;
};

inline std::vector<Refused> refusedPatches() {
  return {
      {{{"hidden_size", 0}}, {"hidden_size is 0", "from 1 to"}},
      {{{"hidden_size", nullptr}}, {"hidden_size is missing"}},
      {{{"hidden_size", "128"}}, {"hidden_size is '128'", "an integer"}},
      {{{"hidden_size", 128.0}}, {"hidden_size is 128.0", "an integer"}},
      {{{"hidden_size", 18446744073709551615u}}, {"hidden_size is 18446744073709551615"}},
      {{{"hidden_size", true}}, {"hidden_size is true"}},
      {{{"hidden_size", {1, 2}}}, {"hidden_size is a list"}},
      {{{"num_hidden_layers", -1}}, {"num_hidden_layers is -1"}},
      {{{"num_key_value_heads", 1}}, {"num_key_value_heads is 1", "(4)"}},
      {{{"qk_rope_head_dim", 7}}, {"qk_rope_head_dim is 7", "even"}},
      {{{"num_experts_per_tok", 9}}, {"num_experts_per_tok is 9", "from 1 to 8"}},
      {{{"num_experts_per_tok", 5}}, {"num_experts_per_tok is 5", "(4)"}},
      {{{"n_group", 3}}, {"n_group is 3", "divisor", "(8)"}},
      {{{"n_group", 8}}, {"n_group is 8", "at least two experts"}},
      {{{"topk_group", 5}}, {"topk_group is 5", "from 1 to 4"}},
      {{{"scoring_func", "softmax"}}, {"scoring_func is 'softmax'", "'sigmoid'"}},
      {{{"topk_method", "greedy"}}, {"topk_method is 'greedy'", "'noaux_tc'"}},
      {{{"routed_scaling_factor", 0}}, {"routed_scaling_factor is 0"}},
      {{{"routed_scaling_factor", "2"}}, {"routed_scaling_factor is '2'", "a number"}},
      {{{"n_routed_experts", 100000}}, {"n_routed_experts is 100000"}},
      {{{"rms_norm_eps", 0}}, {"rms_norm_eps is 0"}},
      {{{"rms_norm_eps", -1e-6}}, {"rms_norm_eps is -1e-06"}},
      {{{"rope_theta", 1}}, {"rope_theta is 1"}},
      {{{"rope_scaling", {{"type", "llama3"}}}}, {"rope_scaling.type is 'llama3'", "'yarn'"}},
      {{{"rope_scaling", {{"factor", 0.5}}}}, {"rope_scaling.factor is 0.5"}},
      {{{"rope_scaling", {{"beta_fast", 0.5}}}}, {"rope_scaling.beta_fast is 0.5", "beta_slow"}},
      {{{"rope_scaling", {{"original_max_position_embeddings", 0}}}},
       {"rope_scaling.original_max_position_embeddings is 0"}},
      {{{"rope_scaling", 40}}, {"rope_scaling is 40", "an object"}},
      {{{"partial_rotary_factor", 0.5}}, {"partial_rotary_factor is 0.5", "expected 1"}},
      {{{"hidden_act", "gelu"}}, {"hidden_act is 'gelu'", "'silu'"}},
      {{{"attention_bias", true}}, {"attention_bias is true", "biases", "not supported"}},
      {{{"attention_bias", 1}}, {"attention_bias is 1", "true or false"}},
      {{{"torch_dtype", "int8"}}, {"torch_dtype is 'int8'", "'bfloat16'"}},
      {{{"eos_token_id", "1"}}, {"eos_token_id is '1'"}},
      {{{"bos_token_id", {1, 2}}}, {"bos_token_id is a list", "one token"}},
      {{{"mlp_layer_types", {"dense", "sparse", "dense"}}}, {"mlp_layer_types is a list", "first 'dense'"}},
      {{{"index_topk", 2048}}, {"index_topk is 2048", "sparse"}},
      {{{"quantization_config", {{"quant_method", "compressed-tensors"}}}},
       {"quant_method is 'compressed-tensors'", "INT4"}},
      {{{"quantization_config", {{"weight_block_size", {1, 128}}}}},
       {"weight_block_size is a list", "[128, 128]"}},
      {{{"quantization_config", {{"expert_dtype", "fp4"}}}}, {"quantization_config.expert_dtype is 'fp4'"}},
      {{{"quantization_config", {{"fmt", "e5m2"}}}}, {"quantization_config.fmt is 'e5m2'"}},
      {{{"quantization_config", {{"activation_scheme", "static"}}}}, {"activation_scheme is 'static'"}},
      {{{"quantization_config", {{"scale_fmt", "e8"}}}}, {"scale_fmt is 'e8'", "'ue8m0'"}},
      {{{"model_type", "mystery"}},
       {"model_type is 'mystery'", "deepseek_v2, deepseek_v3, glm4_moe_lite or kimi_k2"}},
      {{{"model_type", "deepseek_v4"}}, {"deepseek_v4", "hyper-connections"}},
      {{{"model_type", "kimi_k25"}}, {"kimi_k25", "INT4"}},
      {{{"model_type", nullptr}}, {"model_type is missing"}},
      {{{"model_type", 3}}, {"model_type is 3", "text"}},
  };
}

} // namespace r1::checkpoint::test
