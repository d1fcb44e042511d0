// Phase `optimize`: passes from r1 to r1, and the list of fusions a user can switch.
#pragma once
#include "dialects/R1/R1.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace r1::optimize {

#define GEN_PASS_DECL
#include "compiler/optimize/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/optimize/Passes.h.inc"

/// A pass that `--fusions=+name,-name` switches. In the order they run.
struct Fusion {
  llvm::StringRef name;
  std::unique_ptr<mlir::Pass> (*create)();
  llvm::StringRef summary;
  /// Whether it runs unless it is named; one that changes numbers more than bf16 does has to be asked for.
  bool byDefault = true;
  /// Runs in its place where it is off, to say what that costs; may be null.
  std::unique_ptr<mlir::Pass> (*createOff)() = nullptr;
};
llvm::ArrayRef<Fusion> fusions();

} // namespace r1::optimize
