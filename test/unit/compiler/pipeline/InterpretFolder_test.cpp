// From a folder on disk to an .npy file: the library function behind `r1c interpret`.
#include "compiler/pipeline/InterpretFolder.h"
#include "test/oracle/synthetic_checkpoint.h"
#include "test/unit/compiler/checkpoint/Support.h"
#include "test/unit/compiler/interpret/Compare.h"

namespace r1::pipeline {
namespace {

using checkpoint::test::expectLine;
using checkpoint::test::messageOf;

class InterpretFolder : public testing::Test {
protected:
  void SetUp() override {
    auto test_case = oracle::read_case("test/oracle/golden/deepseek_v3_fp8.json");
    ASSERT_TRUE(test_case);
    oracle::write_checkpoint(*test_case, folder.path);
    folder.write("tokens.json", nlohmann::json(test_case->tokens).dump());
    options.folder = folder.str();
    options.tokens = folder.str() + "/tokens.json";
    options.out = folder.str() + "/out.npy";
  }
  double error() {
    auto found = oracle::read_npy(options.out),
         golden = oracle::read_npy("test/oracle/golden/deepseek_v3_fp8.npy");
    return found && golden ? interpret::test::relativeError(found->values, golden->values) : NAN;
  }
  checkpoint::test::Folder folder;
  InterpretOptions options;
};

TEST_F(InterpretFolder, WritesTransformersLogits) {
  ASSERT_EQ(messageOf(interpretFolder(options)), "");
  EXPECT_LE(error(), 1e-4);
}

// Rounding to bf16 may send a token near a tie to another expert: seldom, and never everywhere.
TEST_F(InterpretFolder, AfterOptimizeShowsWhatBf16Costs) {
  options.after = Phase::Optimize;
  options.chunk = 7;
  options.decodeFrom = 9;
  ASSERT_EQ(messageOf(interpretFolder(options)), "");
  EXPECT_LE(error(), 3e-2);
  EXPECT_GE(error(), 1e-4);
}

TEST_F(InterpretFolder, WrongInputIsOneLineAndLeavesNoFile) {
  InterpretOptions wrong = options;
  wrong.after = Phase::Select;
  expectLine(messageOf(interpretFolder(wrong)), {"--after=select", "import or optimize"});
  wrong = options;
  wrong.folder = "/nowhere";
  expectLine(messageOf(interpretFolder(wrong)), {"/nowhere"});
  wrong = options;
  wrong.tokens = "/nowhere.json";
  expectLine(messageOf(interpretFolder(wrong)), {"/nowhere.json"});
  wrong = options;
  wrong.out = "/nowhere/out.npy";
  expectLine(messageOf(interpretFolder(wrong)), {"/nowhere/out.npy", "cannot be written"});
  folder.write("tokens.json", "[5000]");
  expectLine(messageOf(interpretFolder(options)), {"token id 5000", "[0, 96)"});
  EXPECT_FALSE(std::filesystem::exists(options.out));
}

} // namespace
} // namespace r1::pipeline
