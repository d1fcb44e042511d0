// The launches of an entry with nothing left to look up: run one by one in the context's stream, or as a graph.
#pragma once
#include <functional>
#include <vector>

#include "runtime/device/cuda/abi.h"
#include "runtime/device/cuda/image.h"
#include "runtime/device/device.h"

namespace r1::cuda {

// Where the space of an argument lies in device memory.
struct Places {
  const int32_t* dims =
      nullptr; // kDimCount of launches over tokens, then those of launches over rows of logits
  // The address of an argument, and the bytes from there to the end of its space.
  std::function<std::pair<driver::Pointer, uint64_t>(const artifact::Argument&)> resolve;
};

struct Launch {
  driver::Kernel kernel;
  uint32_t threads, shared_bytes;
  KernelArguments arguments;
  std::vector<driver::TensorMap> maps;
  std::vector<artifact::GridFactor> grid;
  bool after;
};

// A step's sizes as grids are made for: the largest of a bucket.
struct Bucket {
  uint64_t tokens, logit_rows, context;
};

Result<std::vector<Launch>> prepare(const Context& context, const artifact::Target& target,
                                    const artifact::Entry& entry, const Image& image, const Places& places);

// Puts one launch into the context's stream.
Status enqueue(const Context& context, const Launch& launch, const Bucket& bucket);

// All launches of an entry, for the sizes of one bucket. What a step changes lies in device memory, so the graph is never
// changed. Each launch waits for the whole wave before its own; with `overlap` it may start while a single launch before it drains, for kernels
// that wait themselves.
class StepGraph {
public:
  StepGraph() = default;
  static Result<StepGraph> build(const Context& context, const std::vector<Launch>& launches,
                                 const Bucket& bucket, bool overlap);
  StepGraph(StepGraph&& other) noexcept { *this = std::move(other); }
  StepGraph& operator=(StepGraph&& other) noexcept;
  ~StepGraph();

  Status enqueue() const;

private:
  const Context* context_ = nullptr;
  driver::Executable executable_ = nullptr;
};

} // namespace r1::cuda
