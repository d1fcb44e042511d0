"""Synthetic checkpoints: weights that are a pure function of (seed, tensor name, element index).

`synthetic_checkpoint.cpp` is the same in C++; test/oracle/golden/*.json holds the CRC-32 of the files both write.

  h = crc32(name) + seed * 0x9E3779B9 + index * 0x85EBCA6B            (mod 2^32)
  h ^= h >> 16; h *= 0x7FEB352D; h ^= h >> 15; h *= 0x846CA68B; h ^= h >> 16
  u = float32((h >> 8) - 2^23) * 2^-23                                 in [-1, 1), exact
  value = float32(offset + float32(amplitude) * u)                     in double before the one rounding
Standard library only: tests write checkpoints where there is no numpy.
The value is then rounded to its stored type, to nearest even.  FP8: block (r, c) of 128x128 (the last ones smaller) is
first divided by 2^((2r + c) mod 3), so that scales differ; its scale is max|w| / 448 in float32, rounded up to a power of
two for "ue8m0"; the stored byte is e4m3(w / scale).

  python synthetic.py golden/CASE.json FOLDER      writes the case's checkpoint
"""
import array
import json
import math
import os
import struct
import sys
import zlib

BLOCK = 128


def lanes(value, count):
    """`value` in each of `count` 64-bit lanes of one integer: arithmetic on such integers is quick without numpy."""
    return int.from_bytes(struct.pack("<Q", value) * count, "little")


def uniform(seed, name, count):
    """The numbers u of (seed, name) as a list of floats."""
    low = lanes(0xFFFFFFFF, count)
    h = int.from_bytes(array.array("Q", range(count)).tobytes(), "little") * 0x85EBCA6B & low
    h = h + lanes((zlib.crc32(name.encode()) + seed * 0x9E3779B9) & 0xFFFFFFFF, count) & low
    h ^= h >> 16 & low
    h = h * 0x7FEB352D & low
    h ^= h >> 15 & low
    h = h * 0x846CA68B & low
    h = (h ^ h >> 16 & low) >> 8 & lanes(0xFFFFFF, count)
    return [(k - 0x800000) * 2.0 ** -23 for k in array.array("Q", h.to_bytes(8 * count, "little"))]


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


def float32(values):
    return array.array("f", values)


def bf16_bytes(v):
    bits = array.array("I", v.tobytes())
    return array.array("H", [u + 0x7FFF + (u >> 16 & 1) >> 16 for u in bits]).tobytes()


def e4m3_byte(x):
    """Nearest, ties to even; |x| <= 448 expected. A subnormal step is 2^-9, a normal one an eighth of the power of two."""
    a = abs(x)
    exponent = max(math.frexp(a)[1], -5) if a else -5
    steps = round(math.ldexp(a, 4 - exponent))
    return (exponent + 5) * 8 + steps | (0x80 if math.copysign(1, x) < 0 else 0)


def block_scale(largest, power_of_two):
    s = float32([float32([largest])[0] / 448])[0]
    if power_of_two:
        mantissa, exponent = math.frexp(s)
        s = 2.0 ** (exponent - 1 if mantissa == 0.5 else exponent)
    return s


def fp8(v, shape, power_of_two):
    """(bytes, grid shape, scale bytes) of float32 numbers."""
    rows, columns = shape
    grid_rows, grid_columns = -(-rows // BLOCK), -(-columns // BLOCK)
    data, grid = bytearray(rows * columns), []
    for r in range(grid_rows):
        for c in range(grid_columns):
            divisor = 2.0 ** ((2 * r + c) % 3)
            places = [(i * columns + c * BLOCK, i * columns + min(columns, (c + 1) * BLOCK))
                      for i in range(r * BLOCK, min(rows, (r + 1) * BLOCK))]
            block = [v[a:b] for a, b in places]
            scale = block_scale(max(abs(x) for line in block for x in line) / divisor, power_of_two)
            grid.append(scale)
            for (a, b), line in zip(places, block):
                data[a:b] = bytes(map(e4m3_byte, float32([x / divisor / scale for x in line])))
    return bytes(data), [grid_rows, grid_columns], float32(grid).tobytes()


def tensors(case):
    """Yields (name, dtype, shape, bytes) as stored."""
    weights = case["weights"]
    for name, shape, kind, amplitude, offset in specs(case):
        amplitude = float32([amplitude])[0]
        v = float32([offset + amplitude * u for u in uniform(case["seed"], name, math.prod(shape))])
        dtype = "F32" if kind == "bias" or weights == "f32" else "F16" if weights == "f16" else "BF16"
        if kind == "linear" and weights in ("fp8", "fp8_ue8m0"):
            data, grid, scales = fp8(v, shape, weights == "fp8_ue8m0")
            yield name, "F8_E4M3", shape, data
            yield name + "_scale_inv", "F32", grid, scales
        elif dtype == "F32":
            yield name, dtype, shape, v.tobytes()
        elif dtype == "F16":
            yield name, dtype, shape, struct.pack(f"<{len(v)}e", *v)
        else:
            yield name, dtype, shape, bf16_bytes(v)


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
