#include "runtime/device/cuda/weights.h"

#include <algorithm>
#include <bit>

#include "runtime/base/hash.h"
#include "runtime/base/random.h"
#include "runtime/device/cuda/abi.h"
#include "runtime/device/plan.h"

namespace r1::cuda {
namespace {

constexpr uint64_t kPiece = uint64_t(16) << 20;
constexpr const char* kCopying = "copying the weights to the GPU";

// Two page-locked buffers and a mark each for when its copy is done.
class Loader {
public:
  static Result<Loader> create(const Context& context, uint64_t largest_segment) {
    Loader loader(context);
    uint64_t bytes = std::min(kPiece, artifact::align_up(largest_segment, os::DirectFile::kAlignment));
    for (int i = 0; i < 2; ++i) {
      R1_ASSIGN_OR_RETURN(loader.buffers_[i], PinnedMemory::allocate(context, bytes));
      R1_ASSIGN_OR_RETURN(loader.copied_[i], Event::create(context, false));
    }
    return loader;
  }

  // Copies bytes [offset, offset + bytes) of the file; gives their hash where one is asked for. Whole blocks of the file are read,
  // of which the first and the last may hold something else.
  Status load(os::DirectFile& file, uint64_t offset, uint64_t bytes, driver::Pointer to, Hasher* hasher) {
    for (uint64_t at = 0; at < bytes;) {
      uint64_t before = (offset + at) % os::DirectFile::kAlignment;
      PinnedMemory& buffer = buffers_[turn_];
      if (in_flight_[turn_])
        R1_RETURN_IF_ERROR(copied_[turn_].wait(kCopying));
      in_flight_[turn_] = false;
      uint64_t count = std::min(buffer.bytes() - before, bytes - at);
      R1_RETURN_IF_ERROR(file.read(offset + at - before, before + count, buffer.data()));
      const uint8_t* data = buffer.data() + before;
      if (hasher)
        hasher->add({data, count});
      R1_CUDA(context_->driver, cuMemcpyHtoDAsync, kCopying, to + at, data, count, context_->stream);
      R1_RETURN_IF_ERROR(copied_[turn_].record());
      in_flight_[turn_] = true;
      turn_ ^= 1;
      at += count;
    }
    return Status();
  }

private:
  explicit Loader(const Context& context) : context_(&context) {}
  const Context* context_;
  PinnedMemory buffers_[2];
  Event copied_[2];
  bool in_flight_[2] = {};
  int turn_ = 0;
};

uint64_t element_bytes(artifact::DataType type) {
  switch (type) {
  case artifact::DataType::F32:
  case artifact::DataType::I32:
    return 4;
  case artifact::DataType::BF16:
  case artifact::DataType::F16:
    return 2;
  case artifact::DataType::F8E4M3:
  case artifact::DataType::U8:
    break;
  }
  return 1;
}

// Makes up every tensor of a segment. What lies between tensors is zero, as it would be in the file.
Status fill(const Context& context, const artifact::Target& target, const Image& image,
            const artifact::Segment& segment, uint32_t number, uint64_t seed, const DeviceMemory& memory) {
  constexpr const char* kFilling = "filling the weights with random numbers";
  const Driver& driver = context.driver;
  uint32_t kernel_number = uint32_t(target.fill_kernel());
  const artifact::Kernel& kernel = *target.kernels()->Get(kernel_number);
  R1_CUDA(driver, cuMemsetD8Async, kFilling, memory.address(), 0, memory.bytes(), context.stream);
  uint32_t count = segment.tensors()->size();
  if (count == 0)
    return context.finish(kFilling);
  uint64_t bytes = uint64_t(count) * sizeof(FillRequest);
  R1_ASSIGN_OR_RETURN(PinnedMemory staging, PinnedMemory::allocate(context, bytes));
  R1_ASSIGN_OR_RETURN(DeviceMemory requests, DeviceMemory::allocate(context, bytes, "the weights' seeds"));
  for (uint32_t i = 0; i < count; ++i) {
    const artifact::Tensor& t = *segment.tensors()->Get(i);
    uint64_t stream = random_stream(seed, uint64_t(number) << 32 | i);
    FillRequest request{int64_t(t.bytes() / element_bytes(t.type())), int64_t(t.type()), int64_t(stream),
                        std::bit_cast<uint32_t>(t.random_scale())};
    std::copy_n(reinterpret_cast<const uint8_t*>(&request), sizeof request,
                staging.data() + i * sizeof request);
  }
  R1_CUDA(driver, cuMemcpyHtoDAsync, kFilling, requests.address(), staging.data(), bytes, context.stream);
  for (uint32_t i = 0; i < count; ++i) {
    const artifact::Tensor& t = *segment.tensors()->Get(i);
    int64_t elements = int64_t(t.bytes() / element_bytes(t.type()));
    if (elements == 0)
      continue;
    KernelArguments arguments{};
    arguments.buffers[0] = reinterpret_cast<void*>(memory.address() + t.offset());
    arguments.buffers[1] = reinterpret_cast<void*>(requests.address() + i * sizeof(FillRequest));
    void* params[] = {&arguments};
    uint32_t blocks = uint32_t(std::min(elements / kFillElements + 1, kFillBlocks));
    R1_CUDA(driver, cuLaunchKernel, kFilling, reinterpret_cast<driver::Function>(image.kernel(kernel_number)),
            blocks, 1, 1, kernel.threads(), 1, 1, uint32_t(kernel.shared_bytes()), context.stream, params,
            nullptr);
  }
  return context.finish(kFilling);
}

} // namespace

Result<std::vector<DeviceMemory>> load_weights(const Context& context, const artifact::Reader& reader,
                                               const artifact::Target& target, const Image& image,
                                               const DeviceOptions& options) {
  const auto& segments = *reader.index().segments();
  uint64_t largest = 0;
  for (uint32_t number : *target.segments())
    if (const artifact::Segment& s = *segments.Get(number); s.section())
      largest = std::max(largest, s.bytes());
  bool verify = hashes_weights(reader.index(), target, options);
  R1_ASSIGN_OR_RETURN(Loader loader, Loader::create(context, largest));
  std::vector<DeviceMemory> loaded;
  for (uint32_t number : *target.segments()) {
    const artifact::Segment& s = *segments.Get(number);
    if (!s.section() && !options.random_weights)
      return no_weights(reader);
    R1_ASSIGN_OR_RETURN(DeviceMemory memory, DeviceMemory::allocate(context, s.bytes(), "weights"));
    if (!s.section()) {
      if (target.fill_kernel() < 0)
        return fail(Code::kUnsupported,
                    "%s has no kernel that makes up random weights; compile the model again with a newer r1c",
                    target.name()->c_str());
      if (s.bytes() > 0)
        R1_RETURN_IF_ERROR(fill(context, target, image, s, number, options.random_seed, memory));
      loaded.push_back(std::move(memory));
      continue;
    }
    R1_ASSIGN_OR_RETURN(artifact::SegmentBytes bytes, reader.open_segment(s));
    std::vector<os::DirectFile> files;
    for (const os::File& file : bytes.files()) {
      R1_ASSIGN_OR_RETURN(os::DirectFile direct, os::DirectFile::open(file.path()));
      files.push_back(std::move(direct));
    }
    Hasher hasher;
    for (const artifact::Extent& e : bytes.extents())
      R1_RETURN_IF_ERROR(
          loader.load(files[e.file], e.at, e.bytes, memory.address() + e.offset, verify ? &hasher : nullptr));
    if (verify) {
      HashBytes found = hasher.finish();
      if (!std::equal(found.begin(), found.end(), bytes.hash().bytes()->begin()))
        return segment_mismatch(bytes.files()[0], number);
    }
    loaded.push_back(std::move(memory));
  }
  R1_RETURN_IF_ERROR(context.finish(kCopying));
  return loaded;
}

} // namespace r1::cuda
