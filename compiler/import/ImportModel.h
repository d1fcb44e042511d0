// Phase `import`: from a configuration and the types of a checkpoint's tensors to a module in the r1 dialect.
#pragma once
#include "compiler/checkpoint/Checkpoint.h"
#include "compiler/checkpoint/ModelConfig.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace r1::import {

/// Sizes of a step that are fixed when a model is compiled.
struct StepLimits {
  int64_t maxContext = 4096;  // tokens of one sequence; a multiple of 64
  int64_t maxBatch = 16;      // sequences decoded together
  int64_t prefillChunk = 512; // tokens of a prompt computed together
  // Rows of logits of a prefill step, at most. Nearly always one is wanted; room for a row of each token of a large chunk would be gigabytes
  // (2.1 GB for 4096 of R1), so whoever wants them all gets them in steps of so many tokens.
  static constexpr int64_t kPrefillLogitRows = 512;
};

/// A module with functions @prefill and @decode (and @mtp_<layer> for each multi-token-prediction layer the
/// checkpoint has), all over the same weights: (ids, positions, logit rows, slots: tensor<?xi32>, page table:
/// tensor<?x?xi32>, cache) -> (logits, cache). Activations are f32 and attention has its plain form: what the
/// model means, before any decision. `checkpoint` must have passed checkpoint::checkTensors. Fails where
/// experts of one layer have different types.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> importModel(mlir::MLIRContext& context,
                                                              const checkpoint::ModelConfig& config,
                                                              const checkpoint::Checkpoint& checkpoint,
                                                              const StepLimits& limits, bool withMtp);

} // namespace r1::import
