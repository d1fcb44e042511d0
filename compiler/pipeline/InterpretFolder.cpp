#include "compiler/pipeline/InterpretFolder.h"

#include "compiler/checkpoint/ExpectedTensors.h"
#include "compiler/import/ImportModel.h"
#include "compiler/interpret/Logits.h"
#include "compiler/interpret/Npy.h"
#include "compiler/target/Target.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using llvm::Error;
using llvm::Expected;

namespace r1::pipeline {

Error interpretFolder(const InterpretOptions& options) {
  if (options.after != Phase::Import && options.after != Phase::Optimize)
    return checkpoint::fail("--after=" + nameOf(options.after) +
                            ": only the r1 dialect can be interpreted; choose import or optimize");
  int chip = 0;
  if (!options.target.empty()) {
    auto target = parseTarget(options.target);
    if (!target)
      return target.takeError();
    chip = target->scheduleChip();
  }
  Expected<std::vector<int32_t>> tokens = interpret::readTokens(options.tokens);
  if (!tokens)
    return tokens.takeError();
  Expected<checkpoint::ModelConfig> config = checkpoint::ModelConfig::load(options.folder);
  if (!config)
    return config.takeError();
  Expected<checkpoint::Checkpoint> weights = checkpoint::Checkpoint::open(options.folder);
  if (!weights)
    return weights.takeError();
  if (Error error = checkpoint::checkTensors(*config, *weights).takeError())
    return error;

  MLIRContext context;
  // Every position's logits are wanted, so the limits of a step are those of this run.
  import::StepLimits limits;
  limits.prefillChunk = options.chunk;
  Expected<OwningOpRef<ModuleOp>> module =
      import::importModel(context, *config, *weights, limits, /*withMtp=*/false);
  if (!module)
    return module.takeError();
  if (options.after == Phase::Optimize) {
    setMachine(**module, chip ? Machine::Cuda : Machine::Cpu, chip);
    PassManager passes(&context);
    addPasses(Phase::Optimize, passes, options.fusions);
    if (failed(passes.run(**module)))
      return checkpoint::fail("phase optimize failed on the imported module; this is a defect of r1c");
  }
  interpret::CheckpointWeights source(*weights);
  interpret::LogitsRequest request{std::move(*tokens), options.chunk, options.decodeFrom};
  Expected<interpret::Tensor> logits = interpret::interpretLogits(**module, source, request);
  if (!logits)
    return logits.takeError();
  return interpret::writeNpy(options.out, *logits);
}

} // namespace r1::pipeline
