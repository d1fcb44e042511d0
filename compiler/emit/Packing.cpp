#include "compiler/emit/Packing.h"
#include "compiler/emit/Interrupt.h"
#include "compiler/emit/PackWindow.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace r1 {
namespace {

using llvm::Error;

// In the order of PackLayout.
struct LayoutFacts {
  llvm::StringLiteral name;
  std::optional<artifact::DataType> type;
};
constexpr LayoutFacts kLayouts[] = {
    {"rows", std::nullopt},
    {"vector", std::nullopt},
    {"vnni16", artifact::DataType::BF16},
    {"vnni16_f8", artifact::DataType::F8E4M3},
    {"scales", artifact::DataType::F32},
    {"rowmajor", artifact::DataType::BF16},
    {"rowmajor_f8", artifact::DataType::F8E4M3},
    {"rowscales", artifact::DataType::F32},
};

// Windows in flight: claimed in order, filled by any thread, taken in order.
class Ring {
public:
  Ring(llvm::ArrayRef<PackWindow> windows, const TensorReader& reader, unsigned threads)
      : windows(windows), reader(reader), slots(2 * threads + 2) {
    for (unsigned i = 0; i < threads; ++i)
      workers.emplace_back([this] { work(); });
  }

  ~Ring() {
    {
      std::lock_guard lock(mutex);
      stopped = true;
    }
    slotFree.notify_all();
    for (std::thread& worker : workers)
      worker.join();
    for (Slot& slot : slots)
      if (slot.result)
        llvm::consumeError(std::move(*slot.result));
  }

  // The next window's bytes, valid until release().
  llvm::Expected<llvm::ArrayRef<uint8_t>> take() {
    Slot& slot = slots[taken % slots.size()];
    std::unique_lock lock(mutex);
    slotFilled.wait(lock, [&] { return slot.result.has_value(); });
    Error result = std::move(*slot.result);
    slot.result.reset();
    if (result)
      return result;
    return llvm::ArrayRef(slot.bytes);
  }

  void release() {
    std::lock_guard lock(mutex);
    ++taken;
    slotFree.notify_one();
  }

private:
  struct Slot {
    std::vector<uint8_t> bytes;
    std::optional<Error> result;
  };

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      slotFree.wait(lock,
                    [&] { return stopped || claimed == windows.size() || claimed < taken + slots.size(); });
      if (stopped || claimed == windows.size())
        return;
      const PackWindow& window = windows[claimed];
      Slot& slot = slots[claimed++ % slots.size()];
      lock.unlock();
      slot.bytes.resize(window.bytes);
      Error result = packWindow(window, reader, slot.bytes);
      lock.lock();
      slot.result.emplace(std::move(result));
      slotFilled.notify_one();
      if (claimed == windows.size())
        slotFree.notify_all();
    }
  }

  llvm::ArrayRef<PackWindow> windows;
  const TensorReader& reader;
  std::vector<Slot> slots;
  std::vector<std::thread> workers;
  std::mutex mutex;
  std::condition_variable slotFree, slotFilled;
  size_t claimed = 0, taken = 0;
  bool stopped = false;
};

Error writeZeros(uint64_t count, llvm::function_ref<Error(llvm::ArrayRef<uint8_t>)> sink) {
  static constexpr uint8_t kZeros[1 << 16] = {};
  for (; count > 0; count -= std::min<uint64_t>(count, sizeof kZeros))
    if (Error error = sink(llvm::ArrayRef(kZeros, std::min<uint64_t>(count, sizeof kZeros))))
      return error;
  return Error::success();
}

} // namespace

llvm::StringRef layoutName(PackLayout layout) { return kLayouts[static_cast<size_t>(layout)].name; }

PackLayout layoutOf(llvm::StringRef name) {
  for (auto [i, layout] : llvm::enumerate(kLayouts))
    if (name == layout.name)
      return static_cast<PackLayout>(i);
  return PackLayout::Vector;
}

artifact::DataType layoutType(PackLayout layout, artifact::DataType other) {
  return kLayouts[static_cast<size_t>(layout)].type.value_or(other);
}

uint64_t packedBytes(PackLayout layout, const kernels::PackShape& shape, artifact::DataType type) {
  switch (layout) {
  case PackLayout::Rows:
  case PackLayout::Vector:
    return shape.batch * shape.n * shape.k * elementBytes(type);
  case PackLayout::Vnni16:
    return kernels::vnni16_bytes(shape);
  case PackLayout::Vnni16F8:
    return kernels::vnni16_f8_bytes(shape);
  case PackLayout::Scales:
  case PackLayout::RowScales:
    return kernels::scales_bytes(shape);
  case PackLayout::RowMajor:
    return kernels::rowmajor_bytes(shape);
  case PackLayout::RowMajorF8:
    return kernels::rowmajor_f8_bytes(shape);
  }
  llvm_unreachable("every layout has a size");
}

Error checkJobs(llvm::ArrayRef<PackJob> jobs, uint64_t segmentBytes, const TensorReader& reader) {
  uint64_t end = 0;
  for (const PackJob& job : jobs) {
    if (Error error = checkJob(job, reader))
      return error;
    if (job.offset < end)
      return packError(job, llvm::formatv("begins at byte {0}, before the tensor ahead of it ends ({1})",
                                          job.offset, end));
    end = job.offset + job.bytes;
    if (end > segmentBytes)
      return packError(job, llvm::formatv("ends at byte {0} of a segment of {1}", end, segmentBytes));
  }
  return Error::success();
}

Error packSegment(llvm::ArrayRef<PackJob> jobs, uint64_t segmentBytes, const TensorReader& reader,
                  unsigned threads, llvm::function_ref<Error(llvm::ArrayRef<uint8_t>)> sink) {
  if (Error error = checkJobs(jobs, segmentBytes, reader))
    return error;
  std::vector<PackWindow> windows;
  for (const PackJob& job : jobs)
    appendWindows(job, windows);
  uint64_t written = 0;
  {
    Ring ring(windows, reader, std::max(1u, threads));
    for (const PackWindow& window : windows) {
      if (Error error = checkInterrupt())
        return error;
      if (Error error = writeZeros(window.offset - written, sink))
        return error;
      llvm::Expected<llvm::ArrayRef<uint8_t>> bytes = ring.take();
      if (!bytes)
        return bytes.takeError();
      if (Error error = sink(*bytes))
        return error;
      ring.release();
      written = window.offset + window.bytes;
    }
  }
  return writeZeros(segmentBytes - written, sink);
}

} // namespace r1
