// r1c compile, r1c fusions
#include "compiler/pipeline/Compile.h"
#include "compiler/emit/CudaCodegen.h"
#include "compiler/optimize/Passes.h"
#include "tools/r1c/commands.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <thread>

namespace r1::tools {
namespace {

struct Flags {
  pipeline::CompileOptions options;
  std::string targets, weights = "pack", stopAfter, dumpAfter;
  std::vector<std::pair<std::string, std::string>> emit; // what, folder
};

int run(Flags& flags) {
  pipeline::CompileOptions& options = flags.options;
  auto usage = [](const std::string& text) {
    std::fprintf(stderr, "r1c: error: %s\n", text.c_str());
    return kBadCommandLine;
  };
  for (llvm::StringRef rest = flags.targets; !rest.empty();) {
    auto [item, tail] = rest.split(',');
    options.targets.push_back(item.trim().str());
    rest = tail;
  }
  std::string phases;
  for (pipeline::Phase phase : pipeline::kPhases)
    phases += (phases.empty() ? "" : ", ") + pipeline::nameOf(phase).str();
  if (!flags.stopAfter.empty()) {
    options.stopAfter = pipeline::parsePhase(flags.stopAfter);
    if (!options.stopAfter)
      return usage("--stop-after: no phase is called '" + flags.stopAfter + "'; there are " + phases);
  }
  for (llvm::StringRef rest = flags.dumpAfter; !rest.empty();) {
    auto [item, tail] = rest.split(',');
    rest = tail;
    if (item == "all") {
      options.dumpAfter.assign(pipeline::kPhases.begin(), pipeline::kPhases.end());
      continue;
    }
    auto phase = pipeline::parsePhase(item);
    if (!phase)
      return usage("--dump-after: no phase is called '" + item.str() + "'; there are " + phases +
                   ", and all");
    options.dumpAfter.push_back(*phase);
  }
  if (auto fusions = pipeline::FusionChoice::parse(options.fusions); !fusions)
    return usage(llvm::toString(fusions.takeError()));
  bool artifact = !options.stopAfter || *options.stopAfter == pipeline::Phase::Emit;
  for (const auto& [what, folder] : flags.emit)
    (what == "cuda" ? options.emitCuda : options.emitLlvm) = folder;
  if (artifact && options.targets.empty())
    return usage("--target is required: for instance --target cpu:native or --target sm_90a");
  artifact = artifact && !(options.output.empty() && !flags.emit.empty());
  if (artifact && options.output.empty())
    return usage("-o is required: the artifact's file name");
  options.weights = flags.weights == "none"       ? Weights::None
                    : flags.weights == "in-place" ? Weights::InPlace
                                                  : Weights::Pack;
  if (options.limits.maxContext % 64) {
    options.limits.maxContext += 64 - options.limits.maxContext % 64;
    std::fprintf(stderr, "r1c: note: --max-context rounded up to %lld, a whole number of 64-token pages\n",
                 static_cast<long long>(options.limits.maxContext));
  }

  auto start = std::chrono::steady_clock::now();
  auto report = pipeline::compile(options);
  if (!report) {
    std::fprintf(stderr, "r1c: error: %s\n", llvm::toString(report.takeError()).c_str());
    return kBadInput;
  }
  for (const std::string& note : report->notes)
    std::fprintf(stderr, "r1c: note: %s\n", note.c_str());
  if (artifact && options.weights == Weights::InPlace)
    std::fprintf(stderr,
                 "r1c: note: %.1f of %.1f MB of weights stay in %s, where the artifact looks for them%s\n",
                 report->inPlaceBytes / 1e6, report->weightBytes / 1e6, options.folder.c_str(),
                 report->inPlaceBytes ? "" : ": these targets read them in an order that it does not have");
  if (artifact) {
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::fprintf(stderr, "%s: %.1f MB, %zu kernels, %zu launches, in %.1f s\n", options.output.c_str(),
                 report->fileBytes / 1e6, report->kernels, report->launches, seconds);
  }
  return 0;
}

} // namespace

void addCompile(CLI::App& app, int& code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand("compile", "Compile a checkpoint folder into an artifact (.r1a)");
  pipeline::CompileOptions& o = flags->options;
  o.jobs = std::max(1u, std::thread::hardware_concurrency());
  command->add_option("folder", o.folder, "Hugging Face folder: config.json, *.safetensors, tokenizer.json")
      ->required();
  command->add_option(
      "--target", flags->targets,
      "Comma-separated: cpu:native, cpu:x86-64-v4, cpu:sapphirerapids, sm_80, sm_90a, sm_120a, ...; "
      "sim:sm_90a runs without a GPU, ptx:compute_90 on later ones");
  command->add_option("-o,--output", o.output, "The artifact; with --stop-after, the module's text");
  command
      ->add_option("--weights", flags->weights,
                   "pack: into the artifact; none: shapes only; in-place: what GPU kernels read as the "
                   "checkpoint has it "
                   "stays there, the rest is packed")
      ->check(CLI::IsMember({"pack", "none", "in-place"}))
      ->capture_default_str();
  command->add_option("--fusions", o.fusions, "+name,-name,+all,-all; `r1c fusions` lists them");
  command->add_option("--max-batch", o.limits.maxBatch, "Sequences decoded together")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--max-context", o.limits.maxContext, "Tokens of one sequence")
      ->check(CLI::Range(1, 1 << 22))
      ->capture_default_str();
  command
      ->add_option("--prefill-chunk", o.limits.prefillChunk,
                   "Prompt tokens computed together; more of them share what is read of the weights")
      ->check(CLI::Range(1, 8192))
      ->capture_default_str();
  command->add_option("--jobs", o.jobs, "Threads; the artifact does not depend on it")
      ->check(CLI::Range(1, 1024));
  command->add_option("--stop-after", flags->stopAfter,
                      "import, optimize, select, plan or emit: stop there and print the module");
  command->add_option("--dump-after", flags->dumpAfter,
                      "Phases (comma-separated) or all: print the module to standard error");
  command
      ->add_option(
          "--emit", flags->emit,
          "cuda DIR or llvm DIR: write every kernel's CUDA C++ or optimised LLVM IR there; needs no -o")
      ->check(CLI::IsMember({"cuda", "llvm"}).application_index(0));
  o.kernelCache = defaultKernelCache();
  command
      ->add_option("--kernel-cache", o.kernelCache, "Folder of compiled GPU kernels, by content; \"\": none")
      ->capture_default_str();
  command->add_flag("--remarks", o.printRemarks, "Print every fusion taken or refused, with its reason");
  command->callback([flags, &code] { code = run(*flags); });
}

void addFusions(CLI::App& app, int& code) {
  CLI::App* command = app.add_subcommand("fusions", "List the fusions that --fusions switches");
  command->callback([&code] {
    for (const optimize::Fusion& fusion : optimize::fusions())
      std::printf("%-20s %s\n", fusion.name.str().c_str(), fusion.summary.str().c_str());
    code = 0;
  });
}

} // namespace r1::tools
