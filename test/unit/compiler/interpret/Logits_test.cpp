// Interpretation gives transformers' logits. The goldens (test/oracle) hold every model type, gate and weight
// type; most mistakes that others made with this family move at least one of them by a hundred times the
// tolerance: test/oracle/golden/mistakes.md says which golden shows which. Mistakes that no golden can show
// are tested in test/unit/compiler/import and kernels/rows.
#include "compiler/interpret/Logits.h"
#include "compiler/optimize/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "test/oracle/synthetic_checkpoint.h"
#include "test/unit/compiler/checkpoint/Support.h"
#include "test/unit/compiler/interpret/TinyModels.h"

namespace r1::interpret {
namespace {

using test::relativeError;
constexpr double kGolden = 1e-4; // relative to the golden's Frobenius norm; both sides compute in float

std::vector<std::string> goldenNames() {
  std::vector<std::string> names;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator("test/oracle/golden", code))
    if (entry.path().extension() == ".npy")
      names.push_back(entry.path().stem().string());
  llvm::sort(names);
  return names;
}

class Golden : public testing::TestWithParam<std::string> {
protected:
  void SetUp() override {
    std::string base = "test/oracle/golden/" + GetParam();
    auto test_case = oracle::read_case(base + ".json");
    auto golden = oracle::read_npy(base + ".npy");
    ASSERT_TRUE(test_case && golden) << base;
    ASSERT_EQ(oracle::write_checkpoint(*test_case, folder.path), test_case->crc32);
    wanted = std::move(golden->values);
    request.tokens.assign(test_case->tokens.begin(), test_case->tokens.end());
    auto opened = checkpoint::Checkpoint::open(folder.str());
    ASSERT_TRUE(bool(opened)) << llvm::toString(opened.takeError());
    checkpoint.emplace(std::move(*opened));
    auto config = checkpoint::ModelConfig::load(folder.str());
    ASSERT_TRUE(bool(config)) << llvm::toString(config.takeError());
    ASSERT_EQ(checkpoint::test::messageOf(checkpoint::checkTensors(*config, *checkpoint).takeError()), "");
    auto imported =
        import::importModel(context, *config, *checkpoint, import::StepLimits(), /*withMtp=*/false);
    ASSERT_TRUE(bool(imported)) << llvm::toString(imported.takeError());
    module = std::move(*imported);
  }

  double error(int64_t chunk, std::optional<int64_t> decodeFrom) {
    CheckpointWeights weights(*checkpoint);
    request.chunk = chunk;
    request.decodeFrom = decodeFrom;
    auto found = interpretLogits(*module, weights, request);
    if (!found) {
      ADD_FAILURE() << llvm::toString(found.takeError());
      return NAN;
    }
    return relativeError(found->data, wanted);
  }

  checkpoint::test::Folder folder;
  std::optional<checkpoint::Checkpoint> checkpoint;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  LogitsRequest request;
  std::vector<float> wanted;
};

TEST_P(Golden, ImportedModuleAgrees) {
  EXPECT_LE(error(512, std::nullopt), kGolden) << "prefill at once";
  EXPECT_LE(error(7, std::nullopt), kGolden) << "prefill in chunks of 7";
  EXPECT_LE(error(512, 0), kGolden) << "decode one by one";
  EXPECT_LE(error(7, 9), kGolden) << "prefill, then decode";
}

// Every fusion, absorption included, without rounding to bf16: still transformers' logits.
TEST_P(Golden, FusedModuleAgrees) {
  mlir::PassManager passes(&context);
  for (const optimize::Fusion& fusion : optimize::fusions())
    passes.addNestedPass<mlir::func::FuncOp>(fusion.create());
  ASSERT_TRUE(mlir::succeeded(passes.run(*module)));
  EXPECT_LE(error(7, 9), kGolden);
}

INSTANTIATE_TEST_SUITE_P(Transformers, Golden, testing::ValuesIn(goldenNames()),
                         [](const auto& info) { return info.param; });

TEST(Goldens, AreThere) { EXPECT_GE(goldenNames().size(), 15u) << "run from the source tree"; }

TEST(Logits, RequestsThatMakeNoSenseAreOneLine) {
  test::TinyModel model(test::tinyR1());
  mlir::MLIRContext context;
  auto module = model.import(context);
  auto message = [&](LogitsRequest request) {
    return checkpoint::test::messageOf(interpretLogits(*module, model.weights, request));
  };
  using checkpoint::test::expectLine;
  expectLine(message({{}, 7, std::nullopt}), {"no tokens"});
  expectLine(message({{1, 2}, 0, std::nullopt}), {"--chunk 0"});
  expectLine(message({{1, 2}, 7, 3}), {"--decode-from 3", "[0, 2]"});
  expectLine(message({{1, 2}, 7, -1}), {"--decode-from -1"});
  expectLine(message({{1, 96}, 7, std::nullopt}), {"token id 96", "embed_tokens"});
  auto empty = mlir::OwningOpRef<mlir::ModuleOp>(mlir::ModuleOp::create(mlir::UnknownLoc::get(&context)));
  expectLine(checkpoint::test::messageOf(interpretLogits(*empty, model.weights, {{1}, 7, std::nullopt})),
             {"'prefill'"});
}

TEST(Logits, TokensAreAListOfIds) {
  checkpoint::test::Folder folder;
  auto read = [&](const std::string& text) {
    folder.write("tokens.json", text);
    return readTokens(folder.str() + "/tokens.json");
  };
  auto tokens = read(" [0, 5, 2147483647]\n");
  ASSERT_TRUE(bool(tokens)) << checkpoint::test::messageOf(std::move(tokens));
  EXPECT_EQ(*tokens, (std::vector<int32_t>{0, 5, 2147483647}));
  for (const char* bad : {"{}", "[1.5]", "[-1]", "[2147483648]", "[\"1\"]", "[1", "[[1]]"})
    EXPECT_NE(checkpoint::test::messageOf(read(bad)).find("tokens.json"), std::string::npos) << bad;
  checkpoint::test::expectLine(checkpoint::test::messageOf(readTokens("/nowhere.json")), {"/nowhere.json"});
}

} // namespace
} // namespace r1::interpret
