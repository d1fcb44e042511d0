// The C++ generator writes, for every golden case, exactly the files that synthetic.py wrote.
#include "test/oracle/synthetic_checkpoint.h"

#include <cmath>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using namespace r1::oracle;

const fs::path kGolden = "test/oracle/golden";

class Folder {
public:
  Folder() : path_(fs::temp_directory_path() / ("r1c-oracle-" + std::to_string(getpid()))) {}
  ~Folder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

private:
  fs::path path_;
};

TEST(SyntheticCheckpoint, MatchesPythonBitForBit) {
  int cases = 0;
  for (const auto& entry : fs::directory_iterator(kGolden)) {
    if (entry.path().extension() != ".json")
      continue;
    ++cases;
    const auto test_case = read_case(entry.path());
    ASSERT_TRUE(test_case) << entry.path();
    Folder folder;
    EXPECT_EQ(write_checkpoint(*test_case, folder.path()), test_case->crc32) << entry.path();
    EXPECT_TRUE(fs::exists(folder.path() / "config.json"));
    EXPECT_EQ(fs::exists(folder.path() / "model.safetensors.index.json"), test_case->shards > 1)
        << entry.path();
  }
  EXPECT_GE(cases, 15);
}

TEST(SyntheticCheckpoint, SeedAndGainChangeTheWeights) {
  auto test_case = read_case(kGolden / "deepseek_v3_fp8.json");
  ASSERT_TRUE(test_case);
  Folder folder;
  test_case->seed += 1;
  EXPECT_NE(write_checkpoint(*test_case, folder.path()), test_case->crc32);
  test_case->seed -= 1;
  test_case->gains["o_proj"] = 1.5;
  EXPECT_NE(write_checkpoint(*test_case, folder.path()), test_case->crc32);
}

TEST(Golden, LogitsAreFiniteAndShapedTokensByVocab) {
  for (const auto& entry : fs::directory_iterator(kGolden)) {
    if (entry.path().extension() != ".json")
      continue;
    const auto test_case = read_case(entry.path());
    const auto logits = read_npy(fs::path(entry.path()).replace_extension(".npy"));
    ASSERT_TRUE(test_case && logits) << entry.path();
    EXPECT_EQ(logits->rows, test_case->tokens.size());
    EXPECT_EQ(logits->columns, test_case->config["vocab_size"].get<size_t>());
    for (float v : logits->values)
      ASSERT_TRUE(std::isfinite(v)) << entry.path();
  }
}

TEST(Golden, ReadersRefuseWhatIsNotTheirs) {
  EXPECT_FALSE(read_case(kGolden / "absent.json"));
  EXPECT_FALSE(read_npy(kGolden / "absent.npy"));
  EXPECT_FALSE(read_npy(kGolden / "deepseek_v3_f32.json"));
}

} // namespace
