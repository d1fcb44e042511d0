#include "dialects/R1/R1.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "dialects/R1/R1Dialect.cpp.inc"
#include "dialects/R1/R1Enums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/R1/R1Attrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/R1/R1Types.cpp.inc"

namespace r1::ir {

void R1Dialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/R1/R1Attrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/R1/R1Types.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/R1/R1Ops.cpp.inc"
      >();
}

llvm::LogicalResult CacheType::verify(llvm::function_ref<mlir::InFlightDiagnostic()> emitError,
                                      int64_t layers, int64_t kvLora, int64_t rope) {
  if (layers < 1 || kvLora < 1 || rope < 1)
    return emitError() << "cache needs positive layers, kv_lora and rope, found " << layers << ", " << kvLora
                       << ", " << rope;
  return mlir::success();
}

} // namespace r1::ir
