// The kernels of a target, loaded into a context.
#pragma once
#include <vector>

#include "runtime/artifact/reader.h"
#include "runtime/device/cuda/context.h"

namespace r1::cuda {

class Image {
public:
  Image() = default;
  // Loads every module of the target's image once; its hash is verified.
  static Result<Image> load(const Context& context, const artifact::Reader& reader,
                            const artifact::Target& target);
  Image(Image&& other) noexcept { *this = std::move(other); }
  Image& operator=(Image&& other) noexcept;
  ~Image();

  // By number in Target.kernels.
  driver::Kernel kernel(uint32_t number) const { return kernels_[number]; }

private:
  const Context* context_ = nullptr;
  std::vector<driver::Library> libraries_;
  std::vector<driver::Kernel> kernels_;
};

} // namespace r1::cuda
