// The whole of phase `emit`: from a planned module to an artifact file.
#pragma once
#include "compiler/checkpoint/Checkpoint.h"
#include "compiler/emit/CpuCodegen.h"
#include "mlir/IR/BuiltinOps.h"
#include "runtime/artifact/artifact_generated.h"

namespace r1 {

struct EmitRequest {
  std::string path;               // of the artifact
  std::vector<CpuTarget> targets; // at least one
  bool packWeights = true;        // false: shapes only, for benchmarks with random weights and for planning
  unsigned jobs = 1;              // threads; the bytes do not depend on it
  std::string dumpFolder;         // CpuEmitOptions::dumpFolder, per target a folder below it
  // Everything of the index that code generation does not know: model, generation, text, provenance, remarks.
  artifact::ArtifactT index;
};

struct EmitReport {
  uint64_t fileBytes = 0, weightBytes = 0;
  std::vector<std::string> remainingCalls; // "kernel: callee"; empty unless something was not inlined
};

/// Generates code for every target, packs weights from `checkpoint` and writes the artifact under its name, complete or not at all.
llvm::Expected<EmitReport> emitArtifact(mlir::ModuleOp planned, const checkpoint::Checkpoint& checkpoint,
                                        EmitRequest request);

} // namespace r1
