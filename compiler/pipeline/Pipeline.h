// The order of passes, in the only place that knows it.
#pragma once
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Error.h"
#include <array>
#include <optional>

namespace r1::pipeline {

/// Phases of a compile. --stop-after and --dump-after take their names.
enum class Phase { Import, Optimize, Select, Plan, Emit };
inline constexpr std::array<Phase, 5> kPhases = {Phase::Import, Phase::Optimize, Phase::Select, Phase::Plan,
                                                 Phase::Emit};

llvm::StringRef nameOf(Phase phase);
/// What the phase does, in one sentence.
llvm::StringRef sentenceOf(Phase phase);
std::optional<Phase> parsePhase(llvm::StringRef name);

/// Which fusions run: those that do by default, but for what is switched.
class FusionChoice {
public:
  FusionChoice();
  /// "+name,-name,+all,-all", left to right, starting from the default, which +all restores; -all is none. Fails on a name that no fusion has, listing those that exist.
  static llvm::Expected<FusionChoice> parse(llvm::StringRef text);
  bool isOn(llvm::StringRef fusion) const { return !off.contains(fusion); }
  /// Canonical text: what differs from the default, in pipeline order, "-a,+b"; empty where nothing does.
  std::string text() const;

private:
  llvm::StringSet<> off;
};

/// Appends the passes of `phase`, its verifier last. Import and Emit are not pass pipelines and add nothing.
void addPasses(Phase phase, mlir::OpPassManager& pm, const FusionChoice& fusions);

} // namespace r1::pipeline
