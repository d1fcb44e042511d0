// A tile of a linear layer with e4m3 weights and bf16 x by sm_90a's warp groups, exactly.
//
// Arithmetic: products are those of bf16 (wgmma takes no mixed types), so a line of 128 x 128 x 128 takes some
// 1024 cycles of tensor cores. Widening its 16384 weights takes 3 warps about 550 instructions each, 48 KiB of
// traffic in shared memory, beside 64 KiB that the products read: both fit beneath the products.
// Schedule: as cuda_hopper_products.h with one more job. Beside the consumers, feeders fill slots and wideners
// make e4m3 lines bf16, laid out as wgmma wants them, in one of two buffers that consumers have handed back. Sums
// of a line are scaled and added in float by the consumers: two sets of registers, hence at most 128 columns.
//
//   feeders -> slot (x as bf16, W as e4m3): full -> widen -> buffer: wide -> products -> taken, empty
#pragma once
#include "kernels/common/cuda_hopper_ring.h"
#include "kernels/primitives/cuda/tma.h"
#include "kernels/primitives/cuda/wgmma.h"

#if R1_SM == 90 && R1_SM_A

namespace r1::cuda {

// kFeeders: threads; a warp, which shares a group with wideners, or a group, beside one of wideners.
template <class LinearShape, int kTileRows, int kFeeders> struct HopperWidened {
  using Shape = LinearShape;
  static_assert(kFeeders == 32 || kFeeders == 128, "warp groups are whole");
  static constexpr int kColumns = Shape::kTileN * Shape::kAccumulators;
  using Part = GroupPart<kTileRows, kColumns>;
  static_assert(kColumns <= 128,
                "the sums of a tile are held in registers, twice; wide weights in shared memory");
  static constexpr int kSums = Part::kSums;
  static constexpr int kWideners = kFeeders == 32 ? 96 : 128; // threads
  static constexpr int kThreads = kConsumers + kFeeders + kWideners;

  // Shared memory: slots (x in two halves of 64 k, then W), two buffers of wide W (in halves too), scales,
  // barriers. At the end the slots are the place of results.
  static constexpr int kLine = Shape::kLine, kSteps = Shape::kLines;
  static constexpr int kXHalf = kTileRows * 128, kWideHalf = kColumns * 128;
  static constexpr int kWeightsAt = 2 * kXHalf, kWeightBytes = kColumns * kLine;
  static constexpr int kStageBytes = kWeightsAt + kWeightBytes;
  static constexpr int kWideBytes = 2 * kWideHalf;
  static constexpr int kScaleBytes = divide_up(kColumns / 16 * kSteps * 4, 16) * 16;
  static constexpr int kSharedLimit = 227 * 1024;
  static constexpr int kStages =
      smaller(4, (kSharedLimit - 2 * kWideBytes - kScaleBytes - 128) / kStageBytes);
  static_assert(kStages >= 3, "a ring of three stages");
  static_assert(Part::kResultBytes <= kStages * kStageBytes);
  static constexpr int kWideAt = kStages * kStageBytes, kScalesAt = kWideAt + 2 * kWideBytes;
  static constexpr int kBarriersAt = kScalesAt + kScaleBytes;
  using Slots = SlotRing<kStages, kStageBytes>;
  using Buffers = SlotRing<2, kWideBytes>; // full: wide, empty: taken
  static constexpr int kSharedBytes =
      kBarriersAt + (Slots::kBarriers + Buffers::kBarriers) * int(sizeof(Barrier));

  // All threads of the block. `feed(slots)` is what the feeders' threads do: for every step, wait for the slot to be
  // empty and fill it, with `arrivals` a slot. Problem: as in cuda_stream.h. `weights`: for their scales.
  template <class Problem, class Feed>
  R1_DEVICE static void tile(const Problem& problem, const LinearWeights<Shape>& weights, int first_column,
                             u8* shared, int arrivals, const Feed& feed) {
    Barrier* barriers = reinterpret_cast<Barrier*>(shared + kBarriersAt);
    const Slots slots(shared, barriers);
    const Buffers buffers(shared + kWideAt, barriers + Slots::kBarriers);
    if (thread_index() == 0) {
      slots.init(arrivals);
      buffers.init(kWideners / 32);
      barrier_fence_init();
    }
    float* scales = reinterpret_cast<float*>(shared + kScalesAt);
    copy_scales<Shape, kThreads>(weights, first_column, scales);
    sync_block();
    if (thread_index() >= kConsumers) {
      set_registers_dec<72>();
      if (thread_index() >= kConsumers + kFeeders)
        widen_lines(slots, buffers);
      else
        feed(slots);
      set_registers_inc<kEvenRegisters>();
    } else {
      set_registers_inc<kConsumerRegisters>();
      float sums[kSums];
      sum(slots, buffers, scales, sums);
      finish_groups<Shape, Part>(problem, first_column, sums, reinterpret_cast<float*>(shared));
      set_registers_dec<kEvenRegisters>();
    }
    sync_block();
    if (thread_index() == 0) {
      slots.invalidate();
      buffers.invalidate();
    }
  }

  // By one thread: a step of the weights of matrix `index`, kWeightBytes that are announced already.
  R1_DEVICE static void load_weights(const Slots& slots, const TensorMap* map, int step, int first_column,
                                     int index) {
    R1_UNROLL for (int a = 0; a < Shape::kAccumulators; ++a) {
      tma_load_3d(slots.slot(step) + kWeightsAt + a * Shape::kTileN * kLine, map, slots.full_of(step),
                  step * kLine, first_column, index * Shape::kAccumulators + a);
    }
  }

private:
  // Of 65536, for 384 and for 512 threads.
  static constexpr int kEvenRegisters = kThreads == 384 ? 168 : 128;
  static constexpr int kConsumerRegisters = kThreads == 384 ? 216 : 184;

  // 16 weights at a time, kAtOnce times for the sake of latency. Eight neighbouring threads take a row; those of
  // its second half store their two pieces in the other order, so that the eight touch all banks.
  R1_DEVICE static void widen_lines(const Slots& slots, const Buffers& buffers) {
    constexpr int kPieces = kColumns * 8, kAtOnce = 4;
    for (int step = 0; step < kSteps; ++step) {
      slots.wait_full(step);
      buffers.wait_empty(step);
      const u8* from = slots.slot(step) + kWeightsAt;
      u8* to = buffers.slot(step);
      R1_ROLLED for (int i = thread_index() - kConsumers - kFeeders; i < kPieces; i += kAtOnce * kWideners) {
        u32x4 bytes[kAtOnce];
        R1_UNROLL for (int j = 0; j < kAtOnce; ++j) {
          bytes[j] = load16(from + smaller(i + j * kWideners, kPieces - 1) * 16);
        }
        R1_UNROLL for (int j = 0; j < kAtOnce; ++j) {
          if (i + j * kWideners < kPieces)
            store_wide(to, i + j * kWideners, bytes[j]);
        }
      }
      fence_async_proxy(); // what was stored is read by wgmma
      sync_warp();
      if (lane_index() == 0)
        barrier_arrive(buffers.full_of(step));
    }
  }

  R1_DEVICE static void store_wide(u8* to, int index, const u32x4& bytes) {
    const int row = index / 8, piece = index % 8, half = piece / 4;
    u8* line = to + half * kWideHalf + row * 128;
    R1_UNROLL for (int j = 0; j < 2; ++j) {
      const int which = j ^ half;
      const Eight wide = widen(bytes, which);
      store16(line + ((piece % 4 * 2 + which) ^ row % 8) * 16,
              {wide.pairs[0], wide.pairs[1], wide.pairs[2], wide.pairs[3]});
    }
  }

  R1_DEVICE static void sum(const Slots& slots, const Buffers& buffers, const float* all_scales,
                            float (&sums)[kSums]) {
    const float* scales = all_scales + Part::first_column() / 16 * kSteps;
    float parts[kSums];
    R1_UNROLL for (int i = 0; i < kSums; ++i) { sums[i] = 0; }
    for (int step = 0; step < kSteps; ++step) {
      slots.wait_full(step);
      buffers.wait_full(step);
      const u64 x = wgmma_descriptor_128b(slots.slot(step) + Part::first_row() * 128);
      const u64 w = wgmma_descriptor_128b(buffers.slot(step) + Part::first_column() * 128);
      wgmma_fence_registers(parts);
      wgmma_fence();
      R1_UNROLL for (int k = 0; k < 8; ++k) {
        wgmma_m64nNk16_bf16<Part::kColumns>(parts, wgmma_advance(x, k / 4 * kXHalf + k % 4 * 32),
                                            wgmma_advance(w, k / 4 * kWideHalf + k % 4 * 32), k > 0);
      }
      wgmma_commit();
      wgmma_fence_registers(parts);
      wgmma_wait<0>();
      wgmma_fence_registers(parts);
      buffers.release(step);
      slots.release(step);
      R1_UNROLL for (int i = 0; i < kSums; ++i) { sums[i] += parts[i] * scales[i / 8 * kSteps + step]; }
    }
  }
};

} // namespace r1::cuda

#endif
