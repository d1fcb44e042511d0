"""Writes a trained model as a Hugging Face folder, laid out as DeepSeek-R1's checkpoint."""
import json
import os

import torch
from safetensors.torch import load_file, save_file

import model as net

# R1's template: it leads into the reasoning, and drops the reasoning of earlier turns.
TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "chat_template.jinja")
BF16 = ("embed_tokens.weight", "lm_head.weight", "norm.weight", "layernorm.weight", "gate.weight", "eh_proj.weight",
        "head.weight")


def config_json(c):
    return {
        "architectures": ["DeepseekV3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
        "bos_token_id": 0, "eos_token_id": 1, "ep_size": 1, "first_k_dense_replace": c.first_k_dense_replace,
        "hidden_act": "silu", "hidden_size": c.hidden_size, "initializer_range": 0.02,
        "intermediate_size": c.intermediate_size, "kv_lora_rank": c.kv_lora_rank, "max_position_embeddings": 163840,
        "model_type": "deepseek_v3", "moe_intermediate_size": c.moe_intermediate_size, "moe_layer_freq": 1,
        "n_group": c.n_group, "n_routed_experts": c.n_routed_experts, "n_shared_experts": c.n_shared_experts,
        "norm_topk_prob": True, "num_attention_heads": c.num_attention_heads,
        "num_experts_per_tok": c.num_experts_per_tok, "num_hidden_layers": c.num_hidden_layers,
        "num_key_value_heads": c.num_attention_heads, "num_nextn_predict_layers": 1, "q_lora_rank": c.q_lora_rank,
        "qk_nope_head_dim": c.qk_nope_head_dim, "qk_rope_head_dim": c.qk_rope_head_dim,
        "quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8",
                                "weight_block_size": [net.BLOCK, net.BLOCK]},
        "rms_norm_eps": c.rms_norm_eps,
        "rope_scaling": {"beta_fast": int(c.beta_fast), "beta_slow": int(c.beta_slow), "factor": int(c.yarn_factor),
                         "mscale": 1.0, "mscale_all_dim": c.mscale_all_dim,
                         "original_max_position_embeddings": c.original_max_position_embeddings, "type": "yarn"},
        "rope_theta": int(c.rope_theta), "routed_scaling_factor": c.routed_scaling_factor, "scoring_func": "sigmoid",
        "tie_word_embeddings": False, "topk_group": c.topk_group, "topk_method": "noaux_tc", "torch_dtype": "bfloat16",
        "transformers_version": "4.46.3", "use_cache": True, "v_head_dim": c.v_head_dim, "vocab_size": c.vocab_size,
    }


def tokenizer_config_json():
    with open(TEMPLATE, encoding="utf-8") as file:
        template = file.read()

    def token(content):
        return {"__type": "AddedToken", "content": content, "lstrip": False, "normalized": True, "rstrip": False,
                "single_word": False}

    return {"add_bos_token": True, "add_eos_token": False, "bos_token": token("<｜begin▁of▁sentence｜>"),
            "clean_up_tokenization_spaces": False, "eos_token": token("<｜end▁of▁sentence｜>"), "legacy": True,
            "model_max_length": 16384, "pad_token": token("<｜end▁of▁sentence｜>"), "sp_model_kwargs": {},
            "unk_token": None, "tokenizer_class": "LlamaTokenizerFast", "chat_template": template}


# Greedy: every question has one right answer, and a sampled wrong carry is never what the reader wants.
GENERATION = {"_from_model_config": True, "bos_token_id": 0, "eos_token_id": 1, "do_sample": False,
              "transformers_version": "4.46.3"}


def block_tensors(prefix, block):
    """(name, tensor) of one decoder block under its checkpoint names, experts unstacked."""
    for name, p in list(block.named_parameters()) + list(block.named_buffers()):
        stem, leaf = name.rsplit(".", 1) if "." in name else ("", name)
        if p.dim() == 3:
            for e, w in enumerate(p):
                yield f"{prefix}{stem}.experts.{e}.{leaf}.weight", w
        elif leaf in ("weight", "e_score_correction_bias"):
            yield prefix + name, p
        else:
            yield f"{prefix}{name}.weight", p


def named_tensors(m):
    """Every tensor of the checkpoint in R1's naming, in file order, before quantisation."""
    yield "model.embed_tokens.weight", m.embed_tokens
    for i, layer in enumerate(m.layers):
        yield from block_tensors(f"model.layers.{i}.", layer)
    extra = f"model.layers.{len(m.layers)}."
    yield extra + "embed_tokens.weight", m.embed_tokens
    yield extra + "enorm.weight", m.mtp.enorm.weight
    yield extra + "hnorm.weight", m.mtp.hnorm.weight
    yield extra + "eh_proj.weight", m.mtp.eh_proj
    yield from block_tensors(extra, m.mtp.block)
    yield extra + "shared_head.norm.weight", m.mtp.norm.weight
    yield extra + "shared_head.head.weight", m.lm_head
    yield "model.norm.weight", m.norm.weight
    yield "lm_head.weight", m.lm_head


def stored_tensors(m):
    """name -> tensor as stored: FP8 linears with scales, BF16 norms, embeddings, head and gate, F32 gate bias."""
    out = {}
    for name, p in named_tensors(m):
        p = p.detach()
        if name.endswith("e_score_correction_bias"):
            out[name] = p.float().clone()
        elif name.endswith(BF16):
            out[name] = p.to(torch.bfloat16).clone()
        else:
            out[name], out[name + "_scale_inv"] = net.quantize_blocks(p)
    return out


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")


def export(m, tokenizer_definition, folder):
    """Two shards and an index, as real checkpoints have them."""
    os.makedirs(folder, exist_ok=True)
    write_json(f"{folder}/config.json", config_json(m.c))
    write_json(f"{folder}/tokenizer_config.json", tokenizer_config_json())
    write_json(f"{folder}/generation_config.json", GENERATION)
    write_json(f"{folder}/tokenizer.json", tokenizer_definition)
    tensors, half = stored_tensors(m), f"model.layers.{(len(m.layers) + 1) // 2}."
    names = list(tensors)
    cut = next(i for i, n in enumerate(names) if n.startswith(half))
    shards = {f"model-{i + 1:05d}-of-000002.safetensors": part for i, part in enumerate((names[:cut], names[cut:]))}
    for file, part in shards.items():
        save_file({n: tensors[n] for n in part}, f"{folder}/{file}", metadata={"format": "pt"})
        os.chmod(f"{folder}/{file}", 0o644)
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    write_json(f"{folder}/model.safetensors.index.json", {
        "metadata": {"total_size": total}, "weight_map": {n: file for file, part in shards.items() for n in part}})


def load(folder):
    """The model of an exported folder, with the weights as stored."""
    with open(f"{folder}/model.safetensors.index.json", encoding="utf-8") as file:
        files = sorted(set(json.load(file)["weight_map"].values()))
    stored = {name: t for file in files for name, t in load_file(f"{folder}/{file}").items()}
    m = net.TinyR1(net.Config())
    for name, p in named_tensors(m):
        scale = stored.get(name + "_scale_inv")
        value = stored[name].float() if scale is None else net.dequantize_blocks(stored[name], scale)
        p.data.copy_(value)
    return m.eval()
