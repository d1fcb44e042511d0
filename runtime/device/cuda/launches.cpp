#include "runtime/device/cuda/launches.h"

#include <algorithm>

namespace r1::cuda {
namespace {

using artifact::DataType;
using artifact::Dim;

uint32_t blocks(const Launch& launch, const Bucket& bucket) {
  uint64_t count = 1;
  for (const artifact::GridFactor& f : launch.grid) {
    uint64_t size = f.dim() == Dim::Tokens      ? bucket.tokens
                    : f.dim() == Dim::LogitRows ? bucket.logit_rows
                                                : bucket.context;
    count *= f.dim() == Dim::Const ? f.value() : (size + f.value() - 1) / f.value();
  }
  return uint32_t(count); // the validator proved that it fits
}

// kernelParams of a launch: the arguments, and the maps where there are some.
struct Params {
  explicit Params(const Launch& launch)
      : pointers{const_cast<KernelArguments*>(&launch.arguments),
                 const_cast<driver::TensorMap*>(launch.maps.data())} {}
  void* pointers[2];
};

std::pair<int, uint32_t> map_type(DataType type) { // the driver's number, bytes of an element
  switch (type) {
  case DataType::F32:
    return {driver::kMapF32, 4};
  case DataType::BF16:
    return {driver::kMapBF16, 2};
  case DataType::F16:
    return {driver::kMapF16, 2};
  case DataType::I32:
    return {driver::kMapI32, 4};
  case DataType::F8E4M3:
  case DataType::U8:
    break;
  }
  return {driver::kMapU8, 1};
}

Result<driver::TensorMap> encode(const Context& context, const artifact::TensorMap& map,
                                 driver::Pointer address, uint64_t room, const std::string& where) {
  auto [type, element] = map_type(map.type());
  std::vector<uint64_t> extents(map.extents()->begin(), map.extents()->end());
  std::vector<uint64_t> strides(map.strides()->begin(), map.strides()->end());
  std::vector<uint32_t> box(map.box()->begin(), map.box()->end()), steps(extents.size(), 1);
  // The cache has as many pages as it was opened with, the artifact knows only how many there may be: the outermost extent
  // ends where the memory does.
  if (!strides.empty()) {
    uint64_t inner = extents[0] * element;
    for (size_t i = 0; i + 1 < strides.size(); ++i)
      inner += (extents[i + 1] - 1) * strides[i];
    uint64_t fits = room >= inner ? (room - inner) / strides.back() + 1 : 0;
    extents.back() = std::min(extents.back(), fits);
  }
  if (extents.back() == 0 || (strides.empty() && extents[0] * element > room))
    return fail(Code::kInternal, "%s: a tensor map is larger than the memory behind it", where.c_str());
  int swizzle = map.swizzle_bytes() == 128  ? driver::kSwizzle128
                : map.swizzle_bytes() == 64 ? driver::kSwizzle64
                : map.swizzle_bytes() == 32 ? driver::kSwizzle32
                                            : driver::kSwizzleNone;
  driver::TensorMap encoded;
  R1_CUDA(context.driver, cuTensorMapEncodeTiled, ("making a tensor map of " + where).c_str(), &encoded, type,
          uint32_t(extents.size()), reinterpret_cast<void*>(address), extents.data(), strides.data(),
          box.data(), steps.data(), 0, swizzle, driver::kMapPromoteL2To256, 0);
  return encoded;
}

} // namespace

Result<std::vector<Launch>> prepare(const Context& context, const artifact::Target& target,
                                    const artifact::Entry& entry, const Image& image, const Places& places) {
  std::vector<Launch> launches;
  launches.reserve(entry.launches()->size());
  for (const artifact::Launch* l : *entry.launches()) {
    const artifact::Kernel& kernel = *target.kernels()->Get(l->kernel());
    Launch& out = launches.emplace_back();
    out.kernel = image.kernel(l->kernel());
    out.threads = kernel.threads();
    out.shared_bytes = uint32_t(kernel.shared_bytes());
    out.arguments = {places.dims + (l->rows() == Dim::LogitRows ? kDimCount : 0), {}};
    for (uint32_t i = 0; i < l->arguments()->size(); ++i)
      out.arguments.buffers[i] = reinterpret_cast<void*>(places.resolve(*l->arguments()->Get(i)).first);
    if (l->maps()) {
      for (const artifact::TensorMap* m : *l->maps()) {
        auto [address, room] = places.resolve(*l->arguments()->Get(m->argument()));
        R1_ASSIGN_OR_RETURN(driver::TensorMap map,
                            encode(context, *m, address, room, "launch " + l->location()->str()));
        out.maps.push_back(map);
      }
    }
    out.grid.assign(l->grid()->size(), {});
    for (uint32_t i = 0; i < l->grid()->size(); ++i)
      out.grid[i] = *l->grid()->Get(i);
    out.after = l->after();
  }
  return launches;
}

Status enqueue(const Context& context, const Launch& l, const Bucket& bucket) {
  Params params(l);
  R1_CUDA(context.driver, cuLaunchKernel, "launching a kernel", reinterpret_cast<driver::Function>(l.kernel),
          blocks(l, bucket), 1, 1, l.threads, 1, 1, l.shared_bytes, context.stream, params.pointers, nullptr);
  return Status();
}

Result<StepGraph> StepGraph::build(const Context& context, const std::vector<Launch>& launches,
                                   const Bucket& bucket, bool overlap) {
  const Driver& driver = context.driver;
  constexpr const char* kDoing = "building the graph of a step";
  struct Graph {
    const Driver& driver;
    driver::Graph graph = nullptr;
    ~Graph() {
      if (graph)
        (void)driver.cuGraphDestroy(graph);
    }
  } g{driver};
  R1_CUDA(driver, cuGraphCreate, kDoing, &g.graph, 0);
  std::vector<driver::Node> before, wave; // the last whole wave, and the one being formed
  for (const Launch& l : launches) {
    if (l.after)
      before.swap(wave), wave.clear();
    Params params(l);
    driver::NodeParams node{nullptr,        blocks(l, bucket), 1,       1,        l.threads, 1, 1,
                            l.shared_bytes, params.pointers,   nullptr, l.kernel, nullptr};
    wave.emplace_back();
    const bool early = overlap && before.size() == 1;
    R1_CUDA(driver, cuGraphAddKernelNode, kDoing, &wave.back(), g.graph, early ? nullptr : before.data(),
            early ? 0 : before.size(), &node);
    if (early)
      R1_CUDA(driver, cuGraphAddDependencies, kDoing, g.graph, before.data(), &wave.back(),
              &driver::kProgrammaticEdge, 1);
  }
  StepGraph step;
  R1_CUDA(driver, cuGraphInstantiateWithFlags, kDoing, &step.executable_, g.graph, 0);
  step.context_ = &context;
  R1_CUDA(driver, cuGraphUpload, kDoing, step.executable_, context.stream);
  return step;
}

StepGraph& StepGraph::operator=(StepGraph&& other) noexcept {
  std::swap(context_, other.context_);
  std::swap(executable_, other.executable_);
  return *this;
}

StepGraph::~StepGraph() {
  if (context_ && context_->enter().ok())
    (void)context_->driver.cuGraphExecDestroy(executable_);
}

Status StepGraph::enqueue() const {
  R1_CUDA(context_->driver, cuGraphLaunch, "launching a step", executable_, context_->stream);
  return Status();
}

} // namespace r1::cuda
