// A folder of shards is one table of tensors; a folder that contradicts itself is refused in one line.
#include "compiler/checkpoint/Checkpoint.h"
#include "test/unit/compiler/checkpoint/Support.h"
#include <cstring>
#include <sys/stat.h>

using namespace r1::checkpoint;
using namespace r1::checkpoint::test;

namespace {

constexpr char kIndex[] = "model.safetensors.index.json";

std::string index(const std::vector<std::pair<std::string, std::string>>& map) {
  nlohmann::json root;
  root["metadata"]["total_size"] = 1;
  root["weight_map"] = nlohmann::json::object();
  for (const auto& [name, file] : map)
    root["weight_map"][name] = file;
  return root.dump();
}

TEST(Checkpoint, FindsTensorsAcrossShardsAndReadsRanges) {
  for (bool indexed : {false, true}) {
    Folder folder;
    folder.write("one.safetensors", safetensors({{"a", "U8", {100}}, {"b", "BF16", {4, 8}}}));
    folder.write("two.safetensors",
                 safetensors({{"c", "F32", {3}}}, [](size_t i) { return static_cast<char>(200 + i); }));
    folder.write("config.json", "{}");
    if (indexed)
      folder.write(kIndex,
                   index({{"a", "one.safetensors"}, {"b", "one.safetensors"}, {"c", "two.safetensors"}}));
    auto checkpoint = Checkpoint::open(folder.str());
    ASSERT_TRUE(static_cast<bool>(checkpoint)) << messageOf(std::move(checkpoint));
    EXPECT_EQ(checkpoint->tensors().size(), 3u);
    EXPECT_EQ(checkpoint->files().size(), 2u);
    EXPECT_EQ(checkpoint->dataBytes(), 100u + 64 + 12);
    EXPECT_TRUE(checkpoint->notes().empty());
    EXPECT_EQ(checkpoint->find("absent"), nullptr);
    const TensorInfo* b = checkpoint->find("b");
    ASSERT_NE(b, nullptr);
    EXPECT_EQ(shapeText(b->shape), "[4, 8]");
    EXPECT_EQ(checkpoint->files()[b->file].name, "one.safetensors");
    uint8_t bytes[5];
    ASSERT_EQ(messageOf(checkpoint->readTensor("b", 7, bytes)), "");
    for (size_t i = 0; i < 5; ++i)
      EXPECT_EQ(bytes[i], static_cast<uint8_t>((100 + 7 + i) * 37 + 11));
    auto mapped = checkpoint->mapTensor(*checkpoint->find("c"));
    ASSERT_TRUE(static_cast<bool>(mapped));
    ASSERT_EQ(mapped->bytes().size(), 12u);
    EXPECT_EQ(mapped->bytes()[11], 211);
    expectLine(messageOf(checkpoint->readTensor("a", 96, bytes)), {"'a'", "100", "96", "5"});
    expectLine(messageOf(checkpoint->readTensor("z", 0, bytes)), {"'z'"});
  }
}

TEST(Checkpoint, HashesHeadersAndNames) {
  Folder folder, renamed;
  std::string bytes = safetensors({{"a", "U8", {4}}});
  folder.write("one.safetensors", bytes);
  renamed.write("two.safetensors", bytes);
  auto first = Checkpoint::open(folder.str()), second = Checkpoint::open(renamed.str());
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->hashOfHeaders(), second->hashOfHeaders());
  EXPECT_EQ(first->files()[0].headerHash, second->files()[0].headerHash);
  EXPECT_NE(first->hashOfHeaders(), Hash{});
}

TEST(Checkpoint, IgnoresWhatTheIndexDoesNotName) {
  Folder folder;
  folder.write("a.safetensors", safetensors({{"a", "U8", {4}}, {"more", "U8", {1}}}));
  folder.write("consolidated.safetensors", safetensors({{"a", "U8", {4}}}));
  folder.write(kIndex, index({{"a", "a.safetensors"}}));
  auto checkpoint = Checkpoint::open(folder.str());
  ASSERT_TRUE(static_cast<bool>(checkpoint)) << messageOf(std::move(checkpoint));
  EXPECT_NE(checkpoint->find("more"), nullptr);
  ASSERT_EQ(checkpoint->notes().size(), 2u);
  expectLine(checkpoint->notes()[0], {"consolidated.safetensors"});
  expectLine(checkpoint->notes()[1], {"1 tensors", "'more'"});
}

TEST(Checkpoint, RefusesBadFolders) {
  struct Row {
    std::vector<std::pair<std::string, std::string>> files;
    std::vector<std::string> message;
  };
  std::string a = safetensors({{"a", "U8", {4}}}), b = safetensors({{"b", "U8", {4}}});
  std::vector<Row> rows = {
      {{}, {"no .safetensors file", "--weights=none"}},
      {{{"1.safetensors", a}, {"2.safetensors", a}}, {"'a'", "1.safetensors", "2.safetensors"}},
      {{{"1.safetensors", a},
        {"2.safetensors", a},
        {kIndex, index({{"a", "1.safetensors"}, {"b", "2.safetensors"}})}},
       {"'a' also lies in 1.safetensors"}},
      {{{"1.safetensors", a}, {kIndex, index({{"a", "1.safetensors"}, {"b", "2.safetensors"}})}},
       {"'2.safetensors'", "missing"}},
      {{{"1.safetensors", a}, {kIndex, index({{"a", "1.safetensors"}, {"b", "1.safetensors"}})}},
       {"'b'", "1.safetensors", "no shard"}},
      {{{"1.safetensors", a},
        {"2.safetensors", b},
        {kIndex, index({{"a", "2.safetensors"}, {"b", "2.safetensors"}, {"c", "1.safetensors"}})}},
       {"'a'", "2.safetensors", "1.safetensors"}},
      {{{"1.safetensors", a.substr(0, a.size() - 1)}}, {"1.safetensors", "'a'", "cut off"}},
      {{{"1.safetensors", a + "x"}}, {"1.safetensors", "follow the last tensor"}},
      {{{"1.safetensors", ""}}, {"1.safetensors", "0 bytes"}},
      {{{kIndex, "{"}}, {kIndex, "not valid JSON"}},
      {{{kIndex, "[]"}}, {kIndex, "weight_map"}},
      {{{kIndex, R"({"weight_map":[]})"}}, {kIndex, "weight_map"}},
      {{{kIndex, R"({"weight_map":{"a":1}})"}}, {kIndex, "'a'", "no file name"}},
      {{{kIndex, R"({"weight_map":{"a":"x.safetensors","a":"y.safetensors"}})"}},
       {kIndex, "'a' appears twice"}},
      {{{kIndex, std::string(100000, '[')}}, {kIndex, "nested deeper"}},
  };
  for (const char* name : {"../x.safetensors", "/etc/x.safetensors", "sub/x.safetensors", "..", "", ".",
                           "..\\\\x.safetensors", "x.bin", "x\\n.safetensors", "x\\u0000.safetensors"})
    rows.push_back({{{"x.safetensors", a}, {kIndex, std::string(R"({"weight_map":{"a":")") + name + "\"}}"}},
                    {kIndex, "'a'", "same folder"}});
  for (const Row& row : rows) {
    Folder folder;
    for (const auto& [name, bytes] : row.files)
      folder.write(name, bytes);
    expectLine(messageOf(Checkpoint::open(folder.str())), row.message);
  }
}

TEST(Checkpoint, RefusesWhatIsNotAFile) {
  Folder folder;
  std::filesystem::create_directory(folder.path / "x.safetensors");
  expectLine(messageOf(Checkpoint::open(folder.str())), {"x.safetensors", "not a regular file"});
  std::filesystem::remove(folder.path / "x.safetensors");
  ASSERT_EQ(mkfifo((folder.path / "x.safetensors").c_str(), 0600), 0);
  expectLine(messageOf(Checkpoint::open(folder.str())), {"x.safetensors", "not a regular file"});
  expectLine(messageOf(Checkpoint::open(folder.str() + "/nowhere")), {"nowhere", "cannot be listed"});
}

TEST(Checkpoint, ReportsAFileThatShrinksAfterOpening) {
  Folder folder;
  folder.write("x.safetensors", safetensors({{"a", "U8", {1000}}}));
  auto checkpoint = Checkpoint::open(folder.str());
  ASSERT_TRUE(static_cast<bool>(checkpoint));
  std::filesystem::resize_file(folder.path / "x.safetensors", 500);
  std::vector<uint8_t> bytes(1000);
  expectLine(messageOf(checkpoint->readTensor("a", 0, bytes)), {"'a'", "x.safetensors", "500", "cut off"});
}

TEST(Checkpoint, FindsFusedExpertsUnderTheirOwnNames) {
  constexpr int64_t kExperts = 3, kInner = 4, kHidden = 6;
  std::string prefix = "model.layers.1.mlp.experts.";
  Folder folder;
  folder.write("x.safetensors", safetensors({{prefix + "gate_up_proj", "U8", {kExperts, 2 * kInner, kHidden}},
                                             {prefix + "down_proj", "U8", {kExperts, kHidden, kInner}}}));
  auto checkpoint = Checkpoint::open(folder.str());
  ASSERT_TRUE(static_cast<bool>(checkpoint)) << messageOf(std::move(checkpoint));
  std::vector<uint8_t> fused(kExperts * 2 * kInner * kHidden), part(kInner * kHidden);
  ASSERT_EQ(messageOf(checkpoint->readTensor(prefix + "gate_up_proj", 0, fused)), "");
  for (size_t expert = 0; expert < kExperts; ++expert)
    for (size_t half = 0; half < 2; ++half) {
      std::string name = prefix + std::to_string(expert) + (half ? ".up_proj.weight" : ".gate_proj.weight");
      ASSERT_EQ(messageOf(checkpoint->readTensor(name, 0, part)), "");
      EXPECT_EQ(shapeText(checkpoint->find(name)->shape), "[4, 6]");
      EXPECT_EQ(std::memcmp(part.data(), fused.data() + (2 * expert + half) * part.size(), part.size()), 0)
          << name;
    }
  const TensorInfo* down = checkpoint->find(prefix + "2.down_proj.weight");
  ASSERT_NE(down, nullptr);
  EXPECT_EQ(shapeText(down->shape), "[6, 4]");
  EXPECT_EQ(down->offset, checkpoint->find(prefix + "down_proj")->offset + 2 * 24);
}

TEST(Checkpoint, DeclaredTensorsHaveNoData) {
  TensorInfo tensor;
  tensor.name = "a";
  tensor.shape = {4};
  tensor.bytes = 8;
  Checkpoint checkpoint = Checkpoint::declared({tensor});
  EXPECT_FALSE(checkpoint.hasData());
  ASSERT_NE(checkpoint.find("a"), nullptr);
  uint8_t byte[1];
  expectLine(messageOf(checkpoint.readTensor("a", 0, byte)), {"'a'", "without weights"});
  expectLine(messageOf(checkpoint.mapTensor(*checkpoint.find("a"))), {"'a'", "without weights"});
}

} // namespace
