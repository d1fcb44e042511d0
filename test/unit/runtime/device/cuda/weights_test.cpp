// Weights arrive on the device byte for byte, through buffers that are used again only when their copy is done.
#include "runtime/device/cuda/weights.h"

#include <cmath>
#include <gtest/gtest.h>

#include "runtime/artifact/writer.h"
#include "runtime/base/random.h"
#include "test/unit/runtime/device/cuda/simulation.h"
#include "test/unit/runtime/testing/fake_model.h"

namespace r1::cuda {
namespace {

using artifact::ArtifactT, artifact::Device;
using testing::Simulation, testing::temporary, testing::write_fake_model;

struct Loaded {
  std::unique_ptr<artifact::Reader> reader;
  std::unique_ptr<Context> context;
  Image image;
  std::vector<DeviceMemory> weights;
  Status status;
  // Memory of a simulated device is memory of ours.
  const uint8_t* data(size_t i) const { return reinterpret_cast<const uint8_t*>(weights[i].address()); }
};

Loaded load(const std::string& path, const DeviceOptions& options) {
  Loaded l;
  auto run = [&]() -> Status {
    R1_ASSIGN_OR_RETURN(l.reader, artifact::Reader::open(path));
    R1_ASSIGN_OR_RETURN(Driver driver, Driver::open(Device::Sim));
    R1_ASSIGN_OR_RETURN(std::vector<Gpu> gpus, list_gpus(driver));
    R1_ASSIGN_OR_RETURN(l.context, Context::open(driver, gpus[0]));
    const artifact::Target& target = *l.reader->index().targets()->Get(0);
    R1_ASSIGN_OR_RETURN(l.image, Image::load(*l.context, *l.reader, target));
    R1_ASSIGN_OR_RETURN(l.weights, load_weights(*l.context, *l.reader, target, l.image, options));
    return Status();
  };
  l.status = run();
  return l;
}

// Larger than both buffers, of no round size, in a file beside the artifact.
std::vector<uint8_t> large_weights() {
  std::vector<uint8_t> bytes((uint64_t(50) << 20) + 4097);
  for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    uint64_t word = random_bits(17, i);
    memcpy(bytes.data() + i, &word, 8);
  }
  return bytes;
}

void write_large(const std::string& path, const std::vector<uint8_t>& bytes, bool damaged) {
  testing::FakeOptions fake{.side_file = "large.weights", .devices = {Device::Sim}};
  fake.change = [&](ArtifactT& a) {
    std::vector<uint8_t> stored = bytes;
    stored[stored.size() - 1] ^= damaged;
    testing::write_file(temporary("large.weights"), stored);
    HashBytes digest = hash(bytes);
    a.segments[0]->bytes = a.segments[0]->section->bytes = bytes.size();
    a.segments[0]->section->hash =
        std::make_unique<artifact::Hash>(flatbuffers::span<const uint8_t, 32>(digest.data(), digest.size()));
  };
  write_fake_model(path, fake);
}

TEST(Weights, ArriveThroughTwoBuffers) {
  Simulation simulation;
  std::vector<uint8_t> bytes = large_weights();
  write_large(temporary("large.r1a"), bytes, false);
  DeviceOptions options;
  options.verify_weights = true;
  Loaded l = load(temporary("large.r1a"), options);
  ASSERT_TRUE(l.status.ok()) << l.status.message();
  ASSERT_EQ(l.weights.size(), 1u);
  EXPECT_EQ(memcmp(l.data(0), bytes.data(), bytes.size()), 0);
}

TEST(Weights, DamageIsFoundWhereItIsAskedFor) {
  Simulation simulation;
  write_large(temporary("large.r1a"), large_weights(), true);
  DeviceOptions options;
  EXPECT_TRUE(load(temporary("large.r1a"), options).status.ok()) << "too large to be hashed unasked";
  options.verify_weights = true;
  Status s = load(temporary("large.r1a"), options).status;
  EXPECT_EQ(s.code(), Code::kCorrupt) << s.message();
  EXPECT_NE(s.message().find("does not match its hash"), std::string::npos) << s.message();
}

TEST(Weights, SmallDamageIsAlwaysFound) {
  Simulation simulation;
  write_fake_model(temporary("side.r1a"), {.side_file = "side.weights", .devices = {Device::Sim}});
  auto bytes = testing::read_file(temporary("side.weights"));
  bytes[100] ^= 1;
  testing::write_file(temporary("side.weights"), bytes);
  EXPECT_EQ(load(temporary("side.r1a"), {}).status.code(), Code::kCorrupt);
  bytes.resize(bytes.size() - 1);
  testing::write_file(temporary("side.weights"), bytes);
  Status s = load(temporary("side.r1a"), {}).status;
  EXPECT_NE(s.message().find("truncated"), std::string::npos) << s.message();
}

TEST(Weights, AbsentOnesAreMadeUpByTheFillKernel) {
  Simulation simulation("seed=5,schedule=priority");
  testing::FakeOptions fake{.weights = false, .devices = {Device::Sim}};
  write_fake_model(temporary("none.r1a"), fake);
  Status s = load(temporary("none.r1a"), {}).status;
  EXPECT_EQ(s.code(), Code::kUnsupported);
  EXPECT_NE(s.message().find("--random-weights"), std::string::npos) << s.message();
  DeviceOptions options;
  options.random_weights = true;
  Loaded l = load(temporary("none.r1a"), options);
  ASSERT_TRUE(l.status.ok()) << l.status.message();
  for (int i = 0; i < 64; ++i)
    EXPECT_EQ(l.data(0)[i], 0) << "what no tensor covers is zero";
  auto* floats = reinterpret_cast<const float*>(l.data(0) + 64);
  for (int i = 0; i < testing::kVocab; ++i)
    EXPECT_EQ(floats[i], float(i) * 0.5f) << "the fake fill kernel";
}

TEST(Weights, ConstantScalesAndNoFillKernel) {
  Simulation simulation;
  float scale = 0;
  testing::FakeOptions fake{.weights = false, .devices = {Device::Sim}};
  fake.change = [&](ArtifactT& a) { a.segments[0]->tensors[0]->random_scale = scale; };
  DeviceOptions options;
  options.random_weights = true;
  for (float expected : {1.0f, 0.25f}) {
    scale = expected == 1 ? 0 : -expected;
    write_fake_model(temporary("constant.r1a"), fake);
    Loaded l = load(temporary("constant.r1a"), options);
    ASSERT_TRUE(l.status.ok()) << l.status.message();
    EXPECT_EQ(reinterpret_cast<const float*>(l.data(0) + 64)[testing::kVocab - 1], expected);
  }
  fake.change = [](ArtifactT& a) { a.targets[0]->fill_kernel = -1; };
  write_fake_model(temporary("no_fill.r1a"), fake);
  Status s = load(temporary("no_fill.r1a"), options).status;
  EXPECT_EQ(s.code(), Code::kUnsupported);
  EXPECT_NE(s.message().find("no kernel that makes up random weights"), std::string::npos) << s.message();
}

} // namespace
} // namespace r1::cuda
