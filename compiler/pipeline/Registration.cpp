#include "compiler/pipeline/Registration.h"

#include "compiler/optimize/Passes.h"
#include "compiler/pipeline/Pipeline.h"
#include "compiler/plan/Passes.h"
#include "compiler/select/Passes.h"
#include "mlir/Transforms/Passes.h"

namespace r1::pipeline {

void registerDialects(mlir::DialectRegistry& registry) {
  registry.insert<ir::R1Dialect, kern::KernDialect, plan::PlanDialect, mlir::func::FuncDialect,
                  mlir::arith::ArithDialect, mlir::math::MathDialect>();
}

void registerPasses() {
  optimize::registerOptimizePasses();
  select::registerSelectPasses();
  plan::registerPlanPasses();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  mlir::registerSymbolDCEPass();
  for (Phase phase : {Phase::Optimize, Phase::Select, Phase::Plan})
    mlir::PassPipelineRegistration<>(
        "r1-" + std::string(nameOf(phase)), std::string(sentenceOf(phase)),
        [phase](mlir::OpPassManager& pm) { addPasses(phase, pm, FusionChoice()); });
}

} // namespace r1::pipeline
