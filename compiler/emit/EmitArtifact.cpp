#include "compiler/emit/EmitArtifact.h"

#include "compiler/checkpoint/ExpectedTensors.h"
#include "compiler/emit/ArtifactWriter.h"
#include "compiler/emit/CheckpointTensors.h"
#include "compiler/emit/CudaCodegen.h"
#include "compiler/emit/Interrupt.h"
#include "dialects/Plan/Plan.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <array>
#include <map>

using namespace mlir;

namespace r1 {
namespace {

// Weights beyond this go to a file of their own beside the artifact, so that the artifact itself stays easy to move and inspect.
constexpr uint64_t kInlineWeights = uint64_t(16) << 30;

// No operation of a model, so the registry does not list it.
const kernels::Skeleton kFill = {"fill", "fill", {}, {}, 1, 1, nullptr, "Fill", "kernels/fill/cuda.h"};

/// Numbers that stand in the plan itself, such as rotary frequencies.
class LiteralReader : public TensorReader {
public:
  llvm::StringMap<llvm::ArrayRef<float>> values;
  llvm::Expected<SourceTensor> find(llvm::StringRef name) const override {
    auto it = values.find(name);
    if (it == values.end())
      return llvm::createStringError("literal '" + name.str() +
                                     "' is not in the plan; this is a defect of r1c");
    return SourceTensor{artifact::DataType::F32, {static_cast<int64_t>(it->second.size())}};
  }
  llvm::Error read(llvm::StringRef name, uint64_t offset, llvm::MutableArrayRef<uint8_t> out) const override {
    std::memcpy(out.data(), reinterpret_cast<const uint8_t*>(values.find(name)->second.data()) + offset,
                out.size());
    return llvm::Error::success();
  }
};

PackJob packJob(plan::TensorOp op) {
  PackJob job;
  job.name = op.getName().str();
  job.layout = layoutOf(op.getLayout());
  ArrayRef<int64_t> s = op.getShape();
  job.shape = {s[0], s[1], s[2], s[3]};
  job.type = layoutType(job.layout,
                        op.getElementType().isBF16() ? artifact::DataType::BF16 : artifact::DataType::F32);
  job.offset = op.getOffset();
  job.bytes = op.getBytes();
  job.randomScale = op.getRandomScale().convertToDouble();
  if (op.getValues()) {
    PackSource literal;
    literal.tensor = job.name;
    literal.rowEnd = 1;
    literal.colEnd = s[2];
    job.sources.push_back(literal);
  }
  for (auto source : op.getSources().getAsRange<kern::SourceAttr>())
    job.sources.push_back({source.getTensor().str(), source.getScale().str(), source.getRowBegin(),
                           source.getRowEnd(), source.getColBegin(), source.getColEnd(),
                           source.getTransposed(), source.getBatch(), source.getAccumulator(),
                           source.getDestRow()});
  return job;
}

// family__types__schedule of the plan becomes family__types__target__schedule.
std::string kernelName(StringRef planned, StringRef processor) {
  auto [family, rest] = planned.split("__");
  auto [types, schedule] = rest.split("__");
  std::string target = processor.str();
  for (char& c : target)
    if (!llvm::isAlnum(c))
      c = '_';
  return (family + "__" + types + "__" + target + "__" + schedule).str();
}

KernelSource kernelSource(plan::KernelOp op, StringRef processor) {
  KernelSource source;
  source.name = kernelName(op.getSymName(), processor);
  source.skeleton = kernels::find_skeleton({op.getSkeleton().data(), op.getSkeleton().size()});
  for (const kernels::ParamSpec& spec : source.skeleton->params) {
    Attribute value = op.getParams().get(StringRef(spec.name.data(), spec.name.size()));
    source.params.push_back(spec.is_double
                                ? llvm::bit_cast<int64_t>(cast<FloatAttr>(value).getValueAsDouble())
                                : cast<IntegerAttr>(value).getInt());
  }
  for (auto [index, region] : llvm::enumerate(op.getHoles())) {
    HoleSource hole;
    hole.body = &region;
    for (auto access : cast<ArrayAttr>(op.getReads()[index]).getAsRange<plan::AccessAttr>()) {
      Access kind = access.getKind() == "col"   ? Access::Col
                    : access.getKind() == "row" ? Access::Row
                                                : Access::RowCol;
      hole.operands.push_back({static_cast<unsigned>(access.getBuffer()), access.getType(), kind,
                               access.getRowStride(), access.getOffset()});
    }
    if (!source.skeleton->holes[index].writes_back)
      for (auto access : op.getWrites().getAsRange<plan::AccessAttr>())
        hole.results.push_back({static_cast<unsigned>(access.getBuffer()), access.getType(),
                                access.getRowStride(), access.getOffset()});
    source.holes.push_back(std::move(hole));
  }
  source.holes.resize(source.skeleton->holes.size());
  return source;
}

artifact::Space spaceOf(StringRef name) {
  return llvm::StringSwitch<artifact::Space>(name)
      .Case("arena", artifact::Space::Arena)
      .Case("segment", artifact::Space::Segment)
      .Case("io", artifact::Space::Io)
      .Default(artifact::Space::Cache);
}

std::unique_ptr<artifact::TensorMapT> describeMap(kern::TensorMapAttr map) {
  auto item = std::make_unique<artifact::TensorMapT>();
  item->argument = map.getArgument();
  item->type = map.getType().isF32()    ? artifact::DataType::F32
               : map.getType().isBF16() ? artifact::DataType::BF16
                                        : artifact::DataType::F8E4M3;
  item->extents.assign(map.getExtents().asArrayRef().begin(), map.getExtents().asArrayRef().end());
  item->strides.assign(map.getStrides().asArrayRef().begin(), map.getStrides().asArrayRef().end());
  item->box.assign(map.getBox().asArrayRef().begin(), map.getBox().asArrayRef().end());
  item->swizzle_bytes = map.getSwizzle();
  return item;
}

std::unique_ptr<artifact::EntryT> describeEntry(plan::EntryOp op,
                                                const llvm::StringMap<uint32_t>& kernelIndex) {
  auto entry = std::make_unique<artifact::EntryT>();
  entry->kind =
      op.getSymName().starts_with("prefill") ? artifact::EntryKind::Prefill : artifact::EntryKind::Decode;
  entry->max_tokens = op.getMaxTokens();
  entry->max_logit_rows = op.getMaxLogitRows();
  entry->arena_bytes = op.getArenaBytes();
  for (auto launch : op.getBody().front().getOps<plan::LaunchOp>()) {
    auto item = std::make_unique<artifact::LaunchT>();
    item->kernel = kernelIndex.lookup(launch.getKernel());
    for (auto argument : launch.getArguments().getAsRange<plan::ArgumentAttr>()) {
      item->arguments.emplace_back(spaceOf(argument.getSpace()), argument.getIndex(), argument.getOffset());
      entry->chooses |= spaceOf(argument.getSpace()) == artifact::Space::Io &&
                        argument.getIndex() == int64_t(artifact::IoSlot::Chosen);
    }
    ArrayRef<int64_t> grid = launch.getGrid();
    for (size_t i = 0; i < grid.size(); i += 2)
      item->grid.emplace_back(static_cast<artifact::Dim>(grid[i]), grid[i + 1]);
    if (auto maps = launch.getMaps())
      for (auto map : maps->getAsRange<kern::TensorMapAttr>())
        item->maps.push_back(describeMap(map));
    item->rows = static_cast<artifact::Dim>(launch.getRows());
    item->after = launch.getAfter();
    item->location = launch.getLocation().str();
    DictionaryAttr cost = launch.getCost();
    item->weight_bytes = cast<IntegerAttr>(cost.get("weight_bytes")).getInt();
    item->flops_per_token = cast<IntegerAttr>(cost.get("flops_per_token")).getInt();
    item->expert_fraction = cast<FloatAttr>(cost.get("expert_fraction")).getValueAsDouble();
    if (auto flops = cost.getAs<IntegerAttr>("flops_per_pair")) {
      item->flops_per_pair = flops.getInt();
      item->position_bytes = cast<IntegerAttr>(cost.get("position_bytes")).getInt();
    }
    entry->launches.push_back(std::move(item));
  }
  return entry;
}

std::vector<std::string> fusionsOf(plan::KernelOp op) {
  std::vector<std::string> names;
  for (Attribute fusion : op.getFusions())
    names.push_back(cast<StringAttr>(fusion).getValue().str());
  return names;
}

class Emitter {
public:
  // Without a writer only dumps are made.
  Emitter(const checkpoint::Checkpoint& checkpoint, EmitRequest& request, ArtifactWriter* writer,
          EmitReport& report)
      : checkpoint(checkpoint), request(request), writer(writer), report(report) {}

  llvm::Error emitImages(const PlannedMachine& machine);
  // `firstTarget`: of the machine, among those of the index.
  llvm::Error emitSegments(const PlannedMachine& machine, size_t firstTarget);

private:
  std::unique_ptr<artifact::TargetT> describe(const PlannedMachine& machine, const Target& target);
  llvm::Error emitCpu(const PlannedMachine& machine, const CpuTarget& target, artifact::TargetT& description,
                      std::string& image);
  llvm::Error emitGpu(const PlannedMachine& machine, const GpuTarget& target, artifact::TargetT& description,
                      std::string& image);

  const checkpoint::Checkpoint& checkpoint;
  EmitRequest& request;
  ArtifactWriter* writer;
  EmitReport& report;
  std::map<std::string, std::array<uint32_t, 2>> segmentsOf; // by the text of a plan's tensors
};

std::unique_ptr<artifact::TargetT> Emitter::describe(const PlannedMachine& machine, const Target& target) {
  auto description = std::make_unique<artifact::TargetT>();
  ModuleOp module = machine.module;
  llvm::StringMap<uint32_t> kernelIndex;
  for (auto kernel : module.getOps<plan::KernelOp>()) {
    kernelIndex[kernel.getSymName()] = description->kernels.size();
    auto item = std::make_unique<artifact::KernelT>();
    StringRef processor = target.cpu() ? target.cpu()->processor : target.gpu()->processor;
    KernelSource source = kernelSource(kernel, processor);
    item->name = source.name;
    item->family = std::string(source.skeleton->family);
    if (target.cpu() && source.skeleton->scratch_bytes)
      item->scratch_bytes = source.skeleton->scratch_bytes(source.params.data());
    item->remark = llvm::join(fusionsOf(kernel), ", ");
    description->kernels.push_back(std::move(item));
  }
  description->name = target.name();
  for (auto entry : module.getOps<plan::EntryOp>())
    description->entries.push_back(describeEntry(entry, kernelIndex));
  return description;
}

llvm::Error Emitter::emitCpu(const PlannedMachine& machine, const CpuTarget& target,
                             artifact::TargetT& description, std::string& image) {
  ModuleOp module = machine.module;
  std::vector<KernelSource> sources;
  for (auto kernel : module.getOps<plan::KernelOp>())
    sources.push_back(kernelSource(kernel, target.processor));
  CpuEmitOptions options;
  options.jobs = request.jobs;
  if (!request.llvmFolder.empty()) {
    options.dumpFolder = request.llvmFolder + "/" + target.processor;
    if (std::error_code code = llvm::sys::fs::create_directories(options.dumpFolder))
      return llvm::createStringError("cannot create folder '" + options.dumpFolder + "': " + code.message());
  }
  std::vector<CpuKernelReport> kernelReports;
  llvm::Expected<std::string> bytes = emitCpuImage(sources, target, options, &kernelReports);
  if (!bytes)
    return bytes.takeError();
  for (const CpuKernelReport& kernel : kernelReports)
    for (const std::string& call : kernel.remainingCalls)
      report.remainingCalls.push_back(kernel.name + ": " + call);
  description.processor = target.processor;
  description.device = artifact::Device::Cpu;
  description.features = target.features;
  image = std::move(*bytes);
  return llvm::Error::success();
}

llvm::Error Emitter::emitGpu(const PlannedMachine& machine, const GpuTarget& target,
                             artifact::TargetT& description, std::string& image) {
  ModuleOp module = machine.module;
  llvm::StringMap<KernelUse> uses;
  for (auto entry : module.getOps<plan::EntryOp>())
    for (auto launch : entry.getBody().front().getOps<plan::LaunchOp>()) {
      KernelUse& use = uses[launch.getKernel()];
      DictionaryAttr cost = launch.getCost();
      if (use.launches++ == 0) {
        use.location = launch.getLocation().str();
        use.weightBytes = cast<IntegerAttr>(cost.get("weight_bytes")).getInt();
        use.flopsPerToken = cast<IntegerAttr>(cost.get("flops_per_token")).getInt();
        use.expertFraction = cast<FloatAttr>(cost.get("expert_fraction")).getValueAsDouble();
      }
      use.maxRows = std::max<int64_t>(use.maxRows, entry.getMaxTokens());
    }
  std::vector<CudaKernel> kernels;
  for (auto kernel : module.getOps<plan::KernelOp>()) {
    KernelUse use = uses.lookup(kernel.getSymName());
    use.fusions = fusionsOf(kernel);
    kernels.push_back({kernelSource(kernel, target.processor), std::move(use)});
  }
  // Random weights are made where they are needed.
  CudaKernel fill;
  fill.source.skeleton = &kFill;
  fill.source.name = kernelName("fill__any__random", target.processor);
  fill.use.location = "the weights, before the first step of a benchmark";
  description.fill_kernel = kernels.size();
  auto item = std::make_unique<artifact::KernelT>();
  item->name = fill.source.name;
  item->family = "fill";
  description.kernels.push_back(std::move(item));
  kernels.push_back(std::move(fill));

  CudaEmitOptions options;
  options.jobs = request.jobs;
  options.cache = request.kernelCache;
  options.dumpFolder = request.cudaFolder;
  options.dumpOnly = !writer;
  llvm::Expected<CudaImage> made = emitCudaImage(kernels, target, options);
  if (!made)
    return made.takeError();
  for (auto [kernel, compiled] : llvm::zip(description.kernels, made->kernels)) {
    kernel->symbol = compiled.symbol;
    kernel->code_offset = compiled.offset;
    kernel->code_bytes = compiled.bytes;
    kernel->threads = compiled.facts.threads;
    kernel->shared_bytes = compiled.facts.sharedBytes;
    kernel->static_shared_bytes = compiled.facts.staticSharedBytes;
    kernel->registers = compiled.facts.registers;
    kernel->stack_bytes = compiled.facts.stackBytes;
    kernel->spill_bytes = compiled.facts.spillBytes;
  }
  description.processor = target.processor;
  description.device = target.code == GpuCode::Host ? artifact::Device::Sim : artifact::Device::Cuda;
  image = std::move(made->bytes);
  return llvm::Error::success();
}

llvm::Error Emitter::emitImages(const PlannedMachine& machine) {
  for (const Target& target : machine.targets) {
    std::unique_ptr<artifact::TargetT> description = describe(machine, target);
    std::string image;
    if (llvm::Error error = target.cpu() ? emitCpu(machine, *target.cpu(), *description, image)
                                         : emitGpu(machine, *target.gpu(), *description, image))
      return error;
    if (llvm::Error error = checkInterrupt())
      return error;
    if (writer) {
      llvm::Expected<artifact::SectionT> section = writer->addImage(image);
      if (!section)
        return section.takeError();
      description->image = std::make_unique<artifact::SectionT>(*section);
    }
    request.index.targets.push_back(std::move(description));
  }
  return llvm::Error::success();
}

llvm::Error Emitter::emitSegments(const PlannedMachine& machine, size_t firstTarget) {
  ModuleOp planned = machine.module;
  auto sizes = planned->getAttrOfType<DenseI64ArrayAttr>("plan.segment_bytes").asArrayRef();
  std::vector<PackJob> jobs[2];
  LiteralReader literals;
  std::string fingerprint;
  llvm::raw_string_ostream text(fingerprint);
  for (auto tensor : planned.getOps<plan::TensorOp>()) {
    jobs[tensor.getSegment()].push_back(packJob(tensor));
    if (tensor.getValues())
      literals.values[tensor.getName()] = *tensor.getValues();
    text << tensor->getAttrDictionary() << "\n";
  }
  auto [known, fresh] = segmentsOf.try_emplace(fingerprint);
  CheckpointTensors weights(checkpoint);
  for (int s : {0, 1}) {
    if (!fresh)
      break;
    uint32_t number = request.index.segments.size();
    known->second[s] = number;
    auto segment = std::make_unique<artifact::SegmentT>();
    segment->bytes = sizes[s];
    for (const PackJob& job : jobs[s])
      segment->tensors.push_back(std::make_unique<artifact::TensorT>(describeTensor(job, number)));
    const TensorReader& reader = s ? static_cast<const TensorReader&>(weights) : literals;
    if (s == 0 || request.weights != Weights::None) {
      std::vector<InPlace> pieces;
      if (request.weights == Weights::InPlace)
        pieces = inPlace(jobs[s], reader);
      uint64_t elsewhere = 0;
      for (const InPlace& piece : pieces)
        elsewhere += piece.bytes;
      report.inPlaceBytes += elsewhere;
      if (segment->bytes - elsewhere > kInlineWeights)
        segment->side_file = llvm::sys::path::filename(request.path).str() +
                             (number == 1 ? ".weights" : ".weights" + std::to_string(number));
      auto stored = writer->addSegment(segment->side_file, jobs[s], sizes[s], pieces, reader, request.jobs);
      if (!stored)
        return stored.takeError();
      segment->section = std::make_unique<artifact::SectionT>(std::move(stored->section));
      if (!pieces.empty())
        segment->hash = std::make_unique<artifact::Hash>(stored->hash);
      for (const InPlace& piece : pieces)
        segment->ranges.emplace_back(piece.offset, piece.bytes, piece.place.offset,
                                     request.firstShard + piece.place.file);
    } else if (llvm::Error error = checkJobs(jobs[s], sizes[s], reader)) {
      return error;
    }
    report.weightBytes += segment->bytes;
    request.index.segments.push_back(std::move(segment));
  }
  for (size_t t = 0; t < machine.targets.size(); ++t)
    request.index.targets[firstTarget + t]->segments.assign(known->second.begin(), known->second.end());
  return llvm::Error::success();
}

} // namespace

llvm::Expected<EmitReport> emitArtifact(const checkpoint::Checkpoint& checkpoint, EmitRequest request) {
  EmitReport report;
  InterruptScope interrupts;
  if (request.path.empty()) {
    Emitter emitter(checkpoint, request, nullptr, report);
    for (const PlannedMachine& machine : request.machines)
      if (llvm::Error error = emitter.emitImages(machine))
        return std::move(error);
    return report;
  }
  llvm::Expected<ArtifactWriter> writer = ArtifactWriter::create(request.path);
  if (!writer)
    return writer.takeError();
  Emitter emitter(checkpoint, request, &*writer, report);
  // Code first: it fails sooner than hours of weights.
  for (const PlannedMachine& machine : request.machines)
    if (llvm::Error error = emitter.emitImages(machine))
      return std::move(error);
  size_t firstTarget = 0;
  for (const PlannedMachine& machine : request.machines) {
    if (llvm::Error error = emitter.emitSegments(machine, firstTarget))
      return std::move(error);
    firstTarget += machine.targets.size();
  }
  if (llvm::Error error = writer->finish(request.index))
    return std::move(error);
  if (std::error_code code = llvm::sys::fs::file_size(request.path, report.fileBytes))
    return llvm::createStringError("cannot read the size of '" + request.path + "': " + code.message());
  return report;
}

} // namespace r1
