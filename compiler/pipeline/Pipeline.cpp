#include "compiler/pipeline/Pipeline.h"

#include "compiler/optimize/Passes.h"
#include "compiler/plan/Passes.h"
#include "compiler/select/Passes.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace r1::pipeline {

llvm::StringRef nameOf(Phase phase) {
  constexpr llvm::StringLiteral names[] = {"import", "optimize", "select", "plan", "emit"};
  return names[static_cast<int>(phase)];
}

llvm::StringRef sentenceOf(Phase phase) {
  switch (phase) {
  case Phase::Import:
    return "reads configuration and tensor headers and builds the model in the r1 dialect";
  case Phase::Optimize:
    return "absorbs, rounds and fuses, from r1 to r1";
  case Phase::Select:
    return "chooses a kernel skeleton and a schedule for every operation, from r1 to kern";
  case Phase::Plan:
    return "places weights and activations and orders the launches, from kern to plan";
  case Phase::Emit:
    return "generates machine code, packs weights and writes the artifact";
  }
  return "";
}

std::optional<Phase> parsePhase(llvm::StringRef name) {
  for (Phase phase : kPhases)
    if (nameOf(phase) == name)
      return phase;
  return std::nullopt;
}

FusionChoice::FusionChoice() {
  for (const optimize::Fusion& fusion : optimize::fusions())
    if (!fusion.byDefault)
      off.insert(fusion.name);
}

llvm::Expected<FusionChoice> FusionChoice::parse(llvm::StringRef text) {
  FusionChoice choice;
  SmallVector<llvm::StringRef> items;
  text.split(items, ',', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef item : items) {
    item = item.trim();
    bool on = !item.consume_front("-");
    if (on)
      item.consume_front("+");
    bool found = false;
    for (const optimize::Fusion& fusion : optimize::fusions())
      if (item == "all" || item == fusion.name) {
        found = true;
        bool runs = on && (item != "all" || fusion.byDefault);
        runs ? (void)choice.off.erase(fusion.name) : (void)choice.off.insert(fusion.name);
      }
    if (!found) {
      std::string known = llvm::join(
          llvm::map_range(optimize::fusions(), [](const optimize::Fusion& f) { return f.name; }), ", ");
      return llvm::createStringError("--fusions: no fusion is called '" + item.str() + "'; there are " +
                                     known + ", and all");
    }
  }
  return choice;
}

std::string FusionChoice::text() const {
  std::string result;
  for (const optimize::Fusion& fusion : optimize::fusions())
    if (isOn(fusion.name) != fusion.byDefault)
      result += (result.empty() ? "" : ",") + std::string(fusion.byDefault ? "-" : "+") + fusion.name.str();
  return result;
}

void addPasses(Phase phase, OpPassManager& pm, const FusionChoice& fusions) {
  OpPassManager& functions = pm;
  auto add = [&](std::unique_ptr<Pass> pass) { functions.addNestedPass<func::FuncOp>(std::move(pass)); };
  switch (phase) {
  case Phase::Import:
  case Phase::Emit:
    return;
  case Phase::Optimize:
    for (const optimize::Fusion& fusion : optimize::fusions()) {
      // Rounding stands between what changes the graph's form and what groups it.
      if (fusion.name == "quantize-activations")
        add(optimize::createBf16Activations());
      if (fusions.isOn(fusion.name))
        add(fusion.create());
      else if (fusion.createOff)
        add(fusion.createOff());
    }
    add(createCSEPass());
    add(optimize::createVerifyOptimized());
    return;
  case Phase::Select:
    pm.addPass(select::createSplitDecode());
    add(select::createSelectKernels());
    add(createCSEPass());
    add(select::createVerifySelected());
    return;
  case Phase::Plan:
    pm.addPass(plan::createPlanLaunches());
    pm.addPass(plan::createVerifyPlanned());
    return;
  }
}

} // namespace r1::pipeline
