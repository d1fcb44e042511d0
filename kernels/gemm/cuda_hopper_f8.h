// Linear layers with e4m3 weights and bf16 x for many rows on sm_90a: the arithmetic of gemm_f8, exactly.
//
// Arithmetic: products are those of bf16 (wgmma takes no mixed types), so a line of 128 x 128 x 128 takes some
// 1024 cycles of tensor cores. Widening its 16384 weights takes 3 warps about 550 instructions each, 48 KiB of
// traffic in shared memory, beside 64 KiB that the products read: both fit beneath the products.
// Schedule: as cuda_hopper.h with one more job. Of the third warp group, one warp feeds the copy engine and
// three widen: e4m3 lines become bf16, laid out as wgmma wants them, in one of two buffers that consumers have
// handed back. Sums of a line are scaled and added in float by the consumers: two sets of registers, hence at
// most 128 columns.
//
//   copy engine -> slot (x as bf16, W as e4m3): full -> widen -> buffer: wide -> products -> taken, empty
//
// Parameters, buffers and holes of gemm_f8. Tensor maps, innermost first:
//   0: x  bf16, swizzle 128B  dims {k, batch, rows}  strides {x_batch_stride, x_stride}  box {64, 1, 128}
//   1: W  u8, no swizzle  dims {kRowLength, n, batch * accumulators}  strides {kRowLength, n * kRowLength}
//         box {128, tile_n, 1}
// Addresses and strides as in cuda_hopper.h.
#pragma once
#include "kernels/gemm/cuda_hopper_finish.h"
#include "kernels/gemm/cuda_problem.h"
#include "kernels/primitives/cuda/tma.h"
#include "kernels/primitives/cuda/wgmma.h"

#if R1_SM == 90 && R1_SM_A

namespace r1::cuda {

template <class Config, class Holes> struct GemmHopperF8 {
  static_assert(Config::prologue == 0, "a GPU norms in its own launch: the prologue would run once a block");
  static_assert(Config::tile_m == 128, "two groups of 64 rows");
  using Shape = LinearShape<Config, e4m3>;
  static constexpr int kTileM = 128, kColumns = Shape::kTileN * Shape::kAccumulators;
  static_assert(kColumns <= 128, "the sums of a tile are held in registers, twice");
  static constexpr int kSums = kColumns / 2; // of a thread
  static constexpr int kThreads = kConsumers + 128, kMinBlocks = 1, kMaps = 2, kRowGroup = 16;
  static constexpr int kWideners = 96; // threads

  // Shared memory: slots (x in two halves of 64 k, then W), two buffers of wide W (in halves too), scales,
  // barriers. At the end the slots are the place of results.
  static constexpr int kLine = Shape::kLine, kSteps = Shape::kLines;
  static constexpr int kXHalf = kTileM * 128, kWideHalf = kColumns * 128;
  static constexpr int kStageBytes = 2 * kXHalf + kColumns * kLine;
  static constexpr int kWideBytes = 2 * kWideHalf;
  static constexpr int kScaleBytes = divide_up(kColumns / 16 * kSteps * 4, 16) * 16;
  static constexpr int kSharedLimit = 227 * 1024;
  static constexpr int kStages =
      smaller(4, (kSharedLimit - 2 * kWideBytes - kScaleBytes - 128) / kStageBytes);
  static_assert(kStages >= 3, "a ring of three stages");
  static_assert(kGroupResultBytes<kColumns> <= kStages * kStageBytes);
  static constexpr int kWideAt = kStages * kStageBytes, kScalesAt = kWideAt + 2 * kWideBytes;
  static constexpr int kBarriersAt = kScalesAt + kScaleBytes, kBarriers = 2 * kStages + 4;
  static constexpr int kSharedBytes = kBarriersAt + kBarriers * int(sizeof(Barrier));

  struct Room {
    u8* shared;
    Barrier *full, *empty; // of slots
    Barrier *wide, *taken; // of buffers

    R1_DEVICE explicit Room(u8* all)
        : shared(all), full(reinterpret_cast<Barrier*>(all + kBarriersAt)), empty(full + kStages),
          wide(empty + kStages), taken(wide + 2) {}
    R1_DEVICE u8* slot(int step) const { return shared + step % kStages * kStageBytes; }
    R1_DEVICE u8* buffer(int step) const { return shared + kWideAt + step % 2 * kWideBytes; }
    R1_DEVICE void wait_full(int step) const { barrier_wait(full + step % kStages, step / kStages % 2); }
    R1_DEVICE void wait_empty(int step) const {
      barrier_wait(empty + step % kStages, step / kStages % 2 ^ 1);
    }
    R1_DEVICE void wait_wide(int step) const { barrier_wait(wide + step % 2, step / 2 % 2); }
    R1_DEVICE void wait_taken(int step) const { barrier_wait(taken + step % 2, step / 2 % 2 ^ 1); }
  };

  R1_DEVICE static void tile(const Arguments& arguments, const TensorMap* maps, int tile, u8* shared) {
    const GemmPlace place = gemm_place<Config, Shape, kRowGroup>(arguments, tile);
    if (place.rows == 0)
      return;
    const Room room(shared);
    if (thread_index() == 0) {
      for (int i = 0; i < kStages; ++i) {
        barrier_init(room.full + i, 1);
        barrier_init(room.empty + i, kConsumers / 32);
      }
      for (int i = 0; i < 2; ++i) {
        barrier_init(room.wide + i, kWideners / 32);
        barrier_init(room.taken + i, kConsumers / 32);
      }
      barrier_fence_init();
    }
    float* scales = reinterpret_cast<float*>(shared + kScalesAt);
    copy_scales<Shape, kThreads>({nullptr, arguments.in<float>(2), place.part}, place.column, scales);
    sync_block();
    if (thread_index() >= kConsumers) {
      set_registers_dec<72>();
      if (thread_index() >= kConsumers + 32)
        widen_lines(room);
      else if (thread_index() == kConsumers)
        produce(room, maps, place);
      set_registers_inc<kEvenRegisters>();
    } else {
      set_registers_inc<216>();
      float sums[kSums];
      sum(room, scales, sums);
      finish_groups<Shape>(GemmProblem<Config, Holes>(arguments, place), place.column, sums,
                           reinterpret_cast<float*>(shared));
      set_registers_dec<kEvenRegisters>();
    }
    sync_block();
    if (thread_index() == 0)
      for (int i = 0; i < kBarriers; ++i)
        barrier_invalidate(room.full + i);
  }

private:
  static constexpr int kEvenRegisters = 168; // of 65536, for 384 threads

  R1_DEVICE static void produce(const Room& room, const TensorMap* maps, const GemmPlace& place) {
    tma_prefetch(maps);
    tma_prefetch(maps + 1);
    for (int step = 0; step < kSteps; ++step) {
      Barrier* full = room.full + step % kStages;
      room.wait_empty(step);
      barrier_expect(full, kStageBytes);
      u8* slot = room.slot(step);
      R1_UNROLL for (int half = 0; half < 2; ++half) {
        tma_load_3d(slot + half * kXHalf, maps, full, step * kLine + half * 64, place.part, place.first);
      }
      R1_UNROLL for (int a = 0; a < Shape::kAccumulators; ++a) {
        tma_load_3d(slot + 2 * kXHalf + a * Shape::kTileN * kLine, maps + 1, full, step * kLine, place.column,
                    place.part * Shape::kAccumulators + a);
      }
    }
  }

  // 16 weights at a time, kAtOnce times for the sake of latency. Eight neighbouring threads take a row; those of
  // its second half store their two pieces in the other order, so that the eight touch all banks.
  R1_DEVICE static void widen_lines(const Room& room) {
    constexpr int kPieces = kColumns * 8, kAtOnce = 4;
    for (int step = 0; step < kSteps; ++step) {
      room.wait_full(step);
      room.wait_taken(step);
      const u8* from = room.slot(step) + 2 * kXHalf;
      u8* to = room.buffer(step);
      R1_ROLLED for (int i = thread_index() - kConsumers - 32; i < kPieces; i += kAtOnce * kWideners) {
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
        barrier_arrive(room.wide + step % 2);
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

  R1_DEVICE static void sum(const Room& room, const float* scales, float (&sums)[kSums]) {
    float parts[kSums];
    R1_UNROLL for (int i = 0; i < kSums; ++i) { sums[i] = 0; }
    for (int step = 0; step < kSteps; ++step) {
      room.wait_full(step);
      room.wait_wide(step);
      const u64 x = wgmma_descriptor_128b(room.slot(step) + thread_index() / 128 * 64 * 128);
      const u64 w = wgmma_descriptor_128b(room.buffer(step));
      wgmma_fence_registers(parts);
      wgmma_fence();
      R1_UNROLL for (int k = 0; k < 8; ++k) {
        wgmma_m64nNk16_bf16<kColumns>(parts, wgmma_advance(x, k / 4 * kXHalf + k % 4 * 32),
                                      wgmma_advance(w, k / 4 * kWideHalf + k % 4 * 32), k > 0);
      }
      wgmma_commit();
      wgmma_fence_registers(parts);
      wgmma_wait<0>();
      wgmma_fence_registers(parts);
      if (lane_index() == 0) {
        barrier_arrive(room.taken + step % 2);
        barrier_arrive(room.empty + step % kStages);
      }
      R1_UNROLL for (int i = 0; i < kSums; ++i) { sums[i] += parts[i] * scales[i / 8 * kSteps + step]; }
    }
  }
};

} // namespace r1::cuda

#endif
