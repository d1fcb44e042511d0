// What the index says of a GPU's kernels, launches and tensor maps must fit the image, the memory and the driver's rules.
#include "test/unit/runtime/artifact/changed_index.h"

namespace r1::artifact {
namespace {

using testing::temporary, testing::write_fake_model;

KernelT& kernel(ArtifactT& a) { return *a.targets[0]->kernels[0]; }
LaunchT& launch(ArtifactT& a) { return *a.targets[0]->entries[0]->launches[4]; } // lm_head's
TensorMapT& map(ArtifactT& a) { return *launch(a).maps[0]; }

// A sound map of the lm_head's weights: 4 rows of 64 floats, in boxes of 2 rows of 32.
void add_map(ArtifactT& a) {
  auto m = std::make_unique<TensorMapT>();
  m->argument = 3;
  m->type = DataType::F32;
  m->extents = {64, 4};
  m->strides = {256};
  m->box = {32, 2};
  m->swizzle_bytes = 128;
  launch(a).maps.push_back(std::move(m));
}

Status with_change(const std::function<void(ArtifactT&)>& change, Device device = Device::Sim) {
  std::string path = temporary("changed.r1a");
  write_fake_model(path, {.devices = {device}, .change = [&](ArtifactT& a) {
                            if (device != Device::Cpu)
                              add_map(a);
                            change(a);
                          }});
  return Reader::open(path).status();
}

void expect_refused(const std::vector<Case>& cases, Device device) {
  expect_refused(cases, [&](const Change& change) { return with_change(change, device); });
}

TEST(ValidateGpu, KernelsAreChecked) {
  const std::vector<Case> cases = {
      {"no symbol", [](ArtifactT& a) { kernel(a).symbol.clear(); }},
      {"no code", [](ArtifactT& a) { kernel(a).code_bytes = 0; }},
      {"code range", [](ArtifactT& a) { kernel(a).code_bytes = a.targets[0]->image->bytes + 1; }},
      {"code offset", [](ArtifactT& a) { kernel(a).code_offset = UINT64_MAX; }},
      {"no threads", [](ArtifactT& a) { kernel(a).threads = 0; }},
      {"half a warp", [](ArtifactT& a) { kernel(a).threads = 48; }},
      {"many threads", [](ArtifactT& a) { kernel(a).threads = 1056; }},
      {"shared unknown", [](ArtifactT& a) { kernel(a).shared_bytes = -1; }},
      {"shared", [](ArtifactT& a) { kernel(a).shared_bytes = (227 << 10) + 1; }},
      {"static shared", [](ArtifactT& a) { kernel(a).static_shared_bytes = 1 << 30; }},
      {"registers", [](ArtifactT& a) { kernel(a).registers = 256; }},
      {"stack", [](ArtifactT& a) { kernel(a).stack_bytes = -2; }},
      {"fill kernel", [](ArtifactT& a) { a.targets[0]->fill_kernel = 6; }},
      {"fill kernel below", [](ArtifactT& a) { a.targets[0]->fill_kernel = -2; }},
      {"arguments", [](ArtifactT& a) { launch(a).arguments.resize(25, launch(a).arguments[0]); }},
      {"grid", [](ArtifactT& a) { launch(a).grid = {{Dim::Const, 1u << 31}}; }},
  };
  expect_refused(cases, Device::Sim);
  expect_refused(cases, Device::Cuda);
  for (Device device : {Device::Sim, Device::Cuda}) {
    Status s = with_change([](ArtifactT&) {}, device);
    EXPECT_TRUE(s.ok()) << s.message();
    EXPECT_TRUE(with_change([](ArtifactT& a) { a.targets[0]->fill_kernel = -1; }, device).ok());
  }
}

TEST(ValidateGpu, TensorMapsAreChecked) {
  expect_refused(
      {
          {"argument", [](ArtifactT& a) { map(a).argument = 5; }},
          {"of logits", [](ArtifactT& a) { map(a).argument = 4; }},
          {"alignment", [](ArtifactT& a) { launch(a).arguments[3] = {Space::Segment, 0, 68}; }},
          {"type", [](ArtifactT& a) { map(a).type = DataType(6); }},
          {"rank 0",
           [](ArtifactT& a) { map(a).extents.clear(), map(a).strides.clear(), map(a).box.clear(); }},
          {"rank 6",
           [](ArtifactT& a) {
             map(a).extents.resize(6, 1), map(a).strides.resize(5, 16), map(a).box.resize(6, 1);
           }},
          {"strides", [](ArtifactT& a) { map(a).strides = {256, 256}; }},
          {"box rank", [](ArtifactT& a) { map(a).box = {32}; }},
          {"extent 0", [](ArtifactT& a) { map(a).extents[1] = 0; }},
          {"extent", [](ArtifactT& a) { map(a).extents[1] = uint64_t(1) << 32; }},
          {"box 0", [](ArtifactT& a) { map(a).box[1] = 0; }},
          {"box 257", [](ArtifactT& a) { map(a).box[1] = 257; }},
          {"stride 0", [](ArtifactT& a) { map(a).strides[0] = 0; }},
          {"stride 8", [](ArtifactT& a) { map(a).strides[0] = 264; }},
          {"stride 2^40", [](ArtifactT& a) { map(a).strides[0] = uint64_t(1) << 40; }},
          {"overflow",
           [](ArtifactT& a) {
             map(a).strides[0] = (uint64_t(1) << 40) - 16, map(a).extents[1] = UINT32_MAX;
           }},
          {"beyond the segment", [](ArtifactT& a) { map(a).extents[1] = 6; }},
          {"beyond the arena", [](ArtifactT& a) { map(a).argument = 1, map(a).extents[1] = 2; }},
          {"box line", [](ArtifactT& a) { map(a).box[0] = 3; }},
          {"swizzle", [](ArtifactT& a) { map(a).swizzle_bytes = 96; }},
          {"box beside swizzle", [](ArtifactT& a) { map(a).swizzle_bytes = 64; }},
          {"too many",
           [](ArtifactT& a) {
             for (int i = 0; i < 30; ++i)
               add_map(a);
           }},
      },
      Device::Sim);
  EXPECT_TRUE(with_change([](ArtifactT& a) { map(a).extents[1] = 5; }).ok()) << "320 floats";
  EXPECT_TRUE(with_change([](ArtifactT& a) { // a layer of the cache: as many pages as there may be
                LaunchT& scan = *a.targets[0]->entries[0]->launches[2];
                scan.maps.push_back(std::move(launch(a).maps[0]));
                launch(a).maps.clear();
                scan.maps[0]->argument = 3;
                scan.maps[0]->extents[1] = 20;
              })
                  .ok());
}

TEST(ValidateGpu, ACpuHasNeitherMapsNorAFillKernel) {
  expect_refused({{"map", add_map}, {"fill kernel", [](ArtifactT& a) { a.targets[0]->fill_kernel = 0; }}},
                 Device::Cpu);
}

// As for the CPU's: whatever the bytes of the index are, reading them does not crash.
TEST(ValidateGpu, RandomIndexBytesNeverCrash) {
  write_fake_model(temporary("sound.r1a"), {.devices = {Device::Sim}, .change = add_map});
  EXPECT_GT(refused_of(3000, temporary("sound.r1a"), 23), 1000);
}

} // namespace
} // namespace r1::artifact
