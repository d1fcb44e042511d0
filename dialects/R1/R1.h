// The r1 dialect in C++. Generated classes live in r1::ir.
#pragma once
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/R1/R1Dialect.h.inc"
#include "dialects/R1/R1Enums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/R1/R1Attrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/R1/R1Types.h.inc"

namespace r1::ir {
template <typename OpT> class RowWise : public mlir::OpTrait::TraitBase<OpT, RowWise> {};
} // namespace r1::ir

#define GET_OP_CLASSES
#include "dialects/R1/R1Ops.h.inc"

namespace r1::ir {

/// Of a module: its model quantises with scales that are powers of two (config.json, scale_fmt = "ue8m0").
inline constexpr char kUe8m0Attr[] = "r1.ue8m0";

} // namespace r1::ir
