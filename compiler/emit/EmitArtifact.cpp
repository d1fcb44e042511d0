#include "compiler/emit/EmitArtifact.h"

#include "compiler/checkpoint/ExpectedTensors.h"
#include "compiler/emit/ArtifactWriter.h"
#include "compiler/emit/CheckpointTensors.h"
#include "compiler/emit/Interrupt.h"
#include "dialects/Plan/Plan.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace r1 {
namespace {

// Weights beyond this go to a file of their own beside the artifact, so that the artifact itself stays easy to move and inspect.
constexpr uint64_t kInlineWeights = uint64_t(16) << 30;

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

PackLayout packLayout(llvm::StringRef name) {
  return llvm::StringSwitch<PackLayout>(name)
      .Case("vnni16", PackLayout::Vnni16)
      .Case("vnni16_f8", PackLayout::Vnni16F8)
      .Case("scales", PackLayout::Scales)
      .Case("rows", PackLayout::Rows)
      .Default(PackLayout::Vector);
}

PackJob packJob(plan::TensorOp op) {
  PackJob job;
  job.name = op.getName().str();
  job.layout = packLayout(op.getLayout());
  ArrayRef<int64_t> s = op.getShape();
  job.shape = {s[0], s[1], s[2], s[3]};
  job.type = llvm::StringSwitch<artifact::DataType>(op.getLayout())
                 .Case("vnni16", artifact::DataType::BF16)
                 .Case("vnni16_f8", artifact::DataType::F8E4M3)
                 .Case("scales", artifact::DataType::F32)
                 .Default(op.getElementType().isBF16() ? artifact::DataType::BF16 : artifact::DataType::F32);
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

KernelSource kernelSource(plan::KernelOp op, const CpuTarget& target) {
  KernelSource source;
  // family__types__schedule of the plan becomes family__types__target__schedule.
  auto [family, rest] = op.getSymName().split("__");
  auto [types, schedule] = rest.split("__");
  std::string processor = target.processor;
  for (char& c : processor)
    if (!llvm::isAlnum(c))
      c = '_';
  source.name = (family + "__" + types + "__" + processor + "__" + schedule).str();
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

std::unique_ptr<artifact::EntryT> describeEntry(plan::EntryOp op,
                                                const llvm::StringMap<uint32_t>& kernelIndex) {
  auto entry = std::make_unique<artifact::EntryT>();
  entry->kind = op.getSymName() == "prefill" ? artifact::EntryKind::Prefill : artifact::EntryKind::Decode;
  entry->max_tokens = op.getMaxTokens();
  entry->max_logit_rows = op.getMaxLogitRows();
  entry->arena_bytes = op.getArenaBytes();
  for (auto launch : op.getBody().front().getOps<plan::LaunchOp>()) {
    auto item = std::make_unique<artifact::LaunchT>();
    item->kernel = kernelIndex.lookup(launch.getKernel());
    for (auto argument : launch.getArguments().getAsRange<plan::ArgumentAttr>())
      item->arguments.emplace_back(spaceOf(argument.getSpace()), argument.getIndex(), argument.getOffset());
    ArrayRef<int64_t> grid = launch.getGrid();
    for (size_t i = 0; i < grid.size(); i += 2)
      item->grid.emplace_back(static_cast<artifact::Dim>(grid[i]), grid[i + 1]);
    item->after = launch.getAfter();
    item->location = launch.getLocation().str();
    DictionaryAttr cost = launch.getCost();
    item->weight_bytes = cast<IntegerAttr>(cost.get("weight_bytes")).getInt();
    item->flops_per_token = cast<IntegerAttr>(cost.get("flops_per_token")).getInt();
    item->expert_fraction = cast<FloatAttr>(cost.get("expert_fraction")).getValueAsDouble();
    entry->launches.push_back(std::move(item));
  }
  return entry;
}

llvm::Error emitTarget(ModuleOp planned, const CpuTarget& target, EmitRequest& request,
                       ArtifactWriter& writer, EmitReport& report) {
  std::vector<KernelSource> sources;
  llvm::StringMap<uint32_t> kernelIndex;
  auto description = std::make_unique<artifact::TargetT>();
  for (auto kernel : planned.getOps<plan::KernelOp>()) {
    kernelIndex[kernel.getSymName()] = sources.size();
    sources.push_back(kernelSource(kernel, target));
    const KernelSource& source = sources.back();
    auto item = std::make_unique<artifact::KernelT>();
    item->name = source.name;
    item->family = std::string(source.skeleton->family);
    item->scratch_bytes =
        source.skeleton->scratch_bytes ? source.skeleton->scratch_bytes(source.params.data()) : 0;
    SmallVector<StringRef> fusions;
    for (Attribute fusion : kernel.getFusions())
      fusions.push_back(cast<StringAttr>(fusion).getValue());
    item->remark = llvm::join(fusions, ", ");
    description->kernels.push_back(std::move(item));
  }
  CpuEmitOptions options;
  options.jobs = request.jobs;
  if (!request.dumpFolder.empty()) {
    options.dumpFolder = request.dumpFolder + "/" + target.processor;
    if (std::error_code code = llvm::sys::fs::create_directories(options.dumpFolder))
      return llvm::createStringError("cannot create folder '" + options.dumpFolder + "': " + code.message());
  }
  std::vector<CpuKernelReport> kernelReports;
  llvm::Expected<std::string> image = emitCpuImage(sources, target, options, &kernelReports);
  if (!image)
    return image.takeError();
  for (const CpuKernelReport& kernel : kernelReports)
    for (const std::string& call : kernel.remainingCalls)
      report.remainingCalls.push_back(kernel.name + ": " + call);
  if (llvm::Error error = checkInterrupt())
    return error;
  llvm::Expected<artifact::SectionT> section = writer.addImage(*image);
  if (!section)
    return section.takeError();
  description->name = target.name;
  description->processor = target.processor;
  description->device = artifact::Device::Cpu;
  description->features = target.features;
  description->image = std::make_unique<artifact::SectionT>(*section);
  description->segments = {0, 1};
  for (auto entry : planned.getOps<plan::EntryOp>())
    description->entries.push_back(describeEntry(entry, kernelIndex));
  request.index.targets.push_back(std::move(description));
  return llvm::Error::success();
}

llvm::Error emitSegments(ModuleOp planned, const checkpoint::Checkpoint& checkpoint, EmitRequest& request,
                         ArtifactWriter& writer) {
  auto sizes = planned->getAttrOfType<DenseI64ArrayAttr>("plan.segment_bytes").asArrayRef();
  std::vector<PackJob> jobs[2];
  LiteralReader literals;
  for (auto tensor : planned.getOps<plan::TensorOp>()) {
    jobs[tensor.getSegment()].push_back(packJob(tensor));
    if (tensor.getValues())
      literals.values[tensor.getName()] = *tensor.getValues();
  }
  CheckpointTensors weights(checkpoint);
  for (int s : {0, 1}) {
    auto segment = std::make_unique<artifact::SegmentT>();
    segment->bytes = sizes[s];
    for (const PackJob& job : jobs[s])
      segment->tensors.push_back(std::make_unique<artifact::TensorT>(describeTensor(job, s)));
    const TensorReader& reader = s ? static_cast<const TensorReader&>(weights) : literals;
    if (s == 0 || request.packWeights) {
      bool side = segment->bytes > kInlineWeights;
      std::string name = llvm::sys::path::filename(request.path).str() + ".weights";
      auto section = side ? writer.addSideSegment(name, jobs[s], sizes[s], reader, request.jobs)
                          : writer.addSegment(jobs[s], sizes[s], reader, request.jobs);
      if (!section)
        return section.takeError();
      segment->section = std::make_unique<artifact::SectionT>(*section);
      if (side)
        segment->side_file = name;
    } else if (llvm::Error error = checkJobs(jobs[s], sizes[s], reader)) {
      return error;
    }
    request.index.segments.push_back(std::move(segment));
  }
  return llvm::Error::success();
}

} // namespace

llvm::Expected<EmitReport> emitArtifact(ModuleOp planned, const checkpoint::Checkpoint& checkpoint,
                                        EmitRequest request) {
  EmitReport report;
  InterruptScope interrupts;
  llvm::Expected<ArtifactWriter> writer = ArtifactWriter::create(request.path);
  if (!writer)
    return writer.takeError();
  for (const CpuTarget& target : request.targets)
    if (llvm::Error error = emitTarget(planned, target, request, *writer, report))
      return std::move(error);
  if (llvm::Error error = emitSegments(planned, checkpoint, request, *writer))
    return std::move(error);
  for (const auto& segment : request.index.segments)
    report.weightBytes += segment->bytes;
  if (llvm::Error error = writer->finish(request.index))
    return std::move(error);
  if (std::error_code code = llvm::sys::fs::file_size(request.path, report.fileBytes))
    return llvm::createStringError("cannot read the size of '" + request.path + "': " + code.message());
  return report;
}

} // namespace r1
