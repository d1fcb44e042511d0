// Kernels built for the host, in place of a GPU's modules: shared objects in memory, as kernels/primitives/cuda makes them.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/simt/entry.h"
#include "runtime/device/cuda/driver_api.h"

namespace r1::simcuda {

struct Kernel {
  std::string name;
  simt::Entry entry;
  simt::KernelInfo info;
  uint32_t shared_allowed = driver::kFreeSharedBytes; // dynamic, of a block
};

class Image {
public:
  // What the driver would say of `code`, and why in `reason`.
  static driver::Error load(const void* code, std::unique_ptr<Image>& image, std::string& reason);
  Image(const Image&) = delete;
  ~Image();

  // Null where the image has none of that name.
  Kernel* find(const std::string& name);
  bool owns(const Kernel* kernel) const;

private:
  Image() = default;
  void* handle_ = nullptr;
  int fd_ = -1;
  std::map<std::string, std::unique_ptr<Kernel>> kernels_;
};

} // namespace r1::simcuda
