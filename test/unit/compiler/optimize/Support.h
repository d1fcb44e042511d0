// Running passes of phase optimize on an imported model, and hearing what they say.
#pragma once
#include "compiler/optimize/Passes.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "test/unit/compiler/interpret/TinyModels.h"

namespace r1::optimize::test {

struct Remark {
  bool passed; // else missed
  std::string fusion, function, location, text;
};

class Collector : public mlir::remark::detail::MLIRRemarkStreamerBase {
public:
  explicit Collector(std::vector<Remark>& into) : into(into) {}
  void streamOptimizationRemark(const mlir::remark::detail::Remark& remark) override {
    auto name = llvm::dyn_cast<mlir::NameLoc>(remark.getLocation());
    std::string text;
    for (const auto& argument : remark.getArgs())
      text += argument.val;
    into.push_back({remark.getRemarkType() == llvm::remarks::Type::Passed, remark.getRemarkName().str(),
                    remark.getFunction().str(), name ? name.getName().str() : "", text});
  }

private:
  std::vector<Remark>& into;
};

// A context whose remarks are kept.
struct Listening {
  Listening() {
    mlir::remark::RemarkCategories categories;
    categories.passed = categories.missed = "fusion";
    EXPECT_TRUE(mlir::succeeded(mlir::remark::enableOptimizationRemarks(
        context, std::make_unique<Collector>(remarks),
        std::make_unique<mlir::remark::RemarkEmittingPolicyAll>(), categories)));
  }
  std::vector<Remark> remarks; // outlives the context, whose engine holds the collector
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED}; // remarks come one by one

  int count(bool passed, llvm::StringRef fusion, llvm::StringRef function, llvm::StringRef text = "") const {
    return llvm::count_if(remarks, [&](const Remark& r) {
      return r.passed == passed && r.fusion == fusion && r.function == function &&
             llvm::StringRef(r.text).contains(text);
    });
  }
};

inline const Fusion& fusionNamed(llvm::StringRef name) {
  for (const Fusion& fusion : fusions())
    if (fusion.name == name)
      return fusion;
  ADD_FAILURE() << "no fusion is called " << name.str();
  return fusions().front();
}

inline void runPasses(mlir::ModuleOp module, std::vector<std::unique_ptr<mlir::Pass>> passes) {
  mlir::PassManager manager(module.getContext());
  for (std::unique_ptr<mlir::Pass>& pass : passes)
    manager.addNestedPass<mlir::func::FuncOp>(std::move(pass));
  EXPECT_TRUE(mlir::succeeded(manager.run(module)));
}

inline void runFusion(mlir::ModuleOp module, llvm::StringRef name) {
  std::vector<std::unique_ptr<mlir::Pass>> passes;
  passes.push_back(fusionNamed(name).create());
  runPasses(module, std::move(passes));
}

// A function of the r1 dialect written out, for graphs that no import builds.
inline mlir::OwningOpRef<mlir::ModuleOp> parse(mlir::MLIRContext& context, const std::string& text) {
  context.loadDialect<ir::R1Dialect, mlir::func::FuncDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  EXPECT_TRUE(module) << text;
  return module;
}

inline void roundActivations(mlir::ModuleOp module) {
  std::vector<std::unique_ptr<mlir::Pass>> passes;
  passes.push_back(createBf16Activations());
  runPasses(module, std::move(passes));
}

// r1.fused operations of a function that carry the fusion's name.
inline int fusedWith(mlir::ModuleOp module, llvm::StringRef function, llvm::StringRef fusion) {
  int count = 0;
  module.lookupSymbol<mlir::func::FuncOp>(function).walk([&](ir::FusedOp op) {
    count += llvm::any_of(op.getFusions().getAsValueRange<mlir::StringAttr>(),
                          [&](llvm::StringRef name) { return name == fusion; });
  });
  return count;
}

template <typename OpT> int countOf(mlir::ModuleOp module, llvm::StringRef function) {
  int count = 0;
  module.lookupSymbol<mlir::func::FuncOp>(function).walk([&](OpT) { ++count; });
  return count;
}

} // namespace r1::optimize::test
