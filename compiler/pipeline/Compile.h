// `r1c compile` as a function: a checkpoint folder in, an artifact (or the module after a phase) out.
#pragma once
#include "compiler/emit/EmitArtifact.h"
#include "compiler/import/ImportModel.h"
#include "compiler/pipeline/Pipeline.h"
#include "llvm/Support/raw_ostream.h"

namespace r1::pipeline {

struct CompileOptions {
  std::string folder;
  std::vector<std::string>
      targets; // "cpu:native", "sm_90a", ...; none where only modules are wanted: a CPU's
  std::string
      output; // of the artifact, or of the modules with stopAfter ("" or "-": standard output); "" with emitLlvm or
              // emitCuda: no artifact
  Weights weights = Weights::Pack;
  std::string fusions; // FusionChoice::parse
  import::StepLimits limits;
  unsigned jobs = 1;
  std::optional<Phase> stopAfter;
  std::vector<Phase> dumpAfter; // modules to standard error
  std::string emitLlvm;         // folder for the optimised LLVM IR of every CPU kernel
  std::string emitCuda;         // folder for the CUDA C++ of every GPU kernel
  std::string kernelCache;      // CudaEmitOptions::cache
  bool printRemarks = false;    // to standard error, as they come
};

struct CompileReport {
  uint64_t fileBytes = 0, weightBytes = 0, inPlaceBytes = 0;
  size_t kernels = 0, launches = 0;
  std::vector<std::string> notes; // worth knowing, stopped nothing
};

/// Compiles. An error is one line (or a few, one per problem) with cause and cure.
llvm::Expected<CompileReport> compile(const CompileOptions& options);

} // namespace r1::pipeline
