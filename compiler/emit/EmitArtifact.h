// The whole of phase `emit`: from planned modules to an artifact file.
#pragma once
#include "compiler/checkpoint/Checkpoint.h"
#include "compiler/emit/CpuCodegen.h"
#include "compiler/target/Target.h"
#include "mlir/IR/BuiltinOps.h"
#include "runtime/artifact/artifact_generated.h"

namespace r1 {

/// The plan of one machine and the targets that run it.
struct PlannedMachine {
  mlir::ModuleOp module;
  std::vector<Target> targets; // of the machine the module was planned for; at least one
};

/// Packed into the artifact; nowhere (shapes only, for benchmarks with random weights and for planning); or what the kernels read as
/// the checkpoint has it stays there, and the rest is packed.
enum class Weights { Pack, None, InPlace };

struct EmitRequest {
  std::string path; // of the artifact; empty: only the dumps are wanted
  std::vector<PlannedMachine> machines;
  Weights weights = Weights::Pack;
  uint32_t firstShard = 0; // of the checkpoint's files, among the inputs of the index's provenance
  unsigned jobs = 1;       // threads; the bytes do not depend on it
  std::string llvmFolder;  // CpuEmitOptions::dumpFolder, per target a folder below it
  std::string cudaFolder;  // CudaEmitOptions::dumpFolder
  std::string kernelCache; // CudaEmitOptions::cache
  // Everything of the index that code generation does not know: model, generation, text, provenance, remarks.
  artifact::ArtifactT index;
};

struct EmitReport {
  uint64_t fileBytes = 0, weightBytes = 0, inPlaceBytes = 0;
  std::vector<std::string> remainingCalls; // "kernel: callee"; empty unless something was not inlined
};

/// Generates code for every target, packs weights from `checkpoint` (machines whose plans want the same bytes share them) and writes the
/// artifact under its name, complete or not at all.
llvm::Expected<EmitReport> emitArtifact(const checkpoint::Checkpoint& checkpoint, EmitRequest request);

} // namespace r1
