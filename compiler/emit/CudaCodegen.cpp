#include "compiler/emit/CudaCodegen.h"

#include "compiler/emit/HostCompiler.h"
#include "compiler/emit/Interrupt.h"
#include "compiler/emit/KernelCache.h"
#include "compiler/emit/Nvrtc.h"
#include "compiler/emit/Progress.h"
#include "compiler/emit/TextFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

namespace r1 {
namespace {

constexpr uint64_t kCodeAlignment = 64;

// One compiler for all kernels of a target.
class Backend {
public:
  static llvm::Expected<Backend> open(const GpuTarget& target, llvm::ArrayRef<kernels::SourceFile> headers) {
    Backend backend(target, headers);
    // PTX must suit every later chip, so it uses what the one with the least has.
    int instructions = target.code == GpuCode::Ptx ? target.scheduleChip : target.chip;
    backend.common = {"-DR1_SM=" + std::to_string(instructions),
                      "-DR1_SM_A=" + std::to_string(target.specific)};
    if (target.code == GpuCode::Host) {
      auto host = HostCompiler::open(headers);
      if (!host)
        return host.takeError();
      backend.host.emplace(std::move(*host));
      backend.compilerName = backend.host->version();
      for (const char* flag :
           {"-std=c++20", "-O2", "-w", "-fPIC", "-shared", "-DR1_SIMT", "-fno-strict-aliasing",
            "-ffp-contract=off", "-fvisibility=hidden", "-fno-ident"})
        backend.common.push_back(flag);
      return std::move(backend);
    }
    auto nvrtc = Nvrtc::open();
    if (!nvrtc)
      return nvrtc.takeError();
    if (llvm::Error error = (*nvrtc)->checkChip(target.chip))
      return std::move(error);
    backend.nvrtc = *nvrtc;
    backend.compilerName = "NVRTC " + backend.nvrtc->version();
    // PTX comes with a cubin of the same capability, whose facts it has.
    std::string arch = target.code == GpuCode::Ptx ? "sm_" + std::to_string(target.chip) : target.processor;
    for (const std::string& flag : {"--gpu-architecture=" + arch, std::string("-std=c++20"),
                                    std::string("--ptxas-options=-v"), std::string("-default-device")})
      backend.common.push_back(flag);
    return std::move(backend);
  }

  const std::string& compiler() const { return compilerName; }

  // Everything the result depends on but the kernel's own text.
  std::string key() const {
    std::string text = compilerName + "\n" + llvm::join(common, "\n") + "\n" +
                       std::to_string(static_cast<int>(target.code)) + "\n";
    for (const kernels::SourceFile& header : headers)
      text += std::string(header.path) + "\n" + header.text;
    return text;
  }

  llvm::Expected<CompiledCode> compile(const std::string& source, const std::string& name) const {
    if (host) {
      auto image = host->compile(source, name, common);
      if (!image)
        return image.takeError();
      return CompiledCode{std::move(*image), "", ""};
    }
    auto cubin = nvrtc->compile(source, name + ".cu", headers, common, /*ptx=*/false);
    if (!cubin)
      return cubin.takeError();
    CompiledCode result{std::move(cubin->code), "", std::move(cubin->log)};
    if (target.code == GpuCode::Ptx) {
      auto ptx = nvrtc->compile(source, name + ".cu", headers, common, /*ptx=*/true);
      if (!ptx)
        return ptx.takeError();
      result.ptx = std::move(ptx->code);
    }
    return result;
  }

private:
  Backend(const GpuTarget& target, llvm::ArrayRef<kernels::SourceFile> headers)
      : target(target), headers(headers) {}
  GpuTarget target;
  llvm::ArrayRef<kernels::SourceFile> headers;
  std::shared_ptr<const Nvrtc> nvrtc;
  std::optional<HostCompiler> host;
  std::vector<std::string> common;
  std::string compilerName;
};

// Sources under <folder>/<processor>, headers under <folder>, so that `-I <folder>` compiles each.
llvm::Error dump(llvm::ArrayRef<CudaKernel> kernels, llvm::ArrayRef<std::string> sources,
                 llvm::ArrayRef<kernels::SourceFile> headers, const GpuTarget& target,
                 const std::string& folder) {
  for (auto [kernel, source] : llvm::zip(kernels, sources))
    if (llvm::Error error =
            writeTextFile(folder + "/" + target.processor + "/" + kernel.source.name + ".cu", source))
      return error;
  for (const kernels::SourceFile& header : headers)
    if (llvm::Error error = writeTextFile(folder + "/" + header.path, header.text))
      return error;
  return llvm::Error::success();
}

} // namespace

llvm::Expected<CudaImage> emitCudaImage(llvm::ArrayRef<CudaKernel> kernels, const GpuTarget& target,
                                        const CudaEmitOptions& options) {
  std::vector<std::string> sources;
  for (const CudaKernel& kernel : kernels) {
    auto source = cudaSource(kernel.source, kernel.use);
    if (!source)
      return source.takeError();
    sources.push_back(std::move(*source));
  }
  llvm::ArrayRef<kernels::SourceFile> headers = options.headers;
  if (headers.empty())
    headers = kernels::cuda_sources();
  if (!options.dumpFolder.empty())
    if (llvm::Error error = dump(kernels, sources, headers, target, options.dumpFolder))
      return std::move(error);
  CudaImage image;
  if (options.dumpOnly)
    return image;
  auto backend = Backend::open(target, headers);
  if (!backend)
    return backend.takeError();
  image.compiler = backend->compiler();
  KernelCache cache(options.cache, backend->key());

  struct Slot {
    CompiledCode code;
    CodeFacts facts;
  };
  std::vector<Slot> slots(kernels.size());
  std::mutex mutex;
  std::optional<llvm::Error> failure;
  std::atomic<size_t> next = 0;
  std::atomic<bool> stop = false;
  Progress progress("compiling kernels for " + target.name, kernels.size(), Progress::Unit::Items);
  auto one = [&](size_t i) -> llvm::Error {
    if (llvm::Error error = checkInterrupt())
      return error;
    const CudaKernel& kernel = kernels[i];
    Slot& slot = slots[i];
    std::optional<CompiledCode> known = cache.find(sources[i]);
    if (!known) {
      auto fresh = backend->compile(sources[i], kernel.source.name);
      if (!fresh)
        return fresh.takeError();
      cache.store(sources[i], *fresh);
      known = std::move(*fresh);
    }
    slot.code = std::move(*known);
    auto facts = readCodeFacts(slot.code.elf, kernel.source.name);
    if (!facts)
      return facts.takeError();
    slot.facts = *facts;
    std::vector<std::string> complaints = readAssemblerLog(slot.code.log, slot.facts);
    // PTX has no registers yet: what a stand-in of the same capability spills is told, but the driver decides for
    // the chip at hand.
    if (target.code == GpuCode::Ptx)
      complaints.clear();
    std::string problem =
        complaints.empty() ? overBudget(slot.facts, target) : "the assembler says: " + complaints[0];
    if (!problem.empty())
      return llvm::createStringError("kernel " + kernel.source.name + " for " + target.name + ": " + problem);
    return llvm::Error::success();
  };
  auto work = [&] {
    for (size_t i; !stop && (i = next++) < kernels.size();) {
      llvm::Error error = one(i);
      std::lock_guard lock(mutex);
      progress.advance(1);
      if (!error)
        continue;
      stop = true;
      if (failure)
        llvm::consumeError(std::move(error));
      else
        failure.emplace(std::move(error));
    }
  };
  std::vector<std::thread> threads;
  for (unsigned t = 1; t < std::min<size_t>(std::max(1u, options.jobs), kernels.size()); ++t)
    threads.emplace_back(work);
  work();
  for (std::thread& thread : threads)
    thread.join();
  if (failure)
    return std::move(*failure);

  llvm::StringMap<uint64_t> places;
  for (auto [kernel, slot] : llvm::zip(kernels, slots)) {
    const std::string& code = target.code == GpuCode::Ptx ? slot.code.ptx : slot.code.elf;
    auto [place, fresh] = places.try_emplace(code, llvm::alignTo(image.bytes.size(), kCodeAlignment));
    if (fresh) {
      image.bytes.resize(place->second);
      image.bytes += code;
    }
    image.kernels.push_back({kernel.source.name, place->second, code.size(), slot.facts});
  }
  return image;
}

} // namespace r1
