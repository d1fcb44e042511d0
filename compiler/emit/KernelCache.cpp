#include "compiler/emit/KernelCache.h"

#include "compiler/emit/CudaCodegen.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

namespace r1 {
namespace {

std::string hashOf(llvm::StringRef a, llvm::StringRef b) {
  llvm::BLAKE3 hash;
  hash.update(a);
  hash.update(llvm::StringRef("\0", 1));
  hash.update(b);
  return llvm::toHex(hash.final<16>(), /*LowerCase=*/true);
}

// The file: a hash of the rest, then each part behind its size.
std::string serialize(const CompiledCode& code) {
  std::string body;
  for (const std::string* part : {&code.elf, &code.ptx, &code.log}) {
    char size[8];
    llvm::support::endian::write64le(size, part->size());
    body.append(size, 8);
    body += *part;
  }
  return hashOf("r1c kernel", body) + body;
}

std::optional<CompiledCode> parse(llvm::StringRef file) {
  if (file.size() < 32 || file.take_front(32) != hashOf("r1c kernel", file.drop_front(32)))
    return std::nullopt;
  file = file.drop_front(32);
  CompiledCode code;
  for (std::string* part : {&code.elf, &code.ptx, &code.log}) {
    if (file.size() < 8)
      return std::nullopt;
    uint64_t size = llvm::support::endian::read64le(file.data());
    file = file.drop_front(8);
    if (size > file.size())
      return std::nullopt;
    *part = file.take_front(size).str();
    file = file.drop_front(size);
  }
  return code;
}

} // namespace

KernelCache::KernelCache(std::string folder, llvm::StringRef key)
    : folder(std::move(folder)), keyHash(hashOf("r1c key", key)) {}

std::string KernelCache::pathOf(llvm::StringRef source) const {
  return folder + "/" + hashOf(keyHash, source) + ".kernel";
}

std::optional<CompiledCode> KernelCache::find(llvm::StringRef source) const {
  if (folder.empty())
    return std::nullopt;
  auto file = llvm::MemoryBuffer::getFile(pathOf(source), /*IsText=*/false, /*RequiresNullTerminator=*/false);
  return file ? parse((*file)->getBuffer()) : std::nullopt;
}

void KernelCache::store(llvm::StringRef source, const CompiledCode& code) const {
  if (folder.empty() || llvm::sys::fs::create_directories(folder))
    return;
  // Written aside and renamed, so that nobody reads half a file.
  int descriptor = -1;
  llvm::SmallString<128> temporary;
  if (llvm::sys::fs::createUniqueFile(folder + "/%%%%%%%%.new", descriptor, temporary))
    return;
  llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
  stream << serialize(code);
  stream.close();
  bool failed = stream.has_error();
  stream.clear_error();
  if (failed || llvm::sys::fs::rename(temporary, pathOf(source)))
    llvm::sys::fs::remove(temporary);
}

std::string defaultKernelCache() {
  if (auto own = llvm::sys::Process::GetEnv("R1C_CACHE"))
    return *own;
  llvm::SmallString<128> folder;
  if (!llvm::sys::path::cache_directory(folder))
    return "";
  llvm::sys::path::append(folder, "r1c");
  return folder.str().str();
}

} // namespace r1
