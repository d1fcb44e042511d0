// The driver's functions that put work into streams: copies, marks, kernels and graphs.
#include <chrono>
#include <cstring>

#include "kernels/simt/tensor_map.h"
#include "tools/simcuda/calls.h"

using namespace r1::simcuda;
namespace driver = r1::driver;
namespace simt = r1::simt;

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// ---- Copies and streams

int cuMemcpyHtoDAsync_v2(driver::Pointer to, const void* from, size_t bytes, driver::Stream stream) {
  return call_on_stream(stream, [&](Machine& m, Device&, Stream& s) -> Error {
    if (!in_device(m, to, bytes) || !in_host(m, from, bytes))
      return outside(m, "a copy to the device");
    auto target = reinterpret_cast<uint8_t*>(to);
    if (m.pinned.touches(reinterpret_cast<uintptr_t>(from))) {
      m.add(s, [=] { return memcpy(target, from, bytes), driver::kSuccess; });
      return driver::kSuccess;
    }
    // Ordinary memory is read before the call returns.
    auto first = static_cast<const uint8_t*>(from);
    m.add(s, [=, copy = std::vector<uint8_t>(first, first + bytes)] {
      return memcpy(target, copy.data(), bytes), driver::kSuccess;
    });
    return driver::kSuccess;
  });
}

int cuMemcpyDtoHAsync_v2(void* to, driver::Pointer from, size_t bytes, driver::Stream stream) {
  return call_on_stream(stream, [&](Machine& m, Device&, Stream& s) -> Error {
    if (!in_device(m, from, bytes) || !in_host(m, to, bytes))
      return outside(m, "a copy from the device");
    m.add(s, [=] { return memcpy(to, reinterpret_cast<const void*>(from), bytes), driver::kSuccess; });
    // Ordinary memory is written before the call returns.
    return m.pinned.touches(reinterpret_cast<uintptr_t>(to)) ? driver::kSuccess : m.drain(s, s.added);
  });
}

int cuMemcpyDtoDAsync_v2(driver::Pointer to, driver::Pointer from, size_t bytes, driver::Stream stream) {
  return call_on_stream(stream, [&](Machine& m, Device&, Stream& s) -> Error {
    if (!in_device(m, from, bytes) || !in_device(m, to, bytes))
      return outside(m, "a copy on the device");
    m.add(s, [=] {
      memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
      return driver::kSuccess;
    });
    return driver::kSuccess;
  });
}

int cuMemsetD8Async(driver::Pointer to, unsigned char value, size_t bytes, driver::Stream stream) {
  return call_on_stream(stream, [&](Machine& m, Device&, Stream& s) -> Error {
    if (!in_device(m, to, bytes))
      return outside(m, "a fill");
    m.add(s, [=] { return memset(reinterpret_cast<void*>(to), value, bytes), driver::kSuccess; });
    return driver::kSuccess;
  });
}

int cuStreamCreate(driver::Stream* stream, unsigned) {
  return call_on_device([&](Machine& m, Device& d) {
    *stream = keep<driver::Stream>(m.streams, std::unique_ptr<Stream>(new Stream{&d, {}}));
    return driver::kSuccess;
  });
}

int cuStreamDestroy_v2(driver::Stream stream) {
  return call([&](Machine& m) -> Error {
    Stream* s = find(m.streams, stream);
    if (!s)
      return no_handle(m, "stream");
    Error error = m.drain(*s, s->added);
    for (auto& [handle, event] : m.events)
      if (event->stream == s)
        event->stream = nullptr; // all it marks is done
    m.streams.erase(stream);
    return error;
  });
}

int cuStreamSynchronize(driver::Stream stream) {
  return call_on_stream(stream, [&](Machine& m, Device&, Stream& s) { return m.drain(s, s.added); });
}

int cuEventCreate(driver::Event* event, unsigned flags) {
  return call_on_device([&](Machine& m, Device&) {
    *event =
        keep<driver::Event>(m.events, std::unique_ptr<Event>(new Event{!(flags & driver::kEventNoTiming)}));
    return driver::kSuccess;
  });
}

int cuEventDestroy_v2(driver::Event event) {
  return call([&](Machine& m) -> Error {
    Event* e = find(m.events, event);
    if (!e)
      return no_handle(m, "event");
    if (e->stream) // its mark may still be to come
      (void)m.drain(*e->stream, e->number);
    m.events.erase(event);
    return driver::kSuccess;
  });
}

int cuEventRecord(driver::Event event, driver::Stream stream) {
  return call_on_stream(stream, [&](Machine& m, Device&, Stream& s) -> Error {
    Event* e = find(m.events, event);
    if (!e)
      return no_handle(m, "event");
    if (e->stream)
      (void)m.drain(*e->stream, e->number);
    m.add(s, [e] { return e->seconds = now(), driver::kSuccess; });
    e->stream = &s;
    e->number = s.added;
    return driver::kSuccess;
  });
}

int cuEventSynchronize(driver::Event event) {
  return call_on_device([&](Machine& m, Device&) -> Error {
    Event* e = find(m.events, event);
    if (!e)
      return no_handle(m, "event");
    return e->stream ? m.drain(*e->stream, e->number) : driver::kSuccess;
  });
}

int cuEventElapsedTime(float* milliseconds, driver::Event begin, driver::Event end) {
  return call_on_device([&](Machine& m, Device&) -> Error {
    Event *b = find(m.events, begin), *e = find(m.events, end);
    if (!b || !e || !b->timed || !e->timed)
      return no_handle(m, "timed event");
    if (!b->stream || !e->stream)
      return m.refuse(driver::kInvalidHandle, "an event that was not recorded");
    if (b->stream->done < b->number || e->stream->done < e->number)
      return m.refuse(driver::kNotReady, "an event that has not passed");
    return *milliseconds = float((e->seconds - b->seconds) * 1e3), driver::kSuccess;
  });
}

// ---- Code

int cuLibraryLoadData(driver::Library* library, const void* code, int*, void**, unsigned, int*, void**,
                      unsigned) {
  return call_on_device([&](Machine& m, Device&) -> Error {
    std::unique_ptr<Image> image;
    std::string reason;
    Error error = Image::load(code, image, reason);
    if (error != driver::kSuccess)
      return m.refuse(error, reason);
    *library = keep<driver::Library>(m.images, std::move(image));
    return driver::kSuccess;
  });
}

int cuLibraryUnload(driver::Library library) {
  return call_on_device([&](Machine& m, Device& d) -> Error {
    (void)m.drain(d);
    return m.images.erase(library) ? driver::kSuccess : no_handle(m, "library");
  });
}

int cuLibraryGetKernel(driver::Kernel* kernel, driver::Library library, const char* name) {
  return call_on_device([&](Machine& m, Device&) -> Error {
    Image* image = find(m.images, library);
    if (!image)
      return no_handle(m, "library");
    Kernel* found = image->find(name);
    if (!found)
      return m.refuse(driver::kNotFound, std::string("the image has no kernel ") + name);
    *kernel = reinterpret_cast<driver::Kernel>(found);
    return driver::kSuccess;
  });
}

int cuKernelSetAttribute(int attribute, int value, driver::Kernel handle, int) {
  return call_on_device([&](Machine& m, Device&) -> Error {
    auto* kernel = reinterpret_cast<Kernel*>(handle);
    if (!m.owns(kernel))
      return no_handle(m, "kernel");
    if (attribute != driver::kMaxDynamicSharedBytes || value < 0 || value > max_shared_bytes(m.config.chip))
      return m.refuse(driver::kInvalidValue, "kernel " + kernel->name + ": attribute " +
                                                 std::to_string(attribute) + " cannot be " +
                                                 std::to_string(value));
    kernel->shared_allowed = std::max(uint32_t(value), driver::kFreeSharedBytes);
    return driver::kSuccess;
  });
}

// Grids of one dimension, which is all that our kernels are.
static Error make_launch(Machine& m, void* handle, const unsigned (&grid)[3], const unsigned (&block)[3],
                         unsigned shared_bytes, void** params, Launch& launch) {
  auto* kernel = static_cast<Kernel*>(handle);
  if (!m.owns(kernel))
    return no_handle(m, "kernel");
  if (grid[1] != 1 || grid[2] != 1 || block[1] != 1 || block[2] != 1)
    return m.refuse(driver::kInvalidValue,
                    "kernel " + kernel->name + ": only grids of one dimension are simulated");
  std::string reason;
  Error error = Launch::make(kernel, grid[0], block[0], shared_bytes, params, launch, reason);
  return error == driver::kSuccess ? error : m.refuse(error, reason);
}

int cuLaunchKernel(driver::Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                   driver::Stream stream, void** params, void**) {
  return call_on_stream(stream, [&](Machine& m, Device& d, Stream& s) -> Error {
    Launch launch;
    Error error = make_launch(m, function, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z},
                              shared_bytes, params, launch);
    if (error != driver::kSuccess)
      return error;
    m.add(s, [&m, &d, launch = std::move(launch)] { return m.run(d, launch); });
    return driver::kSuccess;
  });
}

// ---- Graphs

int cuGraphCreate(driver::Graph* graph, unsigned) {
  return call([&](Machine& m) {
    return *graph = keep<driver::Graph>(m.graphs, std::make_unique<Graph>()), driver::kSuccess;
  });
}

int cuGraphDestroy(driver::Graph graph) {
  return call([&](Machine& m) { return m.graphs.erase(graph) ? driver::kSuccess : no_handle(m, "graph"); });
}

int cuGraphAddKernelNode_v2(driver::Node* node, driver::Graph handle, const driver::Node* after, size_t count,
                            const driver::NodeParams* p) {
  return call_on_device([&](Machine& m, Device&) -> Error {
    Graph* graph = find(m.graphs, handle);
    if (!graph)
      return no_handle(m, "graph");
    auto made = std::make_unique<Node>();
    for (size_t i = 0; i < count; ++i) {
      auto same = [&](const auto& n) { return reinterpret_cast<driver::Node>(n.get()) == after[i]; };
      auto found = std::find_if(graph->nodes.begin(), graph->nodes.end(), same);
      if (found == graph->nodes.end())
        return m.refuse(driver::kInvalidValue, "a node waits for one of another graph");
      made->after.push_back(size_t(found - graph->nodes.begin()));
    }
    void* kernel = p->function ? static_cast<void*>(p->function) : static_cast<void*>(p->kernel);
    Error error = make_launch(m, kernel, {p->grid_x, p->grid_y, p->grid_z},
                              {p->block_x, p->block_y, p->block_z}, p->shared_bytes, p->params, made->launch);
    if (error != driver::kSuccess)
      return error;
    *node = reinterpret_cast<driver::Node>(made.get());
    graph->nodes.push_back(std::move(made));
    return driver::kSuccess;
  });
}

int cuGraphAddDependencies_v2(driver::Graph handle, const driver::Node* from, const driver::Node* to,
                              const driver::EdgeData* edges, size_t count) {
  return call_on_device([&](Machine& m, Device& device) -> Error {
    Graph* graph = find(m.graphs, handle);
    if (!graph)
      return no_handle(m, "graph");
    auto number = [&](driver::Node node) {
      auto same = [&](const auto& n) { return reinterpret_cast<driver::Node>(n.get()) == node; };
      return size_t(std::find_if(graph->nodes.begin(), graph->nodes.end(), same) - graph->nodes.begin());
    };
    for (size_t i = 0; i < count; ++i) {
      const size_t first = number(from[i]), second = number(to[i]);
      if (first >= second || second == graph->nodes.size())
        return m.refuse(driver::kInvalidValue,
                        "an edge between nodes that are not in the graph, or backwards");
      if (edges && edges[i].type != 0 && m.config.chip < 90)
        return m.refuse(driver::kInvalidValue, "a programmatic edge on a chip below 9.0");
      // A kernel that starts early and waits first does nothing before its predecessor has ended: the same order.
      graph->nodes[second]->after.push_back(first);
    }
    return driver::kSuccess;
  });
}

int cuGraphInstantiateWithFlags(driver::Executable* executable, driver::Graph handle, unsigned long long) {
  return call_on_device([&](Machine& m, Device&) -> Error {
    Graph* graph = find(m.graphs, handle);
    if (!graph)
      return no_handle(m, "graph");
    auto made = std::make_unique<Executable>();
    for (const auto& node : graph->nodes)
      made->nodes.push_back(*node);
    *executable = keep<driver::Executable>(m.executables, std::move(made));
    return driver::kSuccess;
  });
}

int cuGraphExecDestroy(driver::Executable executable) {
  return call([&](Machine& m) -> Error {
    for (const auto& d : m.devices)
      (void)m.drain(*d);
    return m.executables.erase(executable) ? driver::kSuccess : no_handle(m, "executable graph");
  });
}

int cuGraphUpload(driver::Executable executable, driver::Stream stream) {
  return call_on_stream(stream, [&](Machine& m, Device&, Stream&) {
    return find(m.executables, executable) ? driver::kSuccess : no_handle(m, "executable graph");
  });
}

int cuGraphLaunch(driver::Executable handle, driver::Stream stream) {
  return call_on_stream(stream, [&](Machine& m, Device& d, Stream& s) -> Error {
    Executable* executable = find(m.executables, handle);
    if (!executable)
      return no_handle(m, "executable graph");
    m.add(s, [&m, &d, executable] { return m.run(d, *executable); });
    return driver::kSuccess;
  });
}

// ---- Tensor maps

int cuTensorMapEncodeTiled(driver::TensorMap* map, int type, uint32_t rank, void* address,
                           const uint64_t* extents, const uint64_t* strides, const uint32_t* box,
                           const uint32_t* element_strides, int interleave, int swizzle, int promotion,
                           int fill) {
  return call([&](Machine& m) -> Error {
    simt::TensorMapFacts facts{uint32_t(type),    rank,
                               address,           extents,
                               strides,           box,
                               element_strides,   uint32_t(interleave),
                               uint32_t(swizzle), uint32_t(promotion),
                               uint32_t(fill)};
    if (std::string why = simt::encode_tensor_map(map, facts); !why.empty())
      return m.refuse(driver::kInvalidValue, why);
    // A real driver trusts the caller here.
    simt::TensorMapView view;
    memcpy(&view, map, sizeof view);
    uint64_t bytes = view.strides[0];
    for (uint32_t i = 0; i < rank; ++i)
      bytes += (view.dims[i] - 1) * view.strides[i];
    return in_device(m, reinterpret_cast<uintptr_t>(address), bytes) ? driver::kSuccess
                                                                     : outside(m, "a tensor map");
  });
}
