// Which tensors a configuration needs, and whether a checkpoint has them.
#pragma once
#include "compiler/checkpoint/Checkpoint.h"
#include "compiler/checkpoint/ModelConfig.h"

namespace r1::checkpoint {

enum class TensorKind {
  Linear, // may be F8_E4M3, then with a Scale beside it
  Norm,
  Embedding, // embed_tokens, lm_head, shared_head.head
  Gate,      // the router's matrix
  Bias,      // e_score_correction_bias
  Scale,     // <linear>_scale_inv, F32 [ceil(rows/128)][ceil(cols/128)]
};

struct ExpectedTensor {
  std::string name; // Hugging Face's
  llvm::SmallVector<int64_t, 2> shape;
  TensorKind kind;
  bool optional = false; // the graph does without
  bool mtp = false;      // belongs to a multi-token-prediction layer
};

// In the order of the graph; each Scale follows its Linear and is optional here, because the Linear's type
// decides.
std::vector<ExpectedTensor> expectedTensors(const ModelConfig& config);

// The checkpoint that a folder without weights would have: quantised linears as F8_E4M3 with scales, biases
// F32, the rest weightType. For --weights=none.
Checkpoint declaredCheckpoint(const ModelConfig& config);

struct TensorCheck {
  std::vector<std::string> problems; // one line each, in the order of expectedTensors
  std::vector<std::string> notes;    // worth a remark: tensors that nothing needs, absent MTP layers
  bool hasMtp = false;               // every needed tensor of every MTP layer is there

  // Success, or one error of at most `shown` lines and a count of the rest.
  llvm::Error takeError(size_t shown = 5) const;
};

// MTP layers are all there or not at all (transformers drops them when it saves); anything between is a
// problem.
TensorCheck checkTensors(const ModelConfig& config, const Checkpoint& checkpoint);

// For scales read in pieces: `scales` are elements [first, first + size) of `tensor`. NaN, infinite and
// negative ones are refused with tensor and index. Zero is a block of zeros.
llvm::Error checkScales(const TensorInfo& tensor, uint64_t first, llvm::ArrayRef<float> scales);

} // namespace r1::checkpoint
