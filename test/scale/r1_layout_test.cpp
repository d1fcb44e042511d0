// R1's real layout (91,991 tensors in 163 shards, 688 GB of data that is a hole) opens in about a second and
// is complete.
#include "compiler/checkpoint/ExpectedTensors.h"
#include "test/unit/compiler/checkpoint/Support.h"
#include <ctime>

using namespace r1::checkpoint;
using namespace r1::checkpoint::test;

namespace {

// Writes each shard's header and lets the file end where its data would, without storing any.
void writeShard(const Folder& folder, const std::string& name, const std::vector<Tensor>& tensors) {
  std::string json = "{\"__metadata__\":{\"format\":\"pt\"}";
  uint64_t end = 0;
  for (const Tensor& tensor : tensors) {
    uint64_t begin = end, bytes = bitsOf(*parseDType(tensor.dtype)) / 8;
    for (int64_t size : tensor.shape)
      bytes *= static_cast<uint64_t>(size);
    end += bytes;
    json += ",\"" + tensor.name + "\":{\"dtype\":\"" + tensor.dtype +
            "\",\"shape\":" + nlohmann::json(tensor.shape).dump() + ",\"data_offsets\":[" +
            std::to_string(begin) + "," + std::to_string(end) + "]}";
  }
  json += "}";
  std::string head;
  for (int i = 0; i < 8; ++i)
    head += static_cast<char>(json.size() >> (8 * i) & 0xff);
  folder.write(name, head + json);
  std::filesystem::resize_file(folder.path / name, 8 + json.size() + end);
}

TEST(R1Layout, OpensR1) {
  std::string packed = sharedPath("golden/deepseek-r1-tensor-inventory.derived.json.gz");
  std::string configPath = sharedPath("models/deepseek-ai/DeepSeek-R1/config.json");
  if (packed.empty() || configPath.empty())
    GTEST_SKIP() << "R1C_SHARED names no folder with R1's inventory";
  Folder folder;
  std::string plain = (folder.path / "inventory.json").string();
  ASSERT_EQ(std::system(("gzip -dc '" + packed + "' > '" + plain + "'").c_str()), 0);
  nlohmann::json inventory = nlohmann::json::parse(readAll(plain), nullptr, false);
  ASSERT_EQ(inventory.size(), 91991u);

  constexpr size_t kShards = 163;
  std::vector<std::vector<Tensor>> shards(kShards);
  nlohmann::json index;
  size_t at = 0;
  auto shardName = [](size_t i) {
    char name[64];
    std::snprintf(name, sizeof name, "model-%05zu-of-%06zu.safetensors", i + 1, kShards);
    return std::string(name);
  };
  for (const auto& [name, row] : inventory.items()) {
    size_t shard = at++ * kShards / inventory.size();
    shards[shard].push_back({name, row["dtype"], row["shape"].get<std::vector<int64_t>>()});
    index["weight_map"][name] = shardName(shard);
  }
  for (size_t i = 0; i < kShards; ++i)
    writeShard(folder, shardName(i), shards[i]);
  folder.write("model.safetensors.index.json", index.dump());
  folder.write("config.json", readAll(configPath));

  // Processor time, because a test machine may be busy.
  auto now = [] { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; };
  double start = now();
  auto checkpoint = Checkpoint::open(folder.str());
  double opened = now() - start;
  ASSERT_TRUE(static_cast<bool>(checkpoint)) << messageOf(std::move(checkpoint));
  EXPECT_EQ(checkpoint->tensors().size(), 91991u);
  EXPECT_EQ(checkpoint->files().size(), kShards);
  EXPECT_GT(checkpoint->dataBytes(), 688'000'000'000u);

  auto config = ModelConfig::load(folder.str());
  ASSERT_TRUE(static_cast<bool>(config));
  TensorCheck check = checkTensors(*config, *checkpoint);
  double all = now() - start;
  EXPECT_EQ(messageOf(check.takeError()), "");
  EXPECT_TRUE(check.hasMtp);
  EXPECT_TRUE(check.notes.empty());
  std::printf("opened %zu tensors in %.2f s, checked after %.2f s of processor time\n",
              checkpoint->tensors().size(), opened, all);

  // The declaration for --weights=none is the same table.
  Checkpoint declared = declaredCheckpoint(*config);
  EXPECT_EQ(declared.tensors().size(), checkpoint->tensors().size());
  for (const TensorInfo& tensor : declared.tensors()) {
    const TensorInfo* real = checkpoint->find(tensor.name);
    ASSERT_NE(real, nullptr) << tensor.name;
    EXPECT_EQ(real->dtype, tensor.dtype) << tensor.name;
    EXPECT_EQ(shapeText(real->shape), shapeText(tensor.shape)) << tensor.name;
  }

  // A shard cut off in its data is found without reading any.
  std::filesystem::path last = folder.path / shardName(162);
  std::filesystem::resize_file(last, std::filesystem::file_size(last) - 4096);
  expectLine(messageOf(Checkpoint::open(folder.str())), {shardName(162), "cut off"});
}

} // namespace
