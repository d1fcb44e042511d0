// Any target by its name: a CPU or a GPU, and which machine's plan it has.
#include "compiler/target/Target.h"
#include <gtest/gtest.h>

namespace r1 {
namespace {

Target parse(llvm::StringRef name) {
  llvm::Expected<Target> target = parseTarget(name);
  if (target)
    return *target;
  ADD_FAILURE() << llvm::toString(target.takeError());
  return {};
}

std::string errorOf(llvm::StringRef name) {
  llvm::Expected<Target> target = parseTarget(name);
  return target ? "" : llvm::toString(target.takeError());
}

TEST(Target, IsACpuOrAGpu) {
  Target cpu = parse("cpu:x86-64-v3");
  ASSERT_TRUE(cpu.cpu());
  EXPECT_FALSE(cpu.gpu());
  EXPECT_EQ(cpu.machine(), Machine::Cpu);
  EXPECT_EQ(cpu.scheduleChip(), 0);
  EXPECT_EQ(cpu.name(), "cpu:x86-64-v3");
  EXPECT_NE(cpu.reproducibleName().find("x86-64-v3"), std::string::npos);
  for (const char* name : {"sm_103a", "sim:sm_103a"}) {
    Target gpu = parse(name);
    ASSERT_TRUE(gpu.gpu()) << name;
    EXPECT_FALSE(gpu.cpu());
    EXPECT_EQ(gpu.machine(), Machine::Cuda);
    EXPECT_EQ(gpu.scheduleChip(), 100);
    EXPECT_EQ(gpu.name(), name);
    EXPECT_EQ(gpu.reproducibleName(), name);
  }
}

TEST(Target, AModuleSaysWhatItIsCompiledFor) {
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  mlir::OpBuilder builder = mlir::OpBuilder::atBlockEnd(module->getBody());
  mlir::Operation* inside = mlir::UnrealizedConversionCastOp::create(builder, builder.getUnknownLoc(),
                                                                     mlir::TypeRange{}, mlir::ValueRange{});
  EXPECT_EQ(machineOf(inside), Machine::Cpu);
  setMachine(*module, Machine::Cuda, 90);
  for (mlir::Operation* op : {inside, module->getOperation()}) {
    EXPECT_EQ(machineOf(op), Machine::Cuda);
    EXPECT_EQ(scheduleChipOf(op), 90);
  }
  setMachine(*module, Machine::Cpu, 0);
  EXPECT_EQ(machineOf(inside), Machine::Cpu);
}

TEST(Target, WrongNamesAreRefusedByWhoeverKnowsTheKind) {
  EXPECT_NE(errorOf("tpu").find("target 'tpu': expected cpu:<processor> (cpu:native), a GPU (sm_90a), "
                                "sim:<GPU> or ptx:<capability>"),
            std::string::npos)
      << errorOf("tpu");
  EXPECT_NE(errorOf("sm_91").find("there are sm_80"), std::string::npos);
  EXPECT_NE(errorOf("cpu:saphirerapids").find("did you mean"), std::string::npos);
  EXPECT_NE(errorOf("").find("expected cpu:"), std::string::npos);
}

} // namespace
} // namespace r1
