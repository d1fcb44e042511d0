#include "compiler/target/CpuTarget.h"
#include "kernels/registry/registry.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/X86TargetParser.h"
#include <limits>

namespace r1 {
namespace {

// The extensions that LLVM chooses instructions from on its own or that kernels use by name. Others a
// processor has (AES, SGX, transactional memory, APX's extra registers) stay off, so that an image never
// needs more than it gains from.
constexpr llvm::StringLiteral kCodegenFeatures[] = {
    "amx-bf16",     "amx-int8",   "amx-tile",    "avx",      "avx2",       "avx512bf16",
    "avx512bitalg", "avx512bw",   "avx512cd",    "avx512dq", "avx512f",    "avx512fp16",
    "avx512ifma",   "avx512vbmi", "avx512vbmi2", "avx512vl", "avx512vnni", "avx512vpopcntdq",
    "avxvnni",      "bmi",        "bmi2",        "f16c",     "fma",        "gfni",
    "lzcnt",        "movbe",      "popcnt",      "prfchw",   "sse3",       "sse4.1",
    "sse4.2",       "ssse3"};

llvm::Error unknownProcessor(llvm::StringRef name) {
  llvm::SmallVector<llvm::StringRef> known;
  llvm::X86::fillValidCPUArchList(known, /*Only64Bit=*/true);
  llvm::StringRef best;
  unsigned bestDistance = std::numeric_limits<unsigned>::max();
  for (llvm::StringRef candidate : known) {
    unsigned distance = name.edit_distance(candidate, /*AllowReplacements=*/true, bestDistance);
    if (distance < bestDistance)
      best = candidate, bestDistance = distance;
  }
  return llvm::createStringError("target cpu:" + name + ": no such processor; did you mean cpu:" + best +
                                 "? (also cpu:native, cpu:x86-64-v3, cpu:x86-64-v4)");
}

} // namespace

std::string CpuTarget::llvmFeatures() const {
  return llvm::join(llvm::map_range(features, [](const std::string& f) { return "+" + f; }), ",");
}

std::string CpuTarget::reproducibleName() const {
  return "cpu:" + processor + " (" + isaLevel + "; " + llvm::join(features, " ") + ")";
}

llvm::Expected<CpuTarget> parseCpuTarget(llvm::StringRef name) {
  llvm::StringRef processor = name;
  if (!processor.consume_front("cpu:") || processor.empty())
    return llvm::createStringError("target '" + name +
                                   "': expected cpu:<processor>, for instance cpu:native");

  CpuTarget target;
  target.name = name.str();
  llvm::StringMap<bool> available;
  if (processor == "native") {
    // A hypervisor may hide what the processor's name promises (AMX above all): the name is only good for
    // tuning.
    target.processor = llvm::sys::getHostCPUName().str();
    available = llvm::sys::getHostCPUFeatures();
  } else {
    if (llvm::X86::parseArchX86(processor, /*Only64Bit=*/true) == llvm::X86::CK_None)
      return unknownProcessor(processor);
    target.processor = processor.str();
    llvm::SmallVector<llvm::StringRef> listed; // the strongest of each kind; they imply the others
    llvm::X86::getFeaturesForCPU(processor, listed);
    for (llvm::StringRef feature : listed) {
      available[feature] = true;
      llvm::X86::updateImpliedFeatures(feature, /*Enabled=*/true, available);
    }
  }
  for (llvm::StringRef feature : kCodegenFeatures)
    if (available.lookup(feature))
      target.features.push_back(feature.str());

  std::string missing;
  for (const kernels::IsaLevel& level : kernels::isa_levels()) {
    std::string lacking;
    for (std::string_view feature : level.features)
      if (!llvm::is_contained(target.features, feature))
        lacking += " " + std::string(feature);
    if (lacking.empty())
      target.isaLevel = level.name;
    else if (missing.empty())
      missing = lacking;
  }
  if (target.isaLevel.empty())
    return llvm::createStringError("target " + name + " (" + target.processor + ") lacks" + missing +
                                   ": r1c's weakest CPU code needs " +
                                   std::string(kernels::isa_levels().front().name));
  return target;
}

} // namespace r1
