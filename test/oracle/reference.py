"""Hugging Face transformers as the oracle: float32 logits of any checkpoint folder of the family.

Weights are dequantised to float32 (F8_E4M3 times its 128x128 weight_scale_inv) and handed to transformers' own class.
What is changed in transformers, and why:
  - attention and experts run in their plain ("eager") implementations, so that the result does not depend on a kernel.
q_a_layernorm and kv_a_layernorm keep 1e-6 whatever rms_norm_eps says: transformers and DeepSeek's own modeling code agree on that.
Right in transformers 5.23, wrong in earlier versions: the group mask (-inf, once 0.0) and the weights (unbiased scores);
make_golden.py --mistakes checks the gate against one written out in mistakes.py.
"""
import json
import os

import torch
import transformers
from safetensors import safe_open

BLOCK = 128
CLASSES = {
    "deepseek_v3": (transformers.DeepseekV3Config, transformers.DeepseekV3ForCausalLM),
    "kimi_k2": (transformers.DeepseekV3Config, transformers.DeepseekV3ForCausalLM),
    "deepseek_v2": (transformers.DeepseekV2Config, transformers.DeepseekV2ForCausalLM),
    "glm4_moe_lite": (transformers.Glm4MoeLiteConfig, transformers.Glm4MoeLiteForCausalLM),
}
ROUTERS = {"deepseek_v2": ("softmax", ("greedy", "group_limited_greedy"))}


def unsupported(config):
    """Why transformers does not compute what this config asks for, or None."""
    kind = config["model_type"]
    if kind not in CLASSES:
        return f"model_type {kind} has no class here; known: {', '.join(CLASSES)}"
    scoring, methods = ROUTERS.get(kind, ("sigmoid", ("noaux_tc",)))
    if config.get("scoring_func", scoring) != scoring or config.get("topk_method", methods[0]) not in methods:
        return f"transformers' {kind} gate is always {scoring} with {' or '.join(methods)}"
    if kind == "deepseek_v2" and config.get("norm_topk_prob"):
        return "transformers' deepseek_v2 ignores norm_topk_prob"
    if config.get("moe_layer_freq", 1) != 1:
        return "transformers ignores moe_layer_freq"
    return None


def build(config):
    """transformers' model for the dictionary of a config.json, float32, without weights."""
    reason = unsupported(config)
    if reason:
        raise SystemExit(f"oracle: {reason}")
    drop = ("quantization_config", "auto_map", "torch_dtype", "dtype", "model_type", "architectures", "transformers_version")
    fields = {k: v for k, v in config.items() if k not in drop}
    if config["model_type"] == "glm4_moe_lite" and "first_k_dense_replace" in fields:
        dense = fields.pop("first_k_dense_replace")
        fields["mlp_layer_types"] = ["dense"] * dense + ["sparse"] * (fields["num_hidden_layers"] - dense)
    config_class, model_class = CLASSES[config["model_type"]]
    made = config_class.from_dict(fields)
    made._attn_implementation = "eager"
    made._experts_implementation = "eager"
    made.dtype = torch.float32
    model = model_class(made).float().eval()
    return model


def dequantize(weight, scale_inv):
    """weight * scale, one scale a 128x128 block; the grid has ceil(rows / 128) x ceil(columns / 128) scales."""
    rows, columns = weight.shape
    grid = scale_inv.float().repeat_interleave(BLOCK, 0)[:rows].repeat_interleave(BLOCK, 1)[:, :columns]
    return weight.float() * grid


def read_tensors(folder, dequantizer=dequantize):
    """name -> float32 tensor of every safetensors file in the folder."""
    stored = {}
    for file in sorted(os.listdir(folder)):
        if file.endswith(".safetensors"):
            with safe_open(os.path.join(folder, file), "pt") as handle:
                stored.update({name: handle.get_tensor(name) for name in handle.keys()})
    scales = {n: stored.pop(n) for n in list(stored) if n.endswith("_scale_inv")}
    return {n: dequantizer(t, scales[n + "_scale_inv"]) if n + "_scale_inv" in scales else t.float()
            for n, t in stored.items()}


def assign(model, tensors):
    """Fills the model; routed experts are stacked as this version of transformers wants them."""
    state = {}
    for name in model.state_dict():
        stem, leaf = name.rsplit(".", 1)
        if stem.endswith("mlp.experts"):
            count = len([n for n in tensors if n.startswith(stem + ".") and n.endswith("down_proj.weight")])
            parts = ("gate_proj", "up_proj") if leaf == "gate_up_proj" else ("down_proj",)
            state[name] = torch.stack([torch.cat([tensors[f"{stem}.{e}.{p}.weight"] for p in parts]) for e in range(count)])
        else:
            state[name] = tensors[name]
    model.load_state_dict(state)
    return model


def load(folder):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    return assign(build(config), read_tensors(folder))


@torch.no_grad()
def logits(model, tokens):
    """float32 [tokens, vocab] for one list of ids, every position."""
    return model(torch.tensor([tokens]), use_cache=False).logits[0].float()
