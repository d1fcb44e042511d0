// Phase `plan`: from kern to plan.
#pragma once
#include "dialects/Kern/Kern.h"
#include "dialects/Plan/Plan.h"
#include "dialects/R1/R1.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace r1::plan {

#define GEN_PASS_DECL
#include "compiler/plan/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/plan/Passes.h.inc"

} // namespace r1::plan
