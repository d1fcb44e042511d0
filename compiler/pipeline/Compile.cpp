#include "compiler/pipeline/Compile.h"

#include "compiler/checkpoint/ExpectedTensors.h"
#include "compiler/checkpoint/GenerationConfig.h"
#include "compiler/emit/EmitArtifact.h"
#include "compiler/import/TextAssets.h"
#include "compiler/pipeline/Registration.h"
#include "compiler/pipeline/RemarkList.h"
#include "dialects/Plan/Plan.h"
#include "dialects/R1/R1.h"
#include "kernels/registry/cpu_abi.h"
#include "mlir/IR/AsmState.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <filesystem>

using namespace mlir;

namespace r1::pipeline {
namespace {

using checkpoint::Checkpoint;
using checkpoint::ModelConfig;

bool hasWeights(llvm::StringRef folder) {
  std::error_code code;
  for (llvm::sys::fs::directory_iterator it(folder, code), end; !code && it != end; it.increment(code))
    if (llvm::StringRef(it->path()).ends_with(".safetensors"))
      return true;
  return false;
}

llvm::Expected<Checkpoint> openCheckpoint(const CompileOptions& options, const ModelConfig& config) {
  if (options.weights == Weights::None && !hasWeights(options.folder))
    return checkpoint::declaredCheckpoint(config);
  return Checkpoint::open(options.folder);
}

/// The folder as the artifact's own folder sees it, so that both may move together.
std::string pathFrom(const std::string& artifact, const std::string& folder) {
  namespace fs = std::filesystem;
  fs::path to = fs::absolute(folder).lexically_normal(),
           from = fs::absolute(artifact).lexically_normal().parent_path();
  fs::path path = to.lexically_relative(from);
  if (path.filename().empty()) // of "model/"
    path = path.parent_path();
  return path.string();
}

/// The first diagnostic of a phase as an error of one line; passes rarely fail for one operation alone.
class Diagnostics {
public:
  explicit Diagnostics(MLIRContext& context)
      : handler(&context, [this](Diagnostic& diagnostic) {
          if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
            std::string where;
            llvm::raw_string_ostream stream(where);
            diagnostic.getLocation().print(stream);
            if (count++ == 0)
              text = where + ": " + diagnostic.str();
          }
          return success();
        }) {}
  llvm::Error take(Phase phase) {
    std::string more = count > 1 ? " (and " + std::to_string(count - 1) + " more like it)" : "";
    return llvm::createStringError("phase " + nameOf(phase).str() +
                                   " failed: " + (text.empty() ? "no diagnostic" : text) + more);
  }

private:
  std::string text;
  int count = 0;
  ScopedDiagnosticHandler handler;
};

void print(ModuleOp module, llvm::raw_ostream& stream) {
  module.print(stream, OpPrintingFlags().elideLargeElementsAttrs(64));
  stream << "\n";
}

// One module a machine, between them the line that mlir-opt --split-input-file looks for.
llvm::Error writeModules(llvm::ArrayRef<PlannedMachine> machines, const std::string& path) {
  bool toFile = !path.empty() && path != "-";
  std::string text;
  llvm::raw_string_ostream out(text);
  for (const PlannedMachine& machine : machines) {
    if (&machine != machines.begin())
      out << "// -----\n";
    ModuleOp module = machine.module;
    if (toFile)
      module.print(out);
    else
      module.print(out, OpPrintingFlags().elideLargeElementsAttrs(64));
    out << "\n";
  }
  if (!toFile) {
    llvm::outs() << text;
    return llvm::Error::success();
  }
  std::error_code code;
  llvm::raw_fd_ostream stream(path, code);
  if (code)
    return llvm::createStringError("cannot write '" + path + "': " + code.message());
  stream << text;
  stream.close();
  if (stream.has_error()) {
    std::string message = stream.error().message();
    stream.clear_error();
    llvm::sys::fs::remove(path);
    return llvm::createStringError("cannot write '" + path + "': " + message);
  }
  return llvm::Error::success();
}

uint64_t countParameters(const ModelConfig& config, uint64_t& active) {
  uint64_t total = 0;
  active = 0;
  for (const checkpoint::ExpectedTensor& tensor : checkpoint::expectedTensors(config)) {
    if (tensor.mtp || tensor.kind == checkpoint::TensorKind::Scale)
      continue;
    uint64_t elements = 1;
    for (int64_t extent : tensor.shape)
      elements *= extent;
    total += elements;
    bool expert = tensor.name.find(".mlp.experts.") != std::string::npos;
    bool table =
        tensor.name == "model.embed_tokens.weight" && !config.tieWordEmbeddings; // one row of it is read
    if (!table)
      active += expert ? elements * config.topK / config.routedExperts : elements;
  }
  return total;
}

std::unique_ptr<artifact::InputFileT> inputFile(const std::string& name, llvm::StringRef bytes) {
  auto input = std::make_unique<artifact::InputFileT>();
  input->name = name;
  input->bytes = bytes.size();
  checkpoint::Hash hash = checkpoint::blake2b({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  input->hash = std::make_unique<artifact::Hash>(flatbuffers::span<const uint8_t, 32>(hash.data(), 32));
  return input;
}

/// What the artifact's index says beyond code and weights.
llvm::Expected<artifact::ArtifactT> describe(const CompileOptions& options, const ModelConfig& config,
                                             const Checkpoint& checkpoint, const FusionChoice& fusions,
                                             const std::vector<Target>& targets, const RemarkList& remarks) {
  artifact::ArtifactT index;
  index.model = std::make_unique<artifact::ModelT>();
  artifact::ModelT& model = *index.model;
  llvm::SmallString<256> real;
  llvm::sys::fs::real_path(options.folder, real);
  model.name = llvm::sys::path::filename(real).str();
  model.model_type = checkpoint::nameOf(config.type).str();
  model.hidden_size = config.hiddenSize;
  model.layers = config.numLayers;
  model.vocab_size = config.vocabSize;
  model.logits_stride = (config.vocabSize + 15) / 16 * 16;
  model.max_context = options.limits.maxContext;
  model.max_batch = options.limits.maxBatch;
  model.prefill_chunk = options.limits.prefillChunk;
  model.page_tokens = kernels::kPageTokens;
  model.cache_layers = config.numLayers;
  model.cache_page_bytes = kernels::kPageTokens * (config.kvLoraRank + config.qkRopeHeadDim) * 2;
  model.parameters = countParameters(config, model.active_parameters);

  auto generation = checkpoint::GenerationConfig::load(options.folder, config);
  if (!generation)
    return generation.takeError();
  index.generation = std::make_unique<artifact::GenerationT>();
  index.generation->bos_token = generation->bos.value_or(-1);
  index.generation->eos_tokens.assign(generation->eos.begin(), generation->eos.end());
  index.generation->temperature = generation->temperature;
  index.generation->top_p = generation->topP;
  index.generation->top_k = generation->topK;
  index.generation->do_sample = generation->sample;

  auto sources = compiler::readTextSources(options.folder);
  if (!sources)
    return sources.takeError();
  auto text = compiler::compileText(*sources);
  if (!text)
    return text.takeError();
  index.text = std::move(*text);

  index.provenance = std::make_unique<artifact::ProvenanceT>();
  artifact::ProvenanceT& provenance = *index.provenance;
  provenance.tool = R1C_VERSION;
  for (const Target& target : targets)
    provenance.flags.push_back("--target=" + target.reproducibleName());
  provenance.flags.push_back(std::string("--weights=") + (options.weights == Weights::Pack   ? "pack"
                                                          : options.weights == Weights::None ? "none"
                                                                                             : "in-place"));
  if (std::string off = fusions.text(); !off.empty())
    provenance.flags.push_back("--fusions=" + off);
  provenance.flags.push_back("--max-context=" + std::to_string(options.limits.maxContext));
  provenance.flags.push_back("--max-batch=" + std::to_string(options.limits.maxBatch));
  provenance.flags.push_back("--prefill-chunk=" + std::to_string(options.limits.prefillChunk));
  for (const char* name : {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
                           "chat_template.jinja"})
    if (auto buffer = llvm::MemoryBuffer::getFile(options.folder + "/" + name))
      provenance.inputs.push_back(inputFile(name, (*buffer)->getBuffer()));
  for (const checkpoint::ShardFile& shard : checkpoint.files()) {
    auto input = std::make_unique<artifact::InputFileT>();
    input->name = shard.name;
    input->bytes = shard.dataBytes;
    input->hash =
        std::make_unique<artifact::Hash>(flatbuffers::span<const uint8_t, 32>(shard.headerHash.data(), 32));
    provenance.inputs.push_back(std::move(input));
  }
  index.remarks = remarks.describe();
  return index;
}

llvm::Error runPhase(Phase phase, ModuleOp module, const FusionChoice& fusions, Diagnostics& diagnostics) {
  PassManager pm(module.getContext());
  addPasses(phase, pm, fusions);
  if (failed(pm.run(module)))
    return diagnostics.take(phase);
  return llvm::Error::success();
}

} // namespace

llvm::Expected<CompileReport> compile(const CompileOptions& options) {
  CompileReport report;
  auto config = ModelConfig::load(options.folder);
  if (!config)
    return config.takeError();
  llvm::append_range(report.notes, config->notes);
  auto fusions = FusionChoice::parse(options.fusions);
  if (!fusions)
    return fusions.takeError();
  std::vector<Target> targets;
  for (const std::string& name : options.targets) {
    auto target = parseTarget(name);
    if (!target)
      return target.takeError();
    if (llvm::any_of(targets, [&](const Target& known) { return known.name() == target->name(); }))
      return llvm::createStringError("--target names '" + name + "' twice; name each target once");
    targets.push_back(std::move(*target));
  }
  auto checkpoint = openCheckpoint(options, *config);
  if (!checkpoint)
    return checkpoint.takeError();
  llvm::append_range(report.notes, checkpoint->notes());
  checkpoint::TensorCheck check = checkpoint::checkTensors(*config, *checkpoint);
  if (llvm::Error error = check.takeError())
    return std::move(error);
  llvm::append_range(report.notes, check.notes);

  DialectRegistry registry;
  registerDialects(registry);
  registerCpuEmitDialects(registry);
  MLIRContext context(
      registry, MLIRContext::Threading::DISABLED); // remarks come in one order; passes take milliseconds
  RemarkList remarks(context, options.printRemarks);
  Diagnostics diagnostics(context);
  auto imported = import::importModel(context, *config, *checkpoint, options.limits, check.hasMtp);
  if (!imported)
    return imported.takeError();
  // One plan for each kind of machine and, of GPUs, for chips with the same schedules; its targets differ in code alone.
  std::vector<OwningOpRef<ModuleOp>> modules;
  EmitRequest request;
  llvm::MapVector<int, std::vector<Target>> groups;
  for (const Target& target : targets)
    groups[target.scheduleChip()].push_back(target);
  if (targets.empty())
    groups[0];
  for (auto& [chip, own] : groups) {
    modules.emplace_back(imported->get().clone());
    setMachine(modules.back().get(), chip ? Machine::Cuda : Machine::Cpu, chip);
    request.machines.push_back({modules.back().get(), std::move(own)});
  }
  bool stopped = false;
  for (Phase phase : kPhases) {
    if (phase == Phase::Emit || stopped)
      break;
    for (const PlannedMachine& machine : request.machines) {
      if (llvm::Error error = runPhase(phase, machine.module, *fusions, diagnostics))
        return std::move(error);
      if (llvm::is_contained(options.dumpAfter, phase)) {
        llvm::errs() << "// after phase " << nameOf(phase) << "\n";
        print(machine.module, llvm::errs());
      }
    }
    stopped = options.stopAfter == phase;
  }
  if (stopped) {
    if (llvm::Error error = writeModules(request.machines, options.output))
      return std::move(error);
    return report;
  }
  for (const PlannedMachine& machine : request.machines) {
    ModuleOp module = machine.module;
    report.kernels += llvm::range_size(module.getOps<plan::KernelOp>());
    module.walk([&](plan::LaunchOp) { ++report.launches; });
  }

  auto index = describe(options, *config, *checkpoint, *fusions, targets, remarks);
  if (!index)
    return index.takeError();
  request.path = options.output;
  request.weights = options.weights;
  request.firstShard = index->provenance->inputs.size() - checkpoint->files().size();
  if (options.weights == Weights::InPlace)
    index->checkpoint = pathFrom(options.output, options.folder);
  request.jobs = options.jobs;
  request.llvmFolder = options.emitLlvm;
  request.cudaFolder = options.emitCuda;
  request.kernelCache = options.kernelCache;
  request.index = std::move(*index);
  auto emitted = emitArtifact(*checkpoint, std::move(request));
  if (!emitted)
    return emitted.takeError();
  report.fileBytes = emitted->fileBytes;
  report.weightBytes = emitted->weightBytes;
  report.inPlaceBytes = emitted->inPlaceBytes;
  for (const std::string& call : emitted->remainingCalls)
    report.notes.push_back("not inlined: " + call);
  return report;
}

} // namespace r1::pipeline
