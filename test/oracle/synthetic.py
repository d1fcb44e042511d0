"""Synthetic checkpoints: weights that are a pure function of (seed, tensor name, element index).

`synthetic_checkpoint.cpp` is the same in C++; test/oracle/golden/*.json holds the CRC-32 of the files both write.

  h = crc32(name) + seed * 0x9E3779B9 + index * 0x85EBCA6B            (mod 2^32)
  h ^= h >> 16; h *= 0x7FEB352D; h ^= h >> 15; h *= 0x846CA68B; h ^= h >> 16
  u = float32((h >> 8) - 2^23) * 2^-23                                 in [-1, 1), exact
  value = float32(offset + float32(amplitude) * u)                     in double before the one rounding
The value is then rounded to its stored type, to nearest even.  FP8: block (r, c) of 128x128 (the last ones smaller) is
first divided by 2^((2r + c) mod 3), so that scales differ; its scale is max|w| / 448 in float32, rounded up to a power of
two for "ue8m0"; the stored byte is e4m3(w / scale).

  python synthetic.py golden/CASE.json FOLDER      writes the case's checkpoint
"""
import json
import math
import os
import struct
import sys
import zlib

import numpy as np

BLOCK = 128


def uniform(seed, name, count):
    h = np.arange(count, dtype=np.uint32) * np.uint32(0x85EBCA6B)
    h += np.uint32((zlib.crc32(name.encode()) + seed * 0x9E3779B9) & 0xFFFFFFFF)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x7FEB352D)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x846CA68B)
    h ^= h >> np.uint32(16)
    return ((h >> np.uint32(8)).astype(np.int32) - (1 << 23)).astype(np.float32) * np.float32(2.0 ** -23)


def specs(case):
    """(name, shape, kind, amplitude, offset) of every tensor in file order; kind is linear, plain, norm or bias.

    "linear" tensors take the case's weight type, "plain" and "norm" ones BF16 in FP8 checkpoints, "bias" is always F32.
    """
    c, gains = case["config"], case.get("gains", {})
    h, heads, rope = c["hidden_size"], c["num_attention_heads"], c["qk_rope_head_dim"]
    qk = c["qk_nope_head_dim"] + rope

    def scaled(name, rows, columns, kind="linear"):
        leaf = name.split(".")[-2]
        return name, [rows, columns], kind, gains.get(leaf, 1.0) * math.sqrt(3.0 / columns), 0.0

    def norm(name, size):
        return name, [size], "norm", 0.125, 1.0

    def mlp(prefix, width):
        return [scaled(prefix + "gate_proj.weight", width, h), scaled(prefix + "up_proj.weight", width, h),
                scaled(prefix + "down_proj.weight", h, width)]

    def layer(i):
        p = f"model.layers.{i}."
        a, m = p + "self_attn.", p + "mlp."
        out = [norm(p + "input_layernorm.weight", h)]
        if c["q_lora_rank"]:
            out += [scaled(a + "q_a_proj.weight", c["q_lora_rank"], h), norm(a + "q_a_layernorm.weight", c["q_lora_rank"]),
                    scaled(a + "q_b_proj.weight", heads * qk, c["q_lora_rank"])]
        else:
            out += [scaled(a + "q_proj.weight", heads * qk, h)]
        out += [scaled(a + "kv_a_proj_with_mqa.weight", c["kv_lora_rank"] + rope, h),
                norm(a + "kv_a_layernorm.weight", c["kv_lora_rank"]),
                scaled(a + "kv_b_proj.weight", heads * (c["qk_nope_head_dim"] + c["v_head_dim"]), c["kv_lora_rank"]),
                scaled(a + "o_proj.weight", h, heads * c["v_head_dim"]), norm(p + "post_attention_layernorm.weight", h)]
        if i < c["first_k_dense_replace"]:
            return out + mlp(m, c["intermediate_size"])
        out += [scaled(m + "gate.weight", c["n_routed_experts"], h, "plain")]
        if c["topk_method"] == "noaux_tc":
            out += [(m + "gate.e_score_correction_bias", [c["n_routed_experts"]], "bias", gains.get("bias", 0.25),
                 gains.get("bias_offset", 0.0))]
        for e in range(c["n_routed_experts"]):
            out += mlp(f"{m}experts.{e}.", c["moe_intermediate_size"])
        return out + mlp(m + "shared_experts.", c["moe_intermediate_size"] * c["n_shared_experts"])

    layers, vocab = c["num_hidden_layers"], c["vocab_size"]
    out = [("model.embed_tokens.weight", [vocab, h], "plain", math.sqrt(3.0), 0.0)]
    for i in range(layers):
        out += layer(i)
    for i in range(layers, layers + c.get("num_nextn_predict_layers", 0)):
        p = f"model.layers.{i}."
        out += [(p + "embed_tokens.weight", [vocab, h], "plain", math.sqrt(3.0), 0.0), norm(p + "enorm.weight", h),
                norm(p + "hnorm.weight", h), scaled(p + "eh_proj.weight", h, 2 * h, "plain")]
        out += layer(i)
        out += [norm(p + "shared_head.norm.weight", h), scaled(p + "shared_head.head.weight", vocab, h, "plain")]
    return out + [norm("model.norm.weight", h), scaled("lm_head.weight", vocab, h, "plain")]


def bf16_bits(v):
    u = v.view(np.uint32)
    return ((u + np.uint32(0x7FFF) + ((u >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype(np.uint16)


def e4m3_values():
    """The 127 finite non-negative e4m3 numbers in order; the byte is the index."""
    return np.array([m * 2.0 ** -9 if e == 0 else (8 + m) * 2.0 ** (e - 10) for e in range(16) for m in range(8)][:127],
                    np.float32)


def e4m3_bits(v):
    """Nearest, ties to the even byte (which is the even mantissa); |v| <= 448 expected."""
    table = e4m3_values()
    a = np.abs(v)
    above = np.clip(np.searchsorted(table, a, side="left"), 1, 126)
    low, high = table[above - 1], table[above]
    down, up = a - low, high - a
    pick = np.where((up < down) | ((up == down) & (above % 2 == 0)), above, above - 1).astype(np.uint8)
    return pick | (np.signbit(v).astype(np.uint8) << 7)


def block_scales(w, power_of_two):
    rows, columns = w.shape
    grid = np.empty((-(-rows // BLOCK), -(-columns // BLOCK)), np.float32)
    for r in range(grid.shape[0]):
        for k in range(grid.shape[1]):
            block = w[r * BLOCK:(r + 1) * BLOCK, k * BLOCK:(k + 1) * BLOCK]
            s = np.float32(np.abs(block).max()) / np.float32(448)
            if power_of_two:
                mantissa, exponent = math.frexp(float(s))
                s = np.float32(2.0 ** (exponent - 1 if mantissa == 0.5 else exponent))
            grid[r, k] = s
    return grid


def block_divisors(shape):
    rows, columns = -(-shape[0] // BLOCK), -(-shape[1] // BLOCK)
    return np.float32(2.0) ** ((2 * np.arange(rows)[:, None] + np.arange(columns)) % 3).astype(np.float32)


def stretch(grid, shape):
    return np.repeat(np.repeat(grid, BLOCK, 0)[:shape[0]], BLOCK, 1)[:, :shape[1]]


def tensors(case):
    """Yields (name, dtype, shape, bytes) as stored."""
    weights = case["weights"]
    for name, shape, kind, amplitude, offset in specs(case):
        u = uniform(case["seed"], name, int(np.prod(shape))).astype(np.float64)
        v = (offset + np.float64(np.float32(amplitude)) * u).astype(np.float32)
        dtype = "F32" if kind == "bias" or weights == "f32" else "F16" if weights == "f16" else "BF16"
        if kind == "linear" and weights in ("fp8", "fp8_ue8m0"):
            w = v.reshape(shape) / stretch(block_divisors(shape), shape)
            grid = block_scales(w, weights == "fp8_ue8m0")
            yield name, "F8_E4M3", shape, e4m3_bits(w / stretch(grid, shape)).tobytes()
            yield name + "_scale_inv", "F32", list(grid.shape), grid.tobytes()
        elif dtype == "F32":
            yield name, dtype, shape, v.tobytes()
        elif dtype == "F16":
            yield name, dtype, shape, v.astype(np.float16).tobytes()
        else:
            yield name, dtype, shape, bf16_bits(v).tobytes()


def write(case, folder):
    """Writes config.json and the shards (model.safetensors alone, or numbered ones with an index); returns their CRC-32."""
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/config.json", "w", encoding="utf-8") as file:
        json.dump(case["config"], file, indent=2)
    every, count = list(tensors(case)), case.get("shards", 1)
    parts = [every[len(every) * i // count:len(every) * (i + 1) // count] for i in range(count)]
    names = ["model.safetensors"] if count == 1 else [f"model-{i + 1:05d}-of-{count:06d}.safetensors" for i in range(count)]
    crc, weight_map = 0, {}
    for file_name, part in zip(names, parts):
        header, at = [], 0
        for name, dtype, shape, data in part:
            dims = ",".join(map(str, shape))
            header.append(f'"{name}":{{"dtype":"{dtype}","shape":[{dims}],"data_offsets":[{at},{at + len(data)}]}}')
            at += len(data)
            weight_map[name] = file_name
        text = ("{" + ",".join(header) + "}").encode()
        text += b" " * (-len(text) % 8)
        content = struct.pack("<Q", len(text)) + text + b"".join(data for *_rest, data in part)
        crc = zlib.crc32(content, crc)
        with open(f"{folder}/{file_name}", "wb") as file:
            file.write(content)
    if count > 1:
        total = sum(len(data) for *_rest, data in every)
        with open(f"{folder}/model.safetensors.index.json", "w", encoding="utf-8") as file:
            json.dump({"metadata": {"total_size": total}, "weight_map": weight_map}, file, indent=2)
    return crc


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as case_file:
        write(json.load(case_file), sys.argv[2])
