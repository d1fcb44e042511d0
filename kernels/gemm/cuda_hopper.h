// Linear layers for many rows on sm_90a: warp groups multiply straight from shared memory.
//
// Arithmetic: as kernels/common/cuda_tiles.h, 128 rows x up to 256 columns a tile, whose sums 256 threads hold.
// Schedule: a producer warp group, of which one thread works, has the copy engine fill a ring of steps, each a
// line of 128 bytes of k of every row of x and of W; two consumer groups of 64 rows each multiply. A pair of
// barriers a slot says "full" (bytes have come) and "empty" (all eight consumer warps are done). The producer
// gives registers to the consumers.
//
// GemmHopperBf16: parameters, buffers and holes of gemm_bf16. For gemm_f8 see cuda_hopper_f8.h.
//
// GemmHopperQuantised: x is e4m3 too, quantised in pieces of 128 k of a row: y = sum over lines of (x line .
// w line) * x scale * w scale. The tensor core adds with 14 bits or so, hence sums of a line are added up in
// float beside it. Buffers: x e4m3[rows][x_stride], W, scales of W, scales of x
// f32[rows][kScaleStride], as rows_quantize writes them.
//
// Tensor maps (element = bf16 or u8, swizzle 128B, box rows of 128 bytes), innermost first:
//   0: x  dims {k, batch, rows}            strides {x_batch_stride, x_stride}  box {kLine, 1, 128}
//   1: W  dims {kRowLength, n, batch * accumulators}  strides {kRowLength, n * kRowLength}  box {kLine, tile_n, 1}
// Addresses and strides of x must be multiples of 16 bytes (x_batch_stride where batch = 1: any such). Past k, x
// reads as 0; rows past those of this step are whatever memory holds, and make rows that are dropped.
#pragma once
#include "kernels/gemm/cuda_hopper_finish.h"
#include "kernels/gemm/cuda_problem.h"
#include "kernels/primitives/cuda/tma.h"
#include "kernels/primitives/cuda/wgmma.h"

#if R1_SM == 90 && R1_SM_A

namespace r1::cuda {

template <class Config, class Holes, class Weight> struct GemmHopper {
  static_assert(Config::prologue == 0, "a GPU norms in its own launch: the prologue would run once a block");
  static_assert(Config::tile_m == 128, "two groups of 64 rows");
  using Shape = LinearShape<Config, Weight, Weight>;
  static constexpr bool kF8 = Shape::kF8;
  static constexpr int kTileM = 128, kColumns = Shape::kTileN * Shape::kAccumulators;
  static_assert(kColumns <= (kF8 ? 128 : 256), "the sums of a tile are held in registers, twice for e4m3");
  static constexpr int kSums = kColumns / 2; // of a thread
  static constexpr int kThreads = kConsumers + 128, kMinBlocks = 1, kMaps = 2, kRowGroup = 16;

  // Shared memory: the ring (slots of x rows, then W rows), scales of W, barriers. At the end the ring is the
  // place of results.
  static constexpr int kLine = Shape::kLine, kSteps = Shape::kLines;
  static constexpr int kStageBytes = (kTileM + kColumns) * 128;
  static constexpr int kTileStrips = kColumns / 16;
  static constexpr int kScaleBytes = kF8 ? divide_up(kTileStrips * kSteps * 4, 16) * 16 : 0;
  static constexpr int kSharedLimit = 227 * 1024;
  static constexpr int kStages = smaller(6, (kSharedLimit - kScaleBytes - 128) / kStageBytes);
  static constexpr int kRingBytes =
      larger(kStages * kStageBytes, divide_up(kGroupResultBytes<kColumns>, 1024) * 1024);
  static_assert(kStages >= 3, "a ring of three stages");
  static constexpr int kSharedBytes = kRingBytes + kScaleBytes + kStages * 2 * int(sizeof(Barrier));

  struct Ring {
    u8* slots;
    Barrier *full, *empty;

    R1_DEVICE explicit Ring(u8* shared)
        : slots(shared), full(reinterpret_cast<Barrier*>(shared + kRingBytes + kScaleBytes)),
          empty(full + kStages) {}
    R1_DEVICE u8* slot(int step) const { return slots + step % kStages * kStageBytes; }
    R1_DEVICE static int parity(int step) { return step / kStages % 2; }
  };

  R1_DEVICE static void tile(const Arguments& arguments, const TensorMap* maps, int tile, u8* shared) {
    const GemmPlace place = gemm_place<Config, Shape, kRowGroup>(arguments, tile);
    if (place.rows == 0)
      return;
    const Ring ring(shared);
    if (thread_index() == 0) {
      for (int i = 0; i < kStages; ++i) {
        barrier_init(ring.full + i, 1);
        barrier_init(ring.empty + i, kConsumers / 32);
      }
      barrier_fence_init();
    }
    float* scales = reinterpret_cast<float*>(shared + kRingBytes);
    if constexpr (kF8)
      copy_scales<Shape, kThreads>({nullptr, arguments.in<float>(2), place.part}, place.column, scales);
    sync_block();
    if (thread_index() >= kConsumers) {
      set_registers_dec<40>();
      if (thread_index() == kConsumers)
        produce(ring, maps, place);
      set_registers_inc<kEvenRegisters>();
    } else {
      set_registers_inc<232>();
      consume(arguments, ring, place, scales);
      set_registers_dec<kEvenRegisters>();
    }
    sync_block();
    if (thread_index() == 0)
      for (int i = 0; i < 2 * kStages; ++i)
        barrier_invalidate(ring.full + i);
  }

private:
  static constexpr int kEvenRegisters = 168; // of 65536, for 384 threads

  R1_DEVICE static void produce(const Ring& ring, const TensorMap* maps, const GemmPlace& place) {
    tma_prefetch(maps);
    tma_prefetch(maps + 1);
    for (int step = 0; step < kSteps; ++step) {
      Barrier* full = ring.full + step % kStages;
      barrier_wait(ring.empty + step % kStages, Ring::parity(step) ^ 1);
      barrier_expect(full, kStageBytes);
      u8* slot = ring.slot(step);
      tma_load_3d(slot, maps, full, step * kLine, place.part, place.first);
      R1_UNROLL for (int a = 0; a < Shape::kAccumulators; ++a) {
        tma_load_3d(slot + (kTileM + a * Shape::kTileN) * 128, maps + 1, full, step * kLine, place.column,
                    place.part * Shape::kAccumulators + a);
      }
    }
  }

  R1_DEVICE static void consume(const Arguments& arguments, const Ring& ring, const GemmPlace& place,
                                const float* scales) {
    float sums[kSums];
    if constexpr (kF8)
      sum_f8(arguments.in<float>(3) + place.first * (long long)Shape::kScaleStride, place.rows, ring, scales, sums);
    else
      sum_bf16(ring, sums);
    finish_groups<Shape>(GemmProblem<Config, Holes>(arguments, place), place.column, sums,
                         reinterpret_cast<float*>(ring.slots));
  }

  // The products of a line: 32 bytes of k each.
  R1_DEVICE static void multiply_line(const Ring& ring, int step, float (&sums)[kSums], bool add) {
    const u64 x = wgmma_descriptor_128b(ring.slot(step) + thread_index() / 128 * 64 * 128);
    const u64 w = wgmma_descriptor_128b(ring.slot(step) + kTileM * 128);
    wgmma_fence_registers(sums);
    wgmma_fence();
    R1_UNROLL for (int k = 0; k < 4; ++k) {
      if constexpr (kF8)
        wgmma_m64nNk32_e4m3<kColumns>(sums, wgmma_advance(x, k * 32), wgmma_advance(w, k * 32), add || k > 0);
      else
        wgmma_m64nNk16_bf16<kColumns>(sums, wgmma_advance(x, k * 32), wgmma_advance(w, k * 32), add || k > 0);
    }
    wgmma_commit();
    wgmma_fence_registers(sums);
  }

  R1_DEVICE static void release(const Ring& ring, int step) {
    if (lane_index() == 0)
      barrier_arrive(ring.empty + step % kStages);
  }

  // A line's products go while the next line is awaited.
  R1_DEVICE static void sum_bf16(const Ring& ring, float (&sums)[kSums]) {
    for (int step = 0; step < kSteps; ++step) {
      barrier_wait(ring.full + step % kStages, Ring::parity(step));
      multiply_line(ring, step, sums, step > 0);
      wgmma_wait<1>();
      if (step > 0)
        release(ring, step - 1);
    }
    wgmma_wait<0>();
    wgmma_fence_registers(sums);
  }

  // Results of one group scale while the other's products go.
  R1_DEVICE static void sum_f8(const float* x_scales, int rows, const Ring& ring, const float* scales,
                               float (&sums)[kSums]) {
    const float* low = x_scales + smaller(consumer_row(), rows - 1) * Shape::kScaleStride;
    const float* high = x_scales + smaller(consumer_row() + 8, rows - 1) * Shape::kScaleStride;
    float parts[kSums];
    R1_UNROLL for (int i = 0; i < kSums; ++i) { sums[i] = 0; }
    for (int step = 0; step < kSteps; ++step) {
      const float x_scale[2] = {low[step], high[step]};
      barrier_wait(ring.full + step % kStages, Ring::parity(step));
      multiply_line(ring, step, parts, false);
      wgmma_wait<0>();
      wgmma_fence_registers(parts);
      release(ring, step);
      R1_UNROLL for (int i = 0; i < kSums; ++i) {
        sums[i] += parts[i] * (x_scale[i / 2 % 2] * scales[i / 8 * kSteps + step]);
      }
    }
  }
};

template <class Config, class Holes> struct GemmHopperBf16 : GemmHopper<Config, Holes, bf16> {};
template <class Config, class Holes> struct GemmHopperQuantised : GemmHopper<Config, Holes, e4m3> {};

} // namespace r1::cuda

#endif
