// Primitives as callable functions, built for every ISA level like a skeleton: begin..end counts, buffers are
// in and out.
#include "kernels/common/microkernel.h"
#include "kernels/common/pack.h"
#include "kernels/primitives/fp8.h"

using namespace r1::kernels;
using namespace r1::kernels::R1_ISA;

// One line of e4m3 to two lines of bf16; with a scale if buffers[2] is given.
R1_SKELETON(probe_e4m3, EmbedParams) {
  const float* scale = static_cast<const float*>(buffers[2]);
  const E4m3Decoder decode = scale ? E4m3Decoder::scaled(*scale) : E4m3Decoder::exact();
  const LinePair pair = decode(load_line(buffers[0]));
  store_line(buffers[1], pair.first);
  store_line(static_cast<char*>(buffers[1]) + 64, pair.second);
}

// `end` (1..16) floats to bf16 and back: in f32, bf16 out, f32 out.
R1_SKELETON(probe_bf16, EmbedParams) {
  const F32x16 x = end == 16 ? load(static_cast<const float*>(buffers[0]))
                             : load(static_cast<const float*>(buffers[0]), end);
  uint16_t* half = static_cast<uint16_t*>(buffers[1]);
  float* back = static_cast<float*>(buffers[2]);
  if (end == 16) {
    store_bf16(half, x);
    store(back, load_bf16(half));
  } else {
    store_bf16(half, x, end);
    store(back, load_bf16(half, end), end);
  }
}

// Sum and largest of 16 floats, and the square root of the first.
R1_SKELETON(probe_reduce, EmbedParams) {
  const F32x16 x = load(static_cast<const float*>(buffers[0]));
  float* out = static_cast<float*>(buffers[1]);
  out[0] = reduce_add(x);
  out[1] = reduce_max(x);
  out[2] = square_root(static_cast<const float*>(buffers[0])[0]);
}

// pack_columns (cols = 0) or pack_rows (1) of an end x end source with row stride 48 to k padded 64, strips
// 64 * 16 apart.
R1_SKELETON(probe_pack, EmbedParams) {
  const uint16_t* source = static_cast<const uint16_t*>(buffers[0]);
  uint16_t* packed = static_cast<uint16_t*>(buffers[1]);
  if (params->cols == 0)
    pack_columns(source, 48, end, end, 64, 64 * 16, packed);
  else
    pack_rows(source, 48, end, end, 64, 64 * 16, packed);
}

// C (+)= A[end rows][k] * B, both k = cols; C [end][48], three strips. begin: accumulate.
R1_SKELETON(probe_gemm_block, EmbedParams) {
  gemm_block(static_cast<const uint16_t*>(buffers[0]), params->cols, end,
             static_cast<const uint16_t*>(buffers[1]), params->cols * 16, 3, params->cols,
             static_cast<float*>(buffers[2]), 48, begin != 0);
}
