// The slow, clear forms of the row operations. All matrices are row-major and dense, all values float; sums
// are taken in double, so that a kernel is compared with something better than itself. Outputs may not
// overlap inputs unless said.
#pragma once
#include <cstdint>

namespace r1::kernels::reference {

// y = x / sqrt(mean(x^2) + epsilon) * weight, along each row.  x, y [rows][cols]; weight [cols].
// (Zhang and Sennrich 2019, "Root Mean Square Layer Normalization"; DeepSeek-V3 inference/model.py, RMSNorm.)
// y may be x.
void rms_norm(const float* x, const float* weight, int64_t rows, int64_t cols, double epsilon, float* y);

// y = exp(x - max) / sum(exp(x - max)), along each row.  x, y [rows][cols]. y may be x.
void softmax(const float* x, int64_t rows, int64_t cols, float* y);

// y = gate / (1 + exp(-gate)) * up.  gate, up, y [count]. y may be gate or up.
void silu_mul(const float* gate, const float* up, int64_t count, float* y);

// y[t] = sum_j weights[t][j] * x[t * k + j], j ascending.  x [tokens * k][cols]; weights [tokens][k]; y
// [tokens][cols].
void combine(const float* x, const float* weights, int64_t tokens, int64_t k, int64_t cols, float* y);

// y[r] = x[rows[r]].  x [..][cols]; rows [count]; y [count][cols].
void gather(const float* x, const int32_t* rows, int64_t count, int64_t cols, float* y);

// table[t] = (scale * cos(positions[t] * inv_freq[i]) for i < rope / 2, then the sines).
// positions [tokens]; inv_freq [rope / 2]; table [tokens][rope]. `scale` is 1 wherever YaRN's two mscales
// agree: attention carries mscale^2 in its softmax scale, and carrying it here as well is a published
// mistake. The angle is a float product before its cosine is taken: transformers and DeepSeek's model.py (torch.outer)
// round it so, and at position 100,000 that turns the fastest pair by up to 0.004 radians.
void rope_table(const int32_t* positions, const float* inv_freq, int64_t tokens, int64_t rope, double scale,
                float* table);

// Rotates elements [offset, offset + rope) of each head by the angles of its token and copies the rest.
//   interleaved: pairs (2i, 2i + 1), as DeepSeek's own code does (model.py, apply_rotary_emb:
//   view_as_complex); else:        pairs (i, i + rope / 2), "rotate half" (Su et al. 2021, "RoFormer", in
//   GPT-NeoX's order).
// x, y [tokens][heads][head_dim]; table [tokens][rope] as rope_table makes it. y may be x.
struct RopeShape {
  int64_t tokens, heads, head_dim, offset, rope;
  bool interleaved;
};
void rope(const float* x, const float* table, const RopeShape& shape, float* y);

// Each piece of 128 columns of a row (the last may be shorter) as e4m3 numbers and a scale that multiplies:
// amax = max(|x|, 1e-4), scale = amax / 448, with ue8m0 rounded up to a power of two, y = e4m3(x / scale), all in float,
// as DeepSeek-V3's inference/kernel.py (act_quant) has it. A NaN stays one and counts for no maximum; beside an infinity
// everything else is 0.
// x, y [rows][cols], y holding numbers that e4m3 has; scales [rows][ceil(cols / 128)].
void quantize_rows(const float* x, int64_t rows, int64_t cols, bool ue8m0, float* y, float* scales);

// The way back: y[r][c] * scales[r][c / 128], one rounding to float. x may be y.
void dequantize_rows(const float* y, const float* scales, int64_t rows, int64_t cols, float* x);

} // namespace r1::kernels::reference
