// How a model wants to be sampled: generation_config.json, and config.json where that file or a key of it is
// absent.
#pragma once
#include "compiler/checkpoint/ModelConfig.h"

namespace r1::checkpoint {

struct GenerationConfig {
  bool sample = false; // false: greedy, whatever the numbers below
  double temperature = 1;
  double topP = 1;
  // 0: no limit. transformers would take 50 where the file is silent; no model of the family means that.
  int64_t topK = 0;
  std::optional<int64_t> bos;
  std::vector<int64_t> eos;
  std::vector<std::string> notes;

  static llvm::Expected<GenerationConfig> parse(llvm::StringRef text, llvm::StringRef file,
                                                const ModelConfig& config);
  // A folder without the file is fine.
  static llvm::Expected<GenerationConfig> load(llvm::StringRef folder, const ModelConfig& config);
};

} // namespace r1::checkpoint
