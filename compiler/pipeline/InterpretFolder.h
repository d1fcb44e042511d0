// From a checkpoint folder to logits by interpretation: what `r1c interpret` does.
#pragma once
#include "compiler/pipeline/Pipeline.h"
#include <cstdint>
#include <string>

namespace r1::pipeline {

struct InterpretOptions {
  std::string folder; // as Hugging Face lays it out
  std::string tokens; // file with a JSON list of ids
  std::string out;    // float32 .npy [tokens, vocabulary]
  Phase after =
      Phase::Import; // Import: what the model means; Optimize: with `fusions`, absorption and bf16 roundings
  FusionChoice fusions;
  std::string target;  // whose fusions those of phase optimize are: "" or "cpu:..." a CPU's, "sm_90a" a GPU's
  int64_t chunk = 512; // tokens of a prefill step
  std::optional<int64_t> decodeFrom; // tokens from here on go one by one through @decode
};

/// Writes the logits of every position.
llvm::Error interpretFolder(const InterpretOptions& options);

} // namespace r1::pipeline
