// One pass alone on models of every kind, interpreted before and after.
#pragma once
#include "test/unit/compiler/optimize/Support.h"

namespace r1::optimize::test {

using namespace r1::interpret::test;
inline constexpr int64_t kTokens = 16, kDecodeFrom = 10;

// A model and its logits before any fusion. Made once for each configuration and kept: many tests start from
// it.
struct Baseline {
  explicit Baseline(const json& text) : model(text) {
    mlir::MLIRContext context;
    auto module = model.import(context);
    plain = model.logits(*module, kTokens, kDecodeFrom);
    roundActivations(*module);
    rounded = model.logits(*module, kTokens, kDecodeFrom);
  }
  static Baseline& of(const json& text) {
    static std::map<std::string, std::unique_ptr<Baseline>> known;
    std::unique_ptr<Baseline>& baseline = known[text.dump()];
    if (!baseline)
      baseline = std::make_unique<Baseline>(text);
    return *baseline;
  }
  TinyModel model;
  std::vector<float> plain, rounded;
};

// Interpretation of `text` before and after one fusion, alone; with `rounded`, both after bf16-activations
// (which runs before the grouping fusions and gives cast-into-producer its casts).
struct Alone {
  Alone(const json& text, llvm::StringRef name, bool rounded)
      : model(Baseline::of(text).model),
        before(rounded ? Baseline::of(text).rounded : Baseline::of(text).plain) {
    module = model.import(listening.context);
    if (rounded)
      roundActivations(*module);
    runFusion(*module, name);
    after = model.logits(*module, kTokens, kDecodeFrom);
  }
  Listening listening;
  TinyModel& model;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<float> before, after;
};

inline std::vector<std::pair<const char*, json>> models() {
  return {{"R1", tinyR1()},
          {"Moonlight", moonlight()},
          {"V2", tinyV2()},
          {"odd", oddSizes()},
          {"aligned FP8", alignedFp8()}};
}

// Grouping and stacking change no bit, with and without rounding, on every kind of model.
inline void expectSameBits(llvm::StringRef name) {
  for (const auto& [what, text] : models())
    for (bool rounded : {false, true}) {
      Alone run(text, name, rounded);
      EXPECT_EQ(run.before.size(), size_t(kTokens * run.model.config.vocabSize)) << what;
      EXPECT_EQ(run.before, run.after) << name.str() << " on " << what << (rounded ? ", rounded" : "");
    }
}

} // namespace r1::optimize::test
