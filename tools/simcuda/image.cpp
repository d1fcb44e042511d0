#include "tools/simcuda/image.h"

#include <algorithm>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

namespace r1::simcuda {
namespace {

constexpr uint16_t kCudaMachine = 190; // EM_CUDA

// A driver is given no length: that of an object is where its last part ends.
size_t object_bytes(const uint8_t* code, const Elf64_Ehdr& header) {
  size_t end = header.e_shoff + size_t(header.e_shnum) * header.e_shentsize;
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr part;
    memcpy(&part, code + header.e_phoff + size_t(i) * header.e_phentsize, sizeof part);
    end = std::max(end, size_t(part.p_offset + part.p_filesz));
  }
  return end;
}

// Images call the emulator that lies in this library, which whoever loaded it may have kept to himself.
void show_own_symbols() {
  static const bool done = [] {
    Dl_info self;
    if (dladdr(reinterpret_cast<void*>(&show_own_symbols), &self))
      dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
    return true;
  }();
  (void)done;
}

} // namespace

driver::Error Image::load(const void* code, std::unique_ptr<Image>& out, std::string& reason) {
  Elf64_Ehdr header;
  if (memcmp(code, ELFMAG, SELFMAG) != 0) {
    reason = "the image is no ELF object";
    return driver::kInvalidImage;
  }
  memcpy(&header, code, sizeof header);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64) {
    reason = header.e_machine == kCudaMachine
                 ? "the image holds code of a real GPU, this one is simulated: compile for sim:sm_.."
                 : "the image is for another machine";
    return driver::kNoBinaryForGpu;
  }
  std::unique_ptr<Image> image(new Image);
  size_t bytes = object_bytes(static_cast<const uint8_t*>(code), header);
  image->fd_ = memfd_create("simcuda", MFD_CLOEXEC);
  const uint8_t* from = static_cast<const uint8_t*>(code);
  for (size_t done = 0; image->fd_ >= 0 && done < bytes;) {
    ssize_t put = write(image->fd_, from + done, bytes - done);
    if (put <= 0) {
      reason = "no memory for the image";
      return driver::kOperatingSystem;
    }
    done += size_t(put);
  }
  show_own_symbols();
  // The loader knows objects by their paths, so the descriptor stays open as long as this one is loaded.
  std::string path = "/proc/self/fd/" + std::to_string(image->fd_);
  image->handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!image->handle_) {
    const char* why = dlerror();
    reason = why ? why : "the image cannot be loaded";
    return driver::kInvalidImage;
  }
  out = std::move(image);
  return driver::kSuccess;
}

Image::~Image() {
  if (handle_)
    dlclose(handle_);
  // Code with unique symbols of C++ may stay for good, and its path with it.
  std::string path = "/proc/self/fd/" + std::to_string(fd_);
  if (handle_ && dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD))
    return;
  if (fd_ >= 0)
    close(fd_);
}

Kernel* Image::find(const std::string& name) {
  std::unique_ptr<Kernel>& kernel = kernels_[name];
  if (!kernel) {
    auto entry = reinterpret_cast<simt::Entry>(dlsym(handle_, name.c_str()));
    auto info = static_cast<const simt::KernelInfo*>(dlsym(handle_, (name + "_info").c_str()));
    if (!entry || !info) {
      kernels_.erase(name);
      return nullptr;
    }
    kernel = std::make_unique<Kernel>(Kernel{name, entry, *info});
  }
  return kernel.get();
}

bool Image::owns(const Kernel* kernel) const {
  return std::any_of(kernels_.begin(), kernels_.end(),
                     [&](const auto& k) { return k.second.get() == kernel; });
}

} // namespace r1::simcuda
