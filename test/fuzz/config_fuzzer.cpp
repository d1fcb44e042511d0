// Any text is either refused or a configuration whose derived sizes, tensors and numbers are sound.
#include "compiler/checkpoint/ExpectedTensors.h"
#include "compiler/checkpoint/GenerationConfig.h"
#include "compiler/checkpoint/Rotary.h"
#include <cmath>
#include <cstdlib>

using namespace r1::checkpoint;

namespace {

void require(bool condition) {
  if (!condition)
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char*>(data), size);
  auto config = ModelConfig::parse(text, "fuzz.json");
  ModelConfig model;
  if (config)
    model = *config;
  else
    require(!llvm::toString(config.takeError()).empty());
  auto generation = GenerationConfig::parse(text, "fuzz.json", model);
  if (generation)
    require(generation->topP > 0 && generation->temperature >= 0 && generation->topK >= 0);
  else
    require(!llvm::toString(generation.takeError()).empty());
  if (model.numLayers == 0)
    return 0;
  require(std::isfinite(softmaxScale(model)) && softmaxScale(model) > 0);
  require(std::isfinite(cosSinFactor(model)) && cosSinFactor(model) > 0);
  for (float frequency : inverseFrequencies(model))
    require(std::isfinite(frequency) && frequency >= 0);
  require(model.routedExperts == 0 || model.topK <= model.topKGroups * (model.routedExperts / model.groups));
  // Long lists are only slow, not wrong.
  if ((model.numLayers + model.mtpLayers) * (model.routedExperts + 8) > 2000)
    return 0;
  Checkpoint declared = declaredCheckpoint(model);
  for (const TensorInfo& tensor : declared.tensors())
    require(tensor.elements() > 0);
  return 0;
}
