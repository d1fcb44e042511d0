// Passes of the phase `plan` (kern -> plan).
#ifndef PLAN_PASSES_TD
#define PLAN_PASSES_TD

include "mlir/Pass/PassBase.td"

def PlanLaunches : Pass<"r1-plan-launches", "::mlir::ModuleOp"> {
  let summary = "Weights get offsets in a segment, activations in an arena by lifetime, dispatches become launches of distinct kernels";
  let dependentDialects = ["::r1::plan::PlanDialect"];
}
def VerifyPlanned : Pass<"r1-verify-planned", "::mlir::ModuleOp"> {
  let summary = "Launches name kernels that exist, with as many arguments as they read and write; weights do not overlap";
}

#endif
