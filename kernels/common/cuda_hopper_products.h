// A tile of a linear layer whose two operands have one type, bf16 or e4m3, by sm_90a's warp groups.
//
// A ring (cuda_hopper_ring.h) of steps: a line of 128 bytes of k of every row of x and of W, laid out with swizzle
// 128B. A third warp group fills it, as the family has it do, and gives registers to the two consumer groups
// (cuda_hopper_groups.h), which multiply straight from shared memory.
//
// e4m3: x is quantised in pieces of 128 k of a row: y = sum over lines of (x line . w line) * x scale * w scale.
// The tensor core adds with 14 bits or so, hence sums of a line are added up in float beside it.
#pragma once
#include "kernels/common/cuda_hopper_ring.h"
#include "kernels/primitives/cuda/tma.h"
#include "kernels/primitives/cuda/wgmma.h"

#if R1_SM == 90 && R1_SM_A

namespace r1::cuda {

template <class LinearShape, int kTileRows> struct HopperProducts {
  using Shape = LinearShape;
  static constexpr bool kF8 = Shape::kF8;
  static constexpr int kColumns = Shape::kTileN * Shape::kAccumulators;
  using Part = GroupPart<kTileRows, kColumns>;
  static_assert(kColumns <= 256 && Part::kColumns <= (kF8 ? 128 : 256),
                "the sums of a tile are held in registers, twice for e4m3");
  static constexpr int kSums = Part::kSums;
  static constexpr int kThreads = kConsumers + 128;

  // Shared memory: the ring (slots of x rows, then W rows), scales of W, barriers. At the end the ring is the
  // place of results.
  static constexpr int kLine = Shape::kLine, kSteps = Shape::kLines;
  static constexpr int kWeightsAt = kTileRows * 128; // in a slot
  static constexpr int kWeightBytes = kColumns * 128, kStageBytes = kWeightsAt + kWeightBytes;
  static constexpr int kScaleBytes = kF8 ? divide_up(kColumns / 16 * kSteps * 4, 16) * 16 : 0;
  static constexpr int kSharedLimit = 227 * 1024;
  static constexpr int kStages = smaller(6, (kSharedLimit - kScaleBytes - 128) / kStageBytes);
  static_assert(kStages >= 3, "a ring of three stages");
  using Ring = SlotRing<kStages, kStageBytes>;
  static constexpr int kRingBytes = larger(kStages * kStageBytes, divide_up(Part::kResultBytes, 1024) * 1024);
  static constexpr int kSharedBytes = kRingBytes + kScaleBytes + Ring::kBarriers * int(sizeof(Barrier));

  // All threads of the block. `produce(ring)` is what the third group's threads do: for every step, wait for the
  // slot to be empty and fill it, with `arrivals` a slot. Problem: as in cuda_stream.h; for e4m3 it has scales(i), of
  // row i's lines, too. `weights`: for their scales.
  template <class Problem, class Produce>
  R1_DEVICE static void tile(const Problem& problem, const LinearWeights<Shape>& weights, int first_column,
                             u8* shared, int arrivals, const Produce& produce) {
    float* scales = reinterpret_cast<float*>(shared + kRingBytes);
    const Ring ring(shared, reinterpret_cast<Barrier*>(shared + kRingBytes + kScaleBytes));
    if (thread_index() == 0) {
      ring.init(arrivals);
      barrier_fence_init();
    }
    if constexpr (kF8)
      copy_scales<Shape, kThreads>(weights, first_column, scales);
    sync_block();
    if (thread_index() >= kConsumers) {
      set_registers_dec<56>();
      produce(ring);
      set_registers_inc<kEvenRegisters>();
    } else {
      set_registers_inc<224>();
      float sums[kSums];
      if constexpr (kF8)
        sum_f8(problem, ring, scales, sums);
      else
        sum_bf16(ring, sums);
      finish_groups<Shape, Part>(problem, first_column, sums, reinterpret_cast<float*>(shared));
      set_registers_dec<kEvenRegisters>();
    }
    sync_block();
    if (thread_index() == 0)
      ring.invalidate();
  }

  // By one thread: a step of the weights of matrix `index`, kWeightBytes that are announced already.
  R1_DEVICE static void load_weights(const Ring& ring, const TensorMap* map, int step, int first_column,
                                     int index) {
    R1_UNROLL for (int a = 0; a < Shape::kAccumulators; ++a) {
      tma_load_3d(ring.slot(step) + kWeightsAt + a * Shape::kTileN * 128, map, ring.full_of(step),
                  step * kLine, first_column, index * Shape::kAccumulators + a);
    }
  }

private:
  static constexpr int kEvenRegisters = 168; // of 65536, for 384 threads

  // The products of a line: 32 bytes of k each.
  R1_DEVICE static void multiply_line(const Ring& ring, int step, float (&sums)[kSums], bool add) {
    const u64 x = wgmma_descriptor_128b(ring.slot(step) + Part::first_row() * 128);
    const u64 w = wgmma_descriptor_128b(ring.slot(step) + kWeightsAt + Part::first_column() * 128);
    wgmma_fence_registers(sums);
    wgmma_fence();
    R1_UNROLL for (int k = 0; k < 4; ++k) {
      if constexpr (kF8)
        wgmma_m64nNk32_e4m3<Part::kColumns>(sums, wgmma_advance(x, k * 32), wgmma_advance(w, k * 32),
                                            add || k > 0);
      else
        wgmma_m64nNk16_bf16<Part::kColumns>(sums, wgmma_advance(x, k * 32), wgmma_advance(w, k * 32),
                                            add || k > 0);
    }
    wgmma_commit();
    wgmma_fence_registers(sums);
  }

  // A line's products go while the next line is awaited.
  R1_DEVICE static void sum_bf16(const Ring& ring, float (&sums)[kSums]) {
    for (int step = 0; step < kSteps; ++step) {
      ring.wait_full(step);
      multiply_line(ring, step, sums, step > 0);
      wgmma_wait<1>();
      if (step > 0)
        ring.release(step - 1);
    }
    wgmma_wait<0>();
    wgmma_fence_registers(sums);
  }

  // Results of one group scale while the other's products go.
  template <class Problem>
  R1_DEVICE static void sum_f8(const Problem& problem, const Ring& ring, const float* all_scales,
                               float (&sums)[kSums]) {
    const float* low = problem.scales(smaller(Part::row(), problem.count() - 1));
    const float* high = problem.scales(smaller(Part::row() + 8, problem.count() - 1));
    const float* scales = all_scales + Part::first_column() / 16 * kSteps;
    float parts[kSums];
    R1_UNROLL for (int i = 0; i < kSums; ++i) { sums[i] = 0; }
    for (int step = 0; step < kSteps; ++step) {
      const float x_scale[2] = {low[step], high[step]};
      ring.wait_full(step);
      multiply_line(ring, step, parts, false);
      wgmma_wait<0>();
      wgmma_fence_registers(parts);
      ring.release(step);
      R1_UNROLL for (int i = 0; i < kSums; ++i) {
        sums[i] += parts[i] * (x_scale[i / 2 % 2] * scales[i / 8 * kSteps + step]);
      }
    }
  }
};

} // namespace r1::cuda

#endif
