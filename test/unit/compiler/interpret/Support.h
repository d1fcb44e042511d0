// Running a few lines of the r1 dialect in a test, and comparing what comes out.
#pragma once
#include "compiler/interpret/Interpreter.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "test/unit/compiler/interpret/Compare.h"
#include <gtest/gtest.h>
#include <map>

namespace r1::interpret::test {

// Tensors by name; a name that is not there is an error, as in a checkpoint.
class NamedWeights : public WeightSource {
public:
  std::map<std::string, std::vector<float>> tensors;
  int reads = 0;
  llvm::Expected<std::vector<float>> read(llvm::StringRef name, llvm::ArrayRef<int64_t>) override {
    ++reads;
    auto place = tensors.find(name.str());
    if (place == tensors.end())
      return checkpoint::fail("tensor '" + name + "' is not here");
    return place->second;
  }
};

// One function of the r1 dialect and the weights it names.
class Program {
public:
  explicit Program(const std::string& text) : store(weights) {
    context.loadDialect<ir::R1Dialect, mlir::func::FuncDialect>();
    context.getDiagEngine().registerHandler([&](mlir::Diagnostic& diagnostic) {
      messages += diagnostic.str() + "\n";
      return mlir::success();
    });
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module) << messages;
  }

  llvm::Expected<llvm::SmallVector<RuntimeValue>> run(llvm::ArrayRef<RuntimeValue> arguments,
                                                      llvm::ArrayRef<int32_t> slots = {0}) {
    llvm::Expected<Interpreter> interpreter =
        Interpreter::create(*module->getOps<mlir::func::FuncOp>().begin(), store);
    if (!interpreter)
      return interpreter.takeError();
    return interpreter->run(arguments, slots);
  }

  // The float results one after another; a failure of the test and nothing where the run fails.
  std::vector<std::vector<float>> floatsOf(llvm::ArrayRef<RuntimeValue> arguments,
                                           llvm::ArrayRef<int32_t> slots = {0}) {
    auto results = run(arguments, slots);
    std::vector<std::vector<float>> all;
    if (!results) {
      ADD_FAILURE() << llvm::toString(results.takeError());
      return all;
    }
    for (const RuntimeValue& result : *results)
      if (const auto* tensor = std::get_if<TensorPtr>(&result))
        all.push_back((*tensor)->data);
    return all;
  }

  std::string errorOf(llvm::ArrayRef<RuntimeValue> arguments, llvm::ArrayRef<int32_t> slots = {0}) {
    auto results = run(arguments, slots);
    return results ? "" : llvm::toString(results.takeError());
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string messages;
  NamedWeights weights;
  WeightStore store;
};

inline void expectNear(const std::vector<float>& found, const std::vector<float>& wanted, double tolerance) {
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i)
    EXPECT_NEAR(found[i], wanted[i], tolerance) << "element " << i;
}

} // namespace r1::interpret::test
