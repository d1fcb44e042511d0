"""Mistakes that others made with this family (and likely ones), made on purpose in transformers' model.

Each entry changes a model that `reference.load` built, or the tensors it is built from, in exactly one respect.
make_golden.py measures how far each moves each golden's logits, so that README.md can say which golden pins what.
"""
import copy
import math
import types

import torch
import torch.nn.functional as F

import reference


def routers(model):
    return [layer.mlp.gate for layer in model.model.layers if hasattr(layer.mlp, "gate")]


def route(gate, x, score="sigmoid", bias=True, groups="top2", group_bias=True, mask=-math.inf, weigh="scores", norm=True,
          scale=True):
    """The gate written out, with a switch for every step that somebody got wrong."""
    x = x.reshape(-1, x.shape[-1])
    logits = F.linear(x, gate.weight)
    scores = logits.sigmoid() if score == "sigmoid" else logits.softmax(-1)
    offset = getattr(gate, "e_score_correction_bias", None)
    offset = torch.zeros(logits.shape[-1]) if offset is None else offset
    choice = scores + offset if bias else scores
    count = getattr(gate, "num_group", 1) or 1
    if groups and count > 1:
        grouped = (choice if group_bias else scores).view(len(x), count, -1)
        rank = grouped.topk(2, -1)[0].sum(-1) if groups == "top2" else grouped.amax(-1)
        open_ = torch.zeros(len(x), count, dtype=torch.bool).scatter_(1, rank.topk(gate.topk_group, -1)[1], True)
        choice = choice.masked_fill(~open_.repeat_interleave(grouped.shape[-1], 1), mask)
    chosen = choice.topk(gate.top_k, -1)[1]
    source = {"scores": scores, "choice": scores + offset, "difference": (scores + offset) - offset}[weigh]
    weights = source.gather(1, chosen)
    if norm:
        weights = weights / (weights.sum(-1, keepdim=True) + 1e-20)
    return logits, weights * gate.routed_scaling_factor if scale else weights, chosen


def right_gate(config):
    if config["model_type"] == "deepseek_v2":
        return dict(score="softmax", bias=False, groups="max", norm=False)
    return dict(norm=config["norm_topk_prob"])


def gate_mistake(**wrong):
    def apply(model, config):
        for gate in routers(model):
            gate.forward = types.MethodType(lambda self, x: route(self, x, **{**right_gate(config), **wrong}), gate)
    return apply


def on_attention(change):
    def apply(model, config):
        for layer in model.model.layers:
            change(layer.self_attn, config)
    return apply


def mscale(config):
    s = config.get("rope_scaling") or {}
    return 0.1 * s.get("mscale_all_dim", 0) * math.log(s.get("factor", 1)) + 1.0


def set_scaling(of):
    def change(attention, config):
        attention.scaling = of(config)
    return on_attention(change)


def qk(config):
    return config["qk_nope_head_dim"] + config["qk_rope_head_dim"]


def permute_rows(linear, order):
    linear.weight.data = linear.weight.data[order]


def rope_rows(config, per_head_order):
    """Reorders the rope rows of q and of the shared key; per_head_order maps a rope dimension to its source row."""
    def change(attention, _config):
        heads, size, nope = config["num_attention_heads"], qk(config), config["qk_nope_head_dim"]
        q = attention.q_b_proj if attention.q_b_proj is not None else attention.q_proj
        order = [h * size + i for h in range(heads) for i in list(range(nope)) + [nope + r for r in per_head_order]]
        permute_rows(q, order)
        latent = config["kv_lora_rank"]
        permute_rows(attention.kv_a_proj_with_mqa, list(range(latent)) + [latent + r for r in per_head_order])
    return change


def half_split_rope(model, config):
    # Turning (i, i + d/2) as one pair is the right rotation of rows reordered so that such pairs are neighbours.
    d = config["qk_rope_head_dim"]
    on_attention(rope_rows(config, [r for i in range(d // 2) for r in (i, i + d // 2)]))(model, config)


def kv_b_rows(order_of):
    def change(attention, config):
        heads, k, v = config["num_attention_heads"], config["qk_nope_head_dim"], config["v_head_dim"]
        permute_rows(attention.kv_b_proj, order_of(heads, k, v))
    return on_attention(change)


def rope_first_in_q(attention, config):
    size, nope = qk(config), config["qk_nope_head_dim"]
    q = attention.q_b_proj if attention.q_b_proj is not None else attention.q_proj
    inside = list(range(size - nope, size)) + list(range(size - nope))
    permute_rows(q, [h * size + i for h in range(config["num_attention_heads"]) for i in inside])


def rope_first_in_kv_a(attention, config):
    latent, rope = config["kv_lora_rank"], config["qk_rope_head_dim"]
    permute_rows(attention.kv_a_proj_with_mqa, list(range(rope, latent + rope)) + list(range(rope)))


def latent_eps(attention, config):
    for name in ("q_a_layernorm", "kv_a_layernorm"):
        if getattr(attention, name, None) is not None:
            getattr(attention, name).variance_epsilon = config["rms_norm_eps"]


def scale_cos_sin(model, config):
    model.model.rotary_emb.attention_scaling *= mscale(config)


def plain_cos_sin(model, config):
    model.model.rotary_emb.attention_scaling = 1.0


def set_frequencies(of):
    def apply(model, config):
        model.model.rotary_emb.inv_freq.copy_(of(config))
    return apply


def frequencies(config):
    d = config["qk_rope_head_dim"]
    return 1.0 / config["rope_theta"] ** (torch.arange(0, d, 2).float() / d)


def all_interpolated(config):
    return frequencies(config) / (config.get("rope_scaling") or {"factor": 1})["factor"]


def no_ramp_guard(config):
    """The ramp without the 0.001 that keeps equal bounds apart."""
    s, d = config["rope_scaling"], config["qk_rope_head_dim"]

    def correction(n):
        return d * math.log(s["original_max_position_embeddings"] / (n * 2 * math.pi)) / (2 * math.log(config["rope_theta"]))

    low, high = max(math.floor(correction(s["beta_fast"])), 0), min(math.ceil(correction(s["beta_slow"])), d - 1)
    ramp = ((torch.arange(d // 2).float() - low) / (high - low) if high != low else torch.zeros(d // 2) / 0).clamp(0, 1)
    return frequencies(config) * (ramp / s["factor"] + 1 - ramp)


def scale_shared(model, config):
    for layer in model.model.layers:
        if hasattr(layer.mlp, "shared_experts"):
            layer.mlp.shared_experts.down_proj.weight.data *= config["routed_scaling_factor"]


def half_shared(model, config):
    width = config["moe_intermediate_size"]
    for layer in model.model.layers:
        if hasattr(layer.mlp, "shared_experts"):
            layer.mlp.shared_experts.down_proj.weight.data[:, width:] = 0


def default_eps(model, config):
    for module in model.modules():
        if hasattr(module, "variance_epsilon"):
            module.variance_epsilon = 1e-6


def tied_head(model, config):
    model.lm_head.weight.data = model.model.embed_tokens.weight.data.clone()


MODEL = {
    "none (the gate written out)": gate_mistake(),
    "weights from the biased scores": gate_mistake(weigh="choice"),
    "raw score recovered as biased - bias": gate_mistake(weigh="difference"),
    "group mask 0.0 instead of -inf": gate_mistake(mask=0.0),
    "gate bias ignored": gate_mistake(bias=False),
    "group score without the bias": gate_mistake(group_bias=False),
    "group score: maximum for top-2 sum": gate_mistake(groups="max"),
    "group score: top-2 sum for maximum": gate_mistake(groups="top2"),
    "groups ignored": gate_mistake(groups=None),
    "softmax for sigmoid": gate_mistake(score="softmax"),
    "sigmoid for softmax": gate_mistake(score="sigmoid"),
    "weights not normalised": gate_mistake(norm=False),
    "weights normalised though norm_topk_prob is false": gate_mistake(norm=True),
    "routed_scaling_factor left out": gate_mistake(scale=False),
    "routed_scaling_factor on the shared expert too": scale_shared,
    "second shared expert left out": half_shared,
    "softmax scale without mscale^2": set_scaling(lambda c: qk(c) ** -0.5),
    "softmax scale with mscale once": set_scaling(lambda c: qk(c) ** -0.5 * mscale(c)),
    "softmax scale from qk_nope_head_dim": set_scaling(lambda c: c["qk_nope_head_dim"] ** -0.5 * mscale(c) ** 2),
    "softmax scale from v_head_dim": set_scaling(lambda c: c["v_head_dim"] ** -0.5 * mscale(c) ** 2),
    "cos and sin times mscale as well": scale_cos_sin,
    "cos and sin without mscale / mscale_all_dim": plain_cos_sin,
    "YaRN frequencies left out": set_frequencies(frequencies),
    "every frequency interpolated (no ramp)": set_frequencies(all_interpolated),
    "equal ramp bounds not kept apart": set_frequencies(no_ramp_guard),
    "rope on halves instead of neighbours": half_split_rope,
    "rope part taken first in q": on_attention(rope_first_in_q),
    "rope part taken first in kv_a": on_attention(rope_first_in_kv_a),
    "kv_b as all keys then all values": kv_b_rows(lambda h, k, v: [
        r for i in range(h) for r in list(range(i * k, (i + 1) * k)) + list(range(h * k + i * v, h * k + (i + 1) * v))]),
    "kv_b values before keys in each head": kv_b_rows(lambda h, k, v: [
        r for i in range(h) for r in list(range(i * (k + v) + v, (i + 1) * (k + v))) + list(range(i * (k + v), i * (k + v) + v))]),
    "epsilon of the latent norms from the config": on_attention(latent_eps),
    "every epsilon fixed at 1e-6": default_eps,
    "head tied to the embedding": tied_head,
}


def divide(weight, scale):
    return reference.dequantize(weight, 1.0 / scale)


def one_scale(weight, scale):
    return weight.float() * scale.flatten()[0]


def floor_grid(weight, scale):
    """Reads the grid with floor(columns / 128) scales a row."""
    stride, flat = max(weight.shape[1] // 128, 1), scale.flatten()
    rows, columns = scale.shape
    index = (torch.arange(rows)[:, None] * stride + torch.arange(columns)).clamp(max=len(flat) - 1)
    return reference.dequantize(weight, flat[index])


def transposed_grid(weight, scale):
    return reference.dequantize(weight, scale.t().reshape(scale.shape))


DEQUANTIZE = {
    "FP8 divided by the scale": divide,
    "FP8: first block's scale for all": one_scale,
    "FP8: scale grid read with floor instead of ceil": floor_grid,
    "FP8: scale grid read by columns": transposed_grid,
}


def mtp_as_layer(config):
    """The MTP layer run as one more decoder layer."""
    return {**config, "num_hidden_layers": config["num_hidden_layers"] + 1}


def applied(case, tensors, folder):
    """Yields (mistake, model that makes it) for every mistake that this case can show."""
    config = case["config"]
    base = reference.assign(reference.build(config), tensors)
    for name, apply in MODEL.items():
        if ("YaRN" in name or "ramp" in name or "cos and sin" in name) and not config.get("rope_scaling"):
            continue
        if name == "raw score recovered as biased - bias" and config["topk_method"] != "noaux_tc":
            continue
        model = copy.deepcopy(base)
        with torch.no_grad():
            try:
                apply(model, config)
            except (IndexError, RuntimeError):
                continue
        yield name, model
    if case["weights"].startswith("fp8"):
        for name, dequantizer in DEQUANTIZE.items():
            yield name, reference.assign(reference.build(config), reference.read_tensors(folder, dequantizer))
    if config.get("num_nextn_predict_layers"):
        yield "MTP layer run as a decoder layer", reference.assign(reference.build(mtp_as_layer(config)), tensors)
