// The remarks of a compile, collected from MLIR's remark engine in the order they came.
#pragma once
#include "mlir/IR/MLIRContext.h"
#include "runtime/artifact/artifact_generated.h"

namespace r1::pipeline {

/// Installs itself as the context's remark engine; must outlive every pass that runs on the context.
class RemarkList {
public:
  /// echo: each remark also goes to standard error.
  RemarkList(mlir::MLIRContext& context, bool echo);
  std::vector<std::unique_ptr<artifact::RemarkT>> describe() const;

private:
  std::shared_ptr<std::vector<artifact::RemarkT>> list;
};

} // namespace r1::pipeline
