// Verifiers of the plan dialect; labels match PlanOps.td and test/lit/dialects/Plan/invalid.mlir.
#include "dialects/Plan/Plan.h"

#define GET_OP_CLASSES
#include "dialects/Plan/PlanOps.cpp.inc"

using namespace mlir;

namespace r1::plan {

LogicalResult TensorOp::verify() {
  int64_t offset = getOffset(), bytes = getBytes();
  if (offset < 0 || offset % 64 || bytes < 0)
    return emitOpError() << "tensor_c1: offset " << offset << " and bytes " << bytes
                         << ": expected a multiple of 64 and a size";
  return success();
}

LogicalResult KernelOp::verify() {
  if (getReads().size() != getHoles().size())
    return emitOpError() << "kernel_c1: " << getHoles().size() << " holes but " << getReads().size()
                         << " lists of reads";
  for (auto [region, reads] : llvm::zip(getHoles(), getReads())) {
    auto list = dyn_cast<ArrayAttr>(reads);
    if (!list || llvm::any_of(list, [](Attribute a) { return !isa<AccessAttr>(a); }) ||
        (!region.empty() && region.front().getNumArguments() < list.size()))
      return emitOpError() << "kernel_c1: a hole has fewer arguments than it reads elements";
  }
  return success();
}

LogicalResult EntryOp::verify() {
  int64_t tokens = getMaxTokens(), rows = getMaxLogitRows(), arena = getArenaBytes();
  if (tokens < 1 || rows < 1 || arena < 0)
    return emitOpError() << "entry_c1: tokens " << tokens << ", logit rows " << rows << ", arena " << arena;
  return success();
}

LogicalResult LaunchOp::verify() {
  int64_t arena = (*this)->getParentOfType<EntryOp>().getArenaBytes();
  for (auto argument : getArguments().getAsRange<ArgumentAttr>()) {
    StringRef space = argument.getSpace();
    bool known = space == "arena" || space == "segment" || space == "io" || space == "cache";
    if (!known || argument.getOffset() < 0 || argument.getIndex() < 0 ||
        (space == "arena" && argument.getOffset() >= arena))
      return emitOpError() << "launch_c1: argument " << argument << " in an arena of " << arena << " bytes";
  }
  ArrayRef<int64_t> grid = getGrid();
  bool pairs = grid.size() % 2 == 0;
  for (size_t i = 0; pairs && i < grid.size(); i += 2)
    pairs = grid[i] >= -1 && grid[i] <= 2 && grid[i + 1] > 0;
  if (!pairs)
    return emitOpError() << "launch_c2: the grid is a list of (dimension, positive value) pairs";
  if (getMaps())
    for (auto map : getMaps()->getAsRange<kern::TensorMapAttr>())
      if (map.getArgument() < 0 || map.getArgument() >= static_cast<int64_t>(getArguments().size()))
        return emitOpError() << "launch_c3: " << map << " views an argument that does not exist";
  if (int64_t rows = getRows(); rows != 0 && rows != 1)
    return emitOpError() << "launch_c4: rows are 0 (tokens) or 1 (rows of logits), found " << rows;
  return success();
}

} // namespace r1::plan
