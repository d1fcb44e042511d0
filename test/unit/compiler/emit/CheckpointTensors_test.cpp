// Tensors of a checkpoint on disk, as packing reads them.
#include "compiler/emit/CheckpointTensors.h"
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace r1::test {
namespace {

TEST(CheckpointTensors, GivesTypesShapesAndBytes) {
  std::string folder = testing::TempDir() + "r1c-tensors-" + std::to_string(getpid());
  std::filesystem::create_directory(folder);
  std::string header = R"({"a":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},)"
                       R"("b":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[12,16]},)"
                       R"("c":{"dtype":"I64","shape":[1],"data_offsets":[16,24]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  uint64_t length = header.size();
  std::ofstream file(folder + "/model.safetensors", std::ios::binary);
  file.write(reinterpret_cast<const char*>(&length), 8);
  file << header << "abcdefghijklmnopqrstuvwx";
  file.close();
  llvm::Expected<checkpoint::Checkpoint> checkpoint = checkpoint::Checkpoint::open(folder);
  ASSERT_TRUE(bool(checkpoint)) << llvm::toString(checkpoint.takeError());
  CheckpointTensors tensors(*checkpoint);

  llvm::Expected<SourceTensor> a = tensors.find("a"), b = tensors.find("b");
  ASSERT_TRUE(bool(a) && bool(b));
  EXPECT_EQ(a->type, artifact::DataType::BF16);
  EXPECT_EQ(a->shape, (llvm::SmallVector<int64_t, 4>{2, 3}));
  EXPECT_EQ(b->type, artifact::DataType::F8E4M3);
  uint8_t bytes[3];
  EXPECT_FALSE(bool(tensors.read("b", 1, bytes)));
  EXPECT_EQ(std::memcmp(bytes, "nop", 3), 0);
  EXPECT_NE(llvm::toString(tensors.find("c").takeError()).find("type I64, expected F32"), std::string::npos);
  EXPECT_EQ(llvm::toString(tensors.find("none").takeError()), "the checkpoint has no tensor none");
  std::filesystem::remove_all(folder);
}

} // namespace
} // namespace r1::test
