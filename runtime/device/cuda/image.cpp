#include "runtime/device/cuda/image.h"

#include <map>

namespace r1::cuda {

Result<Image> Image::load(const Context& context, const artifact::Reader& reader,
                          const artifact::Target& target) {
  const Driver& driver = context.driver;
  std::string name = target.name()->str();
  R1_ASSIGN_OR_RETURN(std::vector<uint8_t> bytes,
                      reader.read_section(*target.image(), ("the image of " + name).c_str()));
  int most_shared = 0;
  R1_CUDA(driver, cuDeviceGetAttribute, "looking at the GPU", &most_shared, driver::kMaxSharedBytes,
          context.gpu.device);
  Image image;
  image.context_ = &context;
  std::map<std::pair<uint64_t, uint64_t>, driver::Library> modules;
  for (const artifact::Kernel* k : *target.kernels()) {
    driver::Library& module = modules[{k->code_offset(), k->code_bytes()}];
    if (!module) {
      // Aligned, and ended by a zero, as the driver wants code that is text.
      std::vector<uint8_t> code(bytes.begin() + ptrdiff_t(k->code_offset()),
                                bytes.begin() + ptrdiff_t(k->code_offset() + k->code_bytes()));
      code.push_back(0);
      std::string doing = "loading kernel " + k->name()->str() + " of " + name;
      R1_CUDA(driver, cuLibraryLoadData, doing.c_str(), &module, code.data(), nullptr, nullptr, 0, nullptr,
              nullptr, 0);
      image.libraries_.push_back(module);
    }
    std::string doing = "finding kernel " + k->name()->str() + " of " + name;
    driver::Kernel kernel = nullptr;
    R1_CUDA(driver, cuLibraryGetKernel, doing.c_str(), &kernel, module, k->symbol()->c_str());
    if (k->shared_bytes() > most_shared)
      return fail(
          Code::kUnsupported,
          "kernel %s of %s needs %d bytes of shared memory, a block on %s has at most %d; compile the "
          "model with --target %s",
          k->name()->c_str(), name.c_str(), k->shared_bytes(), context.gpu.name.c_str(), most_shared,
          best_processor(context.gpu.capability).c_str());
    if (uint32_t(k->shared_bytes()) > driver::kFreeSharedBytes)
      R1_CUDA(driver, cuKernelSetAttribute, doing.c_str(), driver::kMaxDynamicSharedBytes, k->shared_bytes(),
              kernel, context.gpu.device);
    image.kernels_.push_back(kernel);
  }
  return image;
}

Image& Image::operator=(Image&& other) noexcept {
  std::swap(context_, other.context_);
  std::swap(libraries_, other.libraries_);
  std::swap(kernels_, other.kernels_);
  return *this;
}

Image::~Image() {
  if (!context_ || !context_->enter().ok())
    return;
  for (driver::Library library : libraries_)
    (void)context_->driver.cuLibraryUnload(library);
}

} // namespace r1::cuda
