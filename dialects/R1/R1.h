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
#define GET_OP_CLASSES
#include "dialects/R1/R1Ops.h.inc"
