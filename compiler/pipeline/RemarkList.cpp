#include "compiler/pipeline/RemarkList.h"

#include "mlir/IR/Location.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace r1::pipeline {
namespace {

std::string nameOf(Location location) {
  if (auto name = dyn_cast<NameLoc>(location))
    return name.getName().str();
  return "";
}

class Collector : public remark::detail::MLIRRemarkStreamerBase {
public:
  Collector(std::shared_ptr<std::vector<artifact::RemarkT>> list, bool echo)
      : list(std::move(list)), echo(echo) {}

  void streamOptimizationRemark(const remark::detail::Remark& remark) override {
    artifact::RemarkT item;
    switch (remark.getRemarkType()) {
    case llvm::remarks::Type::Passed:
      item.kind = artifact::RemarkKind::Passed;
      break;
    case llvm::remarks::Type::Analysis:
      item.kind = artifact::RemarkKind::Analysis;
      break;
    default:
      item.kind = artifact::RemarkKind::Missed;
      break;
    }
    item.name = remark.getRemarkName().str();
    item.location = nameOf(remark.getLocation());
    item.entry = remark.getFunction().str();
    for (const auto& argument : remark.getArgs())
      item.message += argument.val;
    if (echo)
      llvm::errs() << artifact::EnumNameRemarkKind(item.kind) << " " << item.name << " " << item.entry << " "
                   << item.location << ": " << item.message << "\n";
    list->push_back(std::move(item));
  }

private:
  std::shared_ptr<std::vector<artifact::RemarkT>> list;
  bool echo;
};

} // namespace

RemarkList::RemarkList(MLIRContext& context, bool echo)
    : list(std::make_shared<std::vector<artifact::RemarkT>>()) {
  remark::RemarkCategories all{".*", ".*", ".*", ".*", ".*"};
  LogicalResult enabled =
      remark::enableOptimizationRemarks(context, std::make_unique<Collector>(list, echo),
                                        std::make_unique<remark::RemarkEmittingPolicyAll>(), all);
  (void)enabled;
}

std::vector<std::unique_ptr<artifact::RemarkT>> RemarkList::describe() const {
  std::vector<std::unique_ptr<artifact::RemarkT>> result;
  for (const artifact::RemarkT& remark : *list)
    result.push_back(std::make_unique<artifact::RemarkT>(remark));
  return result;
}

} // namespace r1::pipeline
