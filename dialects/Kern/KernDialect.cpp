#include "dialects/Kern/Kern.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "dialects/Kern/KernDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Kern/KernAttrs.cpp.inc"

namespace r1::kern {

void KernDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Kern/KernAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Kern/KernOps.cpp.inc"
      >();
}

} // namespace r1::kern
