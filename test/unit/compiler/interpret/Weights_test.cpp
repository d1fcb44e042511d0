// Weights come as the checkpoint stores them, joined and scaled, and memory stays bounded.
#include "compiler/interpret/Weights.h"
#include "kernels/common/numeric.h"
#include "test/unit/compiler/checkpoint/Support.h"

namespace r1::interpret {
namespace {

using checkpoint::test::messageOf;

class CheckpointFile : public testing::Test {
protected:
  // Tensors whose bytes are given, in the order of the header.
  checkpoint::Checkpoint open(const std::vector<checkpoint::test::Tensor>& tensors, const std::string& data) {
    folder.write("model.safetensors",
                 checkpoint::test::safetensors(tensors, [&](size_t i) { return data[i]; }));
    auto opened = checkpoint::Checkpoint::open(folder.str());
    EXPECT_TRUE(bool(opened));
    return std::move(*opened);
  }
  checkpoint::test::Folder folder;
};

TEST_F(CheckpointFile, WidensEveryType) {
  // 1.5, -2 as F32, BF16, F16; 0x7e = 448 and 0x81 = -2^-9 as F8_E4M3.
  std::string data = std::string("\0\0\xc0\x3f\0\0\0\xc0", 8) + std::string("\xc0\x3f\0\xc0", 4) +
                     std::string("\0\x3e\0\xc0", 4) + "\x7e\x81";
  checkpoint::Checkpoint checkpoint =
      open({{"a", "F32", {2}}, {"b", "BF16", {2}}, {"c", "F16", {1, 2}}, {"d", "F8_E4M3", {2}}}, data);
  CheckpointWeights weights(checkpoint);
  for (auto [name, shape] :
       {std::pair("a", Shape{2}), std::pair("b", Shape{2}), std::pair("c", Shape{1, 2})}) {
    auto values = weights.read(name, shape);
    ASSERT_TRUE(bool(values)) << messageOf(std::move(values));
    EXPECT_EQ(*values, (std::vector<float>{1.5f, -2})) << name;
  }
  auto values = weights.read("d", {2});
  ASSERT_TRUE(bool(values)) << messageOf(std::move(values));
  EXPECT_EQ(*values, (std::vector<float>{448, -0x1p-9f}));
}

TEST_F(CheckpointFile, RefusesWhatTheGraphDoesNotExpect) {
  checkpoint::Checkpoint checkpoint =
      open({{"a", "F32", {2}}, {"i", "I32", {1}}, {"w_scale_inv", "F32", {1}}},
           std::string(8, 0) + std::string(4, 0) + std::string("\0\0\xc0\x7f", 4));
  CheckpointWeights weights(checkpoint);
  checkpoint::test::expectLine(messageOf(weights.read("a", {1, 2})), {"'a'", "shape [2]", "expects [1, 2]"});
  checkpoint::test::expectLine(messageOf(weights.read("b", {2})), {"'b'", "not in the checkpoint"});
  checkpoint::test::expectLine(messageOf(weights.read("i", {1})), {"'i'", "I32"});
  checkpoint::test::expectLine(messageOf(weights.read("w_scale_inv", {1})), {"w_scale_inv", "nan"});
}

class Counting : public WeightSource {
public:
  int reads = 0;
  llvm::Expected<std::vector<float>> read(llvm::StringRef name, llvm::ArrayRef<int64_t> shape) override {
    ++reads;
    return std::vector<float>(shape[0] * shape[1], static_cast<float>(name.back() - '0'));
  }
};

WeightRef named(const std::string& name, int64_t rows) {
  WeightRef weight;
  weight.parts.push_back({name, {rows, 2}});
  return weight;
}

TEST(WeightStore, KeepsTheLastOnesWithinItsBound) {
  Counting source;
  WeightStore store(source, /*maxBytes=*/2 * 10 * 2 * sizeof(float));
  auto get = [&](const std::string& name) {
    auto tensor = store.get(named(name, 10));
    EXPECT_TRUE(bool(tensor));
    EXPECT_EQ((*tensor)->data[3], static_cast<float>(name.back() - '0'));
    EXPECT_LE(store.bytesKept(), 2 * 10 * 2 * sizeof(float));
  };
  get("w1");
  get("w2");
  get("w1");
  EXPECT_EQ(source.reads, 2);
  get("w3"); // w2 goes: it was used longest ago
  get("w1");
  EXPECT_EQ(source.reads, 3);
  get("w2");
  EXPECT_EQ(source.reads, 4);
  auto big = store.get(named("w5", 100)); // larger than the bound: handed out, not kept
  ASSERT_TRUE(bool(big));
  EXPECT_EQ((*big)->data.size(), 200u);
  EXPECT_EQ(store.bytesKept(), 0u);
}

TEST(WeightStore, OneNameWithAndWithoutScaleAreTwoTensors) {
  Counting source;
  WeightStore store(source);
  WeightRef weight = named("w3", 2), scale = named("s2", 1);
  scale.parts[0].shape = {1, 1};
  EXPECT_EQ((*store.get(weight))->data[0], 3);
  EXPECT_EQ((*store.get(weight, &scale))->data[0], 6);
  EXPECT_EQ((*store.get(weight))->data[0], 3);
}

} // namespace
} // namespace r1::interpret
