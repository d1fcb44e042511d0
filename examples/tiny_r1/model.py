"""tiny_r1 in PyTorch: DeepSeek-R1's architecture, written to train quickly on a CPU.

Parameter names are the checkpoint's, except that the routed experts of a layer are stacked in three tensors.
Formulas: DeepSeek-V3's inference/model.py (attention in the plain, not absorbed form).  YaRN's softmax scale is always
applied, as the engines do.  With `fake_quant` every FP8 weight is rounded to e4m3 in 128x128 blocks on the way
forward (the gradient passes straight through), so that the model learns to live with its shipped weights.
"""
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

BLOCK = 128
E4M3_MAX = 448.0


@dataclass
class Config:
    vocab_size: int = 512
    hidden_size: int = 128
    num_hidden_layers: int = 4
    first_k_dense_replace: int = 1
    intermediate_size: int = 320
    moe_intermediate_size: int = 96
    n_routed_experts: int = 8
    n_shared_experts: int = 1
    num_experts_per_tok: int = 2
    n_group: int = 4
    topk_group: int = 2
    routed_scaling_factor: float = 2.5
    num_attention_heads: int = 4
    q_lora_rank: int = 96
    kv_lora_rank: int = 64
    qk_nope_head_dim: int = 32
    qk_rope_head_dim: int = 32
    v_head_dim: int = 32
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0
    yarn_factor: float = 40.0
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    mscale_all_dim: float = 1.0
    original_max_position_embeddings: int = 4096


def quantize_blocks(w):
    """(e4m3 values, scales [rows/128, columns/128]) of a [rows, columns] weight, as R1's checkpoint stores it."""
    rows, columns = w.shape
    padded = F.pad(w, (0, -columns % BLOCK, 0, -rows % BLOCK))
    tiles = padded.view(padded.shape[0] // BLOCK, BLOCK, padded.shape[1] // BLOCK, BLOCK)
    scale = tiles.abs().amax(dim=(1, 3)).clamp_min(1e-12) / E4M3_MAX
    q = (tiles / scale[:, None, :, None]).clamp(-E4M3_MAX, E4M3_MAX).to(torch.float8_e4m3fn)
    return q.view(padded.shape)[:rows, :columns].contiguous(), scale


def dequantize_blocks(q, scale):
    rows, columns = q.shape
    grid = scale.repeat_interleave(BLOCK, 0)[:rows].repeat_interleave(BLOCK, 1)[:, :columns]
    return q.float() * grid


def as_stored(w):
    """The weight as the runtime sees it after FP8 storage; [..., rows, columns], each matrix on its own."""
    if w.dim() == 3:
        return torch.stack([as_stored(m) for m in w])
    return dequantize_blocks(*quantize_blocks(w))


def yarn_frequencies(c):
    dim = c.qk_rope_head_dim
    freq = 1.0 / c.rope_theta ** (torch.arange(0, dim, 2).float() / dim)

    def correction(rotations):
        return dim * math.log(c.original_max_position_embeddings / (rotations * 2 * math.pi)) / (2 * math.log(c.rope_theta))

    low, high = max(math.floor(correction(c.beta_fast)), 0), min(math.ceil(correction(c.beta_slow)), dim - 1)
    ramp = ((torch.arange(dim // 2).float() - low) / max(high - low, 0.001)).clamp(0, 1)
    return freq / c.yarn_factor * ramp + freq * (1 - ramp)


def rope(x, cos, sin):
    """Rotates the pairs (2i, 2i+1) of the last dimension; cos, sin [tokens, dim/2] broadcast over x's heads."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Gather(torch.autograd.Function):
    """rows x[index] where every row of x is taken exactly `fan` times; the gradient is a gather too."""

    @staticmethod
    def forward(ctx, x, index, inverse, fan):
        ctx.save_for_backward(inverse)
        ctx.fan = fan
        return x[index]

    @staticmethod
    def backward(ctx, grad):
        (inverse,) = ctx.saved_tensors
        rows = grad[inverse]
        return (rows.view(-1, ctx.fan, rows.shape[-1]).sum(1) if ctx.fan > 1 else rows), None, None, None


class Weights(nn.Module):
    """Holds matrices by name and hands them out as they will be stored."""

    fake_quant = False

    def matrix(self, name):
        w = getattr(self, name)
        return w + (as_stored(w.detach()) - w).detach() if Weights.fake_quant else w

    def linear(self, x, name):
        return F.linear(x, self.matrix(name))

    def add_matrix(self, name, *shape, gain=1.0):
        setattr(self, name, nn.Parameter(torch.randn(*shape) * gain * shape[-1] ** -0.5))


class RMSNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(size)), eps

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


class Attention(Weights):
    def __init__(self, c):
        super().__init__()
        self.c, heads = c, c.num_attention_heads
        self.add_matrix("q_a_proj", c.q_lora_rank, c.hidden_size)
        self.q_a_layernorm = RMSNorm(c.q_lora_rank, c.rms_norm_eps)
        self.add_matrix("q_b_proj", heads * (c.qk_nope_head_dim + c.qk_rope_head_dim), c.q_lora_rank)
        self.add_matrix("kv_a_proj_with_mqa", c.kv_lora_rank + c.qk_rope_head_dim, c.hidden_size)
        self.kv_a_layernorm = RMSNorm(c.kv_lora_rank, c.rms_norm_eps)
        self.add_matrix("kv_b_proj", heads * (c.qk_nope_head_dim + c.v_head_dim), c.kv_lora_rank)
        self.add_matrix("o_proj", c.hidden_size, heads * c.v_head_dim, gain=0.3)
        mscale = 0.1 * c.mscale_all_dim * math.log(c.yarn_factor) + 1.0
        self.scale = (c.qk_nope_head_dim + c.qk_rope_head_dim) ** -0.5 * mscale * mscale

    def forward(self, x, cos, sin, mask):
        c, (b, t, _) = self.c, x.shape
        q = self.linear(self.q_a_layernorm(self.linear(x, "q_a_proj")), "q_b_proj").view(b, t, c.num_attention_heads, -1)
        q_nope, q_pe = q.split([c.qk_nope_head_dim, c.qk_rope_head_dim], -1)
        latent, k_pe = self.linear(x, "kv_a_proj_with_mqa").split([c.kv_lora_rank, c.qk_rope_head_dim], -1)
        kv = self.linear(self.kv_a_layernorm(latent), "kv_b_proj").view(b, t, c.num_attention_heads, -1)
        k_nope, v = kv.split([c.qk_nope_head_dim, c.v_head_dim], -1)
        q_pe = rope(q_pe, cos[:, None], sin[:, None])
        k_pe = rope(k_pe, cos, sin)[:, :, None].expand(-1, -1, c.num_attention_heads, -1)
        q = torch.cat((q_nope, q_pe), -1).transpose(1, 2)
        k = torch.cat((k_nope, k_pe), -1).transpose(1, 2)
        scores = (q @ k.transpose(2, 3)) * self.scale + mask
        out = scores.softmax(-1) @ v.transpose(1, 2)
        return self.linear(out.transpose(1, 2).reshape(b, t, -1), "o_proj")


class MLP(Weights):
    def __init__(self, c, width):
        super().__init__()
        self.add_matrix("gate_proj", width, c.hidden_size)
        self.add_matrix("up_proj", width, c.hidden_size)
        self.add_matrix("down_proj", c.hidden_size, width, gain=0.3)

    def forward(self, x):
        return self.linear(F.silu(self.linear(x, "gate_proj")) * self.linear(x, "up_proj"), "down_proj")


class MoE(Weights):
    """Top-k of n experts through groups; the bias only chooses, it never weighs (DeepSeek-V3's noaux_tc)."""

    def __init__(self, c):
        super().__init__()
        self.c = c
        self.gate = nn.Module()
        self.gate.weight = nn.Parameter(torch.randn(c.n_routed_experts, c.hidden_size) * c.hidden_size ** -0.5)
        self.gate.register_buffer("e_score_correction_bias", torch.zeros(c.n_routed_experts))
        self.counts = []
        self.add_matrix("gate_proj", c.n_routed_experts, c.moe_intermediate_size, c.hidden_size)
        self.add_matrix("up_proj", c.n_routed_experts, c.moe_intermediate_size, c.hidden_size)
        self.add_matrix("down_proj", c.n_routed_experts, c.hidden_size, c.moe_intermediate_size, gain=0.3)
        self.shared_experts = MLP(c, c.moe_intermediate_size * c.n_shared_experts)

    def route(self, x):
        """(expert ids, weights), both [tokens, k]."""
        c = self.c
        scores = F.linear(x, self.gate.weight).sigmoid()
        with torch.no_grad():
            choice = scores + self.gate.e_score_correction_bias
            groups = choice.view(len(x), c.n_group, -1)
            best = groups.topk(2, -1)[0].sum(-1).topk(c.topk_group, -1)[1]
            closed = torch.ones(len(x), c.n_group, dtype=torch.bool).scatter_(1, best, False)
            experts = groups.masked_fill(closed[..., None], -math.inf).flatten(1).topk(c.num_experts_per_tok, -1)[1]
        weights = scores.gather(1, experts)
        return experts, weights / (weights.sum(-1, keepdim=True) + 1e-20) * c.routed_scaling_factor

    def forward(self, x):
        shape, k = x.shape, self.c.num_experts_per_tok
        x = x.reshape(-1, shape[-1])
        experts, weights = self.route(x)
        order = experts.flatten().argsort(stable=True)
        inverse = torch.empty_like(order)
        inverse[order] = torch.arange(len(order))
        counts = torch.bincount(experts.flatten(), minlength=self.c.n_routed_experts)
        if self.training:
            self.counts.append(counts)
        rows = Gather.apply(x, order // k, inverse, k).split(counts.tolist())
        gate, up, down = (self.matrix(n).unbind(0) for n in ("gate_proj", "up_proj", "down_proj"))
        parts = [F.linear(F.silu(F.linear(r, gate[e])) * F.linear(r, up[e]), down[e]) for e, r in enumerate(rows)]
        out = Gather.apply(torch.cat(parts), inverse, order, 1).view(len(x), k, -1)
        return ((out * weights[..., None]).sum(1) + self.shared_experts(x)).view(shape)

    @torch.no_grad()
    def rebalance(self, rate):
        """Nudges the bias towards equal load, as DeepSeek-V3 does instead of an auxiliary loss."""
        if self.counts:
            load = torch.stack(self.counts).sum(0).float()
            self.gate.e_score_correction_bias += rate * torch.sign(load.mean() - load)
            self.counts.clear()


class Block(nn.Module):
    def __init__(self, c, dense):
        super().__init__()
        self.input_layernorm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.self_attn = Attention(c)
        self.post_attention_layernorm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.mlp = MLP(c, c.intermediate_size) if dense else MoE(c)

    def forward(self, x, cos, sin, mask):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class NextTokenModule(Weights):
    """R1's MTP module: from the main model's normed output at i and token i+1, predicts token i+2."""

    def __init__(self, c):
        super().__init__()
        self.enorm, self.hnorm = RMSNorm(c.hidden_size, c.rms_norm_eps), RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.eh_proj = nn.Parameter(torch.randn(c.hidden_size, 2 * c.hidden_size) * (2 * c.hidden_size) ** -0.5)
        self.block = Block(c, dense=False)
        self.norm = RMSNorm(c.hidden_size, c.rms_norm_eps)

    def forward(self, hidden, embedded, cos, sin, mask):
        # The embedding at position 0 is zero, as vLLM has it.
        keep = torch.ones(embedded.shape[1], 1)
        keep[0] = 0
        x = F.linear(torch.cat((self.enorm(embedded * keep), self.hnorm(hidden)), -1), self.eh_proj)
        return self.norm(self.block(x, cos, sin, mask))


class TinyR1(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embed_tokens = nn.Parameter(torch.randn(c.vocab_size, c.hidden_size) * 0.5)
        self.layers = nn.ModuleList(Block(c, i < c.first_k_dense_replace) for i in range(c.num_hidden_layers))
        self.norm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.lm_head = nn.Parameter(torch.randn(c.vocab_size, c.hidden_size) * c.hidden_size ** -0.5 * 0.2)
        self.mtp = NextTokenModule(c)
        self.frequencies = yarn_frequencies(c)

    def forward(self, ids, with_mtp=False):
        """Hidden states [batch, tokens, hidden] after the final norm, and the MTP module's (for ids[:, :-1]) or None."""
        t = ids.shape[1]
        angle = torch.arange(t).float()[:, None] * self.frequencies
        cos, sin = angle.cos(), angle.sin()
        mask = torch.full((t, t), -math.inf).triu(1)
        embedded = x = F.embedding(ids, self.embed_tokens)
        for layer in self.layers:
            x = layer(x, cos, sin, mask)
        x = self.norm(x)
        if not with_mtp:
            return x, None
        return x, self.mtp(x[:, :-1], embedded[:, 1:], cos[:-1], sin[:-1], mask[:-1, :-1])

    def logits(self, hidden):
        return F.linear(hidden, self.lm_head)

    def routers(self):
        return [m for m in self.modules() if isinstance(m, MoE)]
