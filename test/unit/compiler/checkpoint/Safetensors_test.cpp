// Safetensors headers are accepted and refused as the reference implementation does, each refusal by its
// name. The JSON inside (SafetensorsJson) is tested here too: no other source reads it.
#include "compiler/checkpoint/Safetensors.h"
#include "test/unit/compiler/checkpoint/Support.h"

using namespace r1::checkpoint;
using namespace r1::checkpoint::test;

namespace {

std::string verdict(const std::string& bytes) {
  auto header = parseSafetensors({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "file");
  if (header)
    return "ok";
  std::string name = "untyped";
  llvm::handleAllErrors(
      header.takeError(), [&](const SafetensorsError& error) { name = nameOf(error.fault).str(); },
      [](const llvm::ErrorInfoBase&) {});
  return name;
}

std::string withHeader(std::string json, size_t dataBytes = 0) {
  std::string text(8, '\0');
  for (int i = 0; i < 8; ++i)
    text[static_cast<size_t>(i)] = static_cast<char>(json.size() >> (8 * i) & 0xff);
  return text + json + std::string(dataBytes, 'x');
}

TEST(Safetensors, FollowsTheGoldenTable) {
  std::string folder = sharedPath("golden/safetensors");
  if (folder.empty())
    GTEST_SKIP() << "R1C_SHARED names no folder with data/golden/safetensors";
  nlohmann::json manifest = nlohmann::json::parse(readAll(folder + "/MANIFEST.json"), nullptr, false);
  ASSERT_EQ(manifest.size(), 28u);
  for (const auto& row : manifest) {
    std::string expected =
        row["expect"] == "policy:reject" ? "DuplicateKey" : row["expect"].get<std::string>();
    std::string path = folder + "/" + row["file"].get<std::string>();
    EXPECT_EQ(verdict(readAll(path)), expected) << row;
    // The same through a file, where only the header is read.
    llvm::Expected<InputFile> file = InputFile::open(path);
    ASSERT_TRUE(static_cast<bool>(file));
    EXPECT_EQ(messageOf(readSafetensorsHeader(*file)).empty(), expected == "ok") << row;
  }
}

TEST(Safetensors, JudgesHeaders) {
  struct Row {
    const char* expected;
    const char* json;
    size_t dataBytes = 0;
  } rows[] = {
      {"ok", R"({})"},
      {"ok", R"( {} )"},
      {"ok", R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4},
      {"ok", R"({"a":{"data_offsets":[0,0],"shape":[0,9223372036854775807],"dtype":"F32"}})"},
      {"ok", R"({"a":{"dtype":"F32","shape":[4611686018427387904,0],"data_offsets":[0,0]}})"},
      {"ok", R"({"__metadata__":null,"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1},
      {"ok",
       R"({"a":{"dtype":"U8","extra":{"deep":[1,{"x":null}]},"also":3,"shape":[1],"data_offsets":[0,1]}})",
       1},
      {"ok", R"({"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}})", 1},
      {"InvalidHeaderDeserialization", "null"},
      {"InvalidHeaderDeserialization", "7"},
      {"InvalidHeaderDeserialization", "\xEF\xBB\xBF{}"},
      {"InvalidHeaderDeserialization", "{} {}"},
      {"InvalidHeaderDeserialization", "{} // comment"},
      {"InvalidHeaderDeserialization", "{\"\xff\":1}"},
      {"InvalidHeaderDeserialization", R"({"a":null})"},
      {"InvalidHeaderDeserialization", R"({"a":[]})"},
      {"InvalidHeaderDeserialization", R"({"a":{}})"},
      {"InvalidHeaderDeserialization", R"({"a":{"dtype":"F32","shape":[1]}})", 4},
      {"InvalidHeaderDeserialization", R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4},
      {"InvalidHeaderDeserialization", R"({"a":{"shape":[1],"data_offsets":[0,4]}})", 4},
      {"InvalidHeaderDeserialization", R"({"a":{"dtype":3,"shape":[1],"data_offsets":[0,4]}})", 4},
      {"InvalidHeaderDeserialization", R"({"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}})", 4},
      {"InvalidHeaderDeserialization", R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4},
      {"InvalidHeaderDeserialization", R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4},
      {"InvalidHeaderDeserialization", R"({"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}})", 4},
      {"InvalidHeaderDeserialization", R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4},
      {"InvalidHeaderDeserialization", R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}})", 4},
      {"InvalidHeaderDeserialization",
       R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551616]}})", 4},
      {"InvalidHeaderDeserialization", R"({"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}})", 4},
      {"InvalidHeaderDeserialization", R"({"__metadata__":{"a":{}}})"},
      {"InvalidHeaderDeserialization", R"({"__metadata__":[]})"},
      {"InvalidHeaderDeserialization", R"({"__metadata__":"text"})"},
      {"DuplicateKey", R"({"__metadata__":{"a":"1","a":"2"}})"},
      {"DuplicateKey", R"({"__metadata__":{},"__metadata__":{}})"},
      {"DuplicateKey", R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1},
      {"InvalidOffset", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1},
      {"InvalidOffset", R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}})", 1},
      {"InvalidOffset",
       R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
       3},
      {"ValidationOverflow", R"({"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1]}})", 1},
      {"ValidationOverflow", R"({"a":{"dtype":"F64","shape":[1152921504606846976],"data_offsets":[0,0]}})"},
      {"MisalignedSlice", R"({"a":{"dtype":"F6_E2M3","shape":[3],"data_offsets":[0,3]}})", 3},
      {"TensorInvalidInfo", R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,5]}})", 5},
      {"MetadataIncompleteBuffer", R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 3},
      {"MetadataIncompleteBuffer", R"({})", 1},
  };
  for (const Row& row : rows)
    EXPECT_EQ(verdict(withHeader(row.json, row.dataBytes)), row.expected) << row.json;
}

TEST(Safetensors, RefusesNulBytesAndNestingBombs) {
  EXPECT_EQ(verdict(withHeader(std::string("{}\0{\"a\":1}", 10))), "InvalidHeaderDeserialization");
  std::string deep = R"({"a":{"x":)" + std::string(1'000'000, '[');
  EXPECT_EQ(verdict(withHeader(deep)), "InvalidHeaderDeserialization");
  std::string deepObjects = R"({"a":{"x":)";
  for (int i = 0; i < 100'000; ++i)
    deepObjects += "{\"a\":";
  EXPECT_EQ(verdict(withHeader(deepObjects)), "InvalidHeaderDeserialization");
}

TEST(Safetensors, ReportsPlacesFromTheStartOfTheFile) {
  std::string bytes = safetensors({{"b", "F32", {2, 3}}, {"a", "BF16", {5}}});
  auto header = parseSafetensors({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "file");
  ASSERT_TRUE(static_cast<bool>(header));
  ASSERT_EQ(header->tensors.size(), 2u);
  const TensorInfo &first = header->tensors[0], &second = header->tensors[1];
  EXPECT_EQ(first.name, "b");
  EXPECT_EQ(first.dtype, DType::F32);
  EXPECT_EQ(first.elements(), 6);
  EXPECT_EQ(first.offset, header->headerBytes);
  EXPECT_EQ(first.bytes, 24u);
  EXPECT_EQ(second.offset, header->headerBytes + 24);
  EXPECT_EQ(second.offset + second.bytes, bytes.size());
  // The hash covers the header alone.
  std::string other = bytes;
  other.back() ^= 1;
  auto same = parseSafetensors({reinterpret_cast<const uint8_t*>(other.data()), other.size()}, "file");
  ASSERT_TRUE(static_cast<bool>(same));
  EXPECT_EQ(header->hash, same->hash);
  EXPECT_EQ(header->hash, blake2b({reinterpret_cast<const uint8_t*>(bytes.data()), header->headerBytes}));
}

TEST(Safetensors, NamesFileTensorAndBytes) {
  std::string bytes = safetensors({{"whole", "F32", {4}}, {"cut", "F32", {4}}});
  std::string cut = bytes.substr(0, bytes.size() - 3);
  std::string message = messageOf(
      parseSafetensors({reinterpret_cast<const uint8_t*>(cut.data()), cut.size()}, "model-2.safetensors"));
  expectLine(message, {"model-2.safetensors", "'cut'", std::to_string(bytes.size()),
                       std::to_string(cut.size()), "fetch it again"});
}

// Whatever byte is changed, the reader answers, and what it accepts is consistent.
TEST(Safetensors, SurvivesDamage) {
  std::mt19937 random(20261123);
  std::string bytes = safetensors(
      {{"x.weight", "F8_E4M3", {4, 8}}, {"x.weight_scale_inv", "F32", {1, 1}}, {"n", "BF16", {8}}});
  for (int round = 0; round < 20000; ++round) {
    std::string damaged = bytes;
    for (unsigned i = 0, changes = 1 + random() % 3; i < changes; ++i)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    if (random() % 4 == 0)
      damaged.resize(random() % (damaged.size() + 1));
    auto header =
        parseSafetensors({reinterpret_cast<const uint8_t*>(damaged.data()), damaged.size()}, "file");
    if (!header) {
      EXPECT_FALSE(messageOf(std::move(header)).empty());
      continue;
    }
    for (const TensorInfo& tensor : header->tensors) {
      EXPECT_LE(tensor.offset + tensor.bytes, damaged.size());
      EXPECT_EQ(tensor.bytes * 8, static_cast<uint64_t>(tensor.elements()) * bitsOf(tensor.dtype));
    }
  }
}

} // namespace
