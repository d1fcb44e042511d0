// Phase `select`: from r1 to kern.
#pragma once
#include "dialects/Kern/Kern.h"
#include "dialects/R1/R1.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Pass/Pass.h"

namespace r1::select {

#define GEN_PASS_DECL
#include "compiler/select/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/select/Passes.h.inc"

} // namespace r1::select
