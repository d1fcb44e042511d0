// Names of GPUs: what each resolves to, which chips share a plan, and how wrong ones are refused.
#include "compiler/target/GpuTarget.h"
#include "kernels/registry/cuda_mla.h"
#include "llvm/ADT/STLExtras.h"
#include <gtest/gtest.h>

namespace r1 {
namespace {

GpuTarget parse(llvm::StringRef name) {
  llvm::Expected<GpuTarget> target = parseGpuTarget(name);
  if (target)
    return *target;
  ADD_FAILURE() << llvm::toString(target.takeError());
  return {};
}

std::string errorOf(llvm::StringRef name) {
  llvm::Expected<GpuTarget> target = parseGpuTarget(name);
  return target ? "" : llvm::toString(target.takeError());
}

TEST(GpuTarget, AChipIsCodeForItAlone) {
  GpuTarget hopper = parse("sm_90a");
  EXPECT_EQ(hopper.name, "sm_90a");
  EXPECT_EQ(hopper.processor, "sm_90a");
  EXPECT_EQ(hopper.code, GpuCode::Cubin);
  EXPECT_EQ(hopper.chip, 90);
  EXPECT_TRUE(hopper.specific);
  GpuTarget ampere = parse("sm_80");
  EXPECT_EQ(ampere.chip, 80);
  EXPECT_FALSE(ampere.specific);
}

TEST(GpuTarget, EveryChipCanBeSimulatedWithItsOwnLimits) {
  for (llvm::StringRef chip : gpuChips()) {
    GpuTarget real = parse(chip), simulated = parse("sim:" + chip.str());
    EXPECT_EQ(simulated.code, GpuCode::Host) << chip.str();
    EXPECT_EQ(simulated.name, "sim:" + chip.str());
    EXPECT_EQ(simulated.processor, chip.str());
    EXPECT_EQ(simulated.chip, real.chip) << chip.str();
    EXPECT_EQ(simulated.specific, real.specific) << chip.str();
    EXPECT_EQ(simulated.sharedBytes, real.sharedBytes) << chip.str();
    EXPECT_EQ(simulated.scheduleChip, real.scheduleChip) << chip.str();
  }
}

TEST(GpuTarget, ChipsOfOnePlanHaveItsSharedMemoryAndItsTiles) {
  for (llvm::StringRef chip : gpuChips()) {
    GpuTarget target = parse(chip);
    EXPECT_EQ(target.sharedBytes, kernels::cuda_mla_shared_limit(target.chip)) << chip.str();
    EXPECT_GE(target.sharedBytes, kernels::cuda_mla_shared_limit(target.scheduleChip)) << chip.str();
    // The compiler sizes grids for the schedule's chip, the skeleton its tiles for the chip itself.
    kernels::CudaMlaTile grid = kernels::cuda_mla_decode_tile(target.scheduleChip, 128, 512, 64);
    kernels::CudaMlaTile tile = kernels::cuda_mla_decode_tile(target.chip, 128, 512, 64);
    EXPECT_EQ(grid.rows, tile.rows) << chip.str();
    EXPECT_GT(tile.rows, 0) << chip.str();
    EXPECT_LE(tile.shared_bytes, target.sharedBytes) << chip.str();
  }
}

TEST(GpuTarget, WarpGroupsOfHopperHoldR1sLatents) {
  kernels::CudaMlaHopperTile tile = kernels::cuda_mla_hopper_tile(512, 64);
  EXPECT_EQ(tile.chunks, 9);
  EXPECT_EQ(tile.value_groups * tile.columns, 512);
  EXPECT_EQ(tile.threads, 384);
  EXPECT_LE(tile.shared_bytes, parse("sm_90a").sharedBytes);
  // No width of a product, or too wide for shared memory.
  for (auto [latent, rope] : {std::pair{320, 64}, {65, 6}, {50, 16}, {512, 128}, {1024, 64}})
    EXPECT_EQ(kernels::cuda_mla_hopper_tile(latent, rope).chunks, 0) << latent;
}

// A context is cut into whole pages, as few tokens as asked for, as few splits as there are.
TEST(GpuTarget, SplitsCoverEveryContext) {
  for (int most : {1, 16, 64})
    for (int seen : {1, 63, 64, 255, 256, 257, 4096, 16384, 16385, 131072, 163840}) {
      int length = kernels::cuda_mla_split(seen, 256, most);
      EXPECT_EQ(length % 64, 0) << seen;
      EXPECT_GE(length, 256) << seen;
      EXPECT_LE((seen + length - 1) / length, most) << seen;
    }
  EXPECT_EQ(kernels::cuda_mla_split(4096, 256, 16), 256);
  EXPECT_EQ(kernels::cuda_mla_split(131072, 256, 64), 2048);
}

TEST(GpuTarget, PtxIsPortableAndKeepsToWhatEveryChipHas) {
  for (int chip : {80, 86, 87, 89, 90, 100, 103, 110, 120, 121}) {
    std::string capability = "compute_" + std::to_string(chip);
    GpuTarget target = parse("ptx:" + capability);
    EXPECT_EQ(target.code, GpuCode::Ptx);
    EXPECT_EQ(target.processor, capability);
    EXPECT_EQ(target.chip, chip);
    EXPECT_FALSE(target.specific) << capability;
    EXPECT_EQ(target.scheduleChip, chip < 89 ? 86 : 89) << capability;
    for (llvm::StringRef other : gpuChips())
      EXPECT_LE(target.sharedBytes, parse(other).sharedBytes) << other.str();
  }
}

TEST(GpuTarget, IsKnownByItsPrefix) {
  for (const char* name : {"sm_90a", "sm_1", "sim:x", "ptx:"})
    EXPECT_TRUE(isGpuName(name)) << name;
  for (const char* name : {"cpu:native", "sm90", "", "cuda", "SM_90a"})
    EXPECT_FALSE(isGpuName(name)) << name;
}

TEST(GpuTarget, WrongNamesAreRefusedWithTheList) {
  for (const char* name : {"sm_90", "sm_75", "sm_", "sm_90a ", "sim:", "sim:sm_90", "sim:sim:sm_80",
                           "ptx:sm_90", "ptx:compute_70", "ptx:compute_90a", "ptx:"}) {
    std::string error = errorOf(name);
    EXPECT_NE(error.find("target '" + std::string(name) + "': no such GPU"), std::string::npos) << error;
    for (llvm::StringRef chip : gpuChips())
      EXPECT_NE(error.find(chip.str()), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

} // namespace
} // namespace r1
