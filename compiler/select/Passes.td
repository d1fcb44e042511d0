// Passes of the phase `select` (r1 -> kern).
#ifndef SELECT_PASSES_TD
#define SELECT_PASSES_TD

include "mlir/Pass/PassBase.td"

def SelectKernels : Pass<"r1-select-kernels", "::mlir::func::FuncOp"> {
  let summary = "Every operation or fused group becomes a dispatch of a kernel skeleton, weights the packed constants it reads";
  let dependentDialects = ["::r1::kern::KernDialect", "::r1::ir::R1Dialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}
def SplitDecode : Pass<"r1-split-decode", "::mlir::ModuleOp"> {
  let summary = "On a GPU, decoding of few sequences becomes an entry of its own, whose kernels stream weights";
  let dependentDialects = ["::mlir::func::FuncDialect"];
}
def VerifySelected : Pass<"r1-verify-selected", "::mlir::func::FuncOp"> {
  let summary = "Only kern operations remain, and each dispatch gives its skeleton exactly the parameters and holes the registry lists";
}

#endif
