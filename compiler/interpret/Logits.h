// Logits of a whole token sequence by interpretation, as `r1run logits` computes them with compiled code.
#pragma once
#include "compiler/interpret/Interpreter.h"
#include "mlir/IR/BuiltinOps.h"

namespace r1::interpret {

struct LogitsRequest {
  std::vector<int32_t> tokens;
  int64_t chunk = 512;               // tokens of a prefill step
  std::optional<int64_t> decodeFrom; // tokens from here on go one by one through @decode
};

/// Float [tokens, vocabulary]: row i predicts token i + 1. `module` holds @prefill and @decode as importModel
/// builds them, in the r1 dialect: after phase import or optimize.
llvm::Expected<Tensor> interpretLogits(mlir::ModuleOp module, WeightSource& weights,
                                       const LogitsRequest& request);

/// A JSON list of token ids.
llvm::Expected<std::vector<int32_t>> readTokens(llvm::StringRef path);

} // namespace r1::interpret
