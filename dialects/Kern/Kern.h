// The kern dialect in C++. Generated classes live in r1::kern.
#pragma once
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/Kern/KernDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Kern/KernAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/Kern/KernOps.h.inc"
