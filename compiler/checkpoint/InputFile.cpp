#include "compiler/checkpoint/InputFile.h"
#include "llvm/Support/raw_ostream.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace llvm;

namespace r1::checkpoint {

Error fail(const Twine& message) { return createStringError(inconvertibleErrorCode(), message); }

std::string quote(StringRef text) {
  constexpr size_t kShown = 200;
  std::string out = "'";
  for (unsigned char c : text.take_front(kShown)) {
    if (c < 0x20 || c == 0x7f)
      out += ("\\x" + Twine::utohexstr(c)).str();
    else
      out += static_cast<char>(c);
  }
  if (text.size() > kShown)
    out += "...";
  return out + "'";
}

MappedRange::MappedRange(MappedRange&& other) noexcept { *this = std::move(other); }

MappedRange& MappedRange::operator=(MappedRange&& other) noexcept {
  std::swap(base, other.base);
  std::swap(length, other.length);
  std::swap(view, other.view);
  return *this;
}

MappedRange::~MappedRange() {
  if (base)
    munmap(base, length);
}

InputFile::InputFile(InputFile&& other) noexcept { *this = std::move(other); }

InputFile& InputFile::operator=(InputFile&& other) noexcept {
  std::swap(name, other.name);
  std::swap(descriptor, other.descriptor);
  std::swap(length, other.length);
  return *this;
}

InputFile::~InputFile() {
  if (descriptor >= 0)
    close(descriptor);
}

Expected<InputFile> InputFile::open(StringRef path) {
  InputFile file;
  file.name = path.str();
  // O_NONBLOCK: opening a named pipe must fail the regular-file check below, not wait for a writer.
  file.descriptor = ::open(file.name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file.descriptor < 0) {
    int code = errno;
    std::string cure = code == ENOENT   ? "; check the folder, or fetch the missing file"
                       : code == EACCES ? "; grant read permission"
                       : code == EMFILE ? "; raise the limit on open files (ulimit -n)"
                                        : "";
    return fail(Twine(path) + ": cannot be opened: " + std::strerror(code) + cure);
  }
  struct stat status;
  if (fstat(file.descriptor, &status) != 0)
    return fail(Twine(path) + ": cannot be inspected: " + std::strerror(errno));
  if (!S_ISREG(status.st_mode))
    return fail(Twine(path) + ": is not a regular file; name a file with contents");
  file.length = static_cast<uint64_t>(status.st_size);
  return file;
}

Error InputFile::readAt(uint64_t offset, MutableArrayRef<uint8_t> out) const {
  uint64_t done = 0;
  while (done < out.size()) {
    ssize_t count =
        pread(descriptor, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return fail(Twine(name) + ": reading at byte " + Twine(offset + done) +
                  " failed: " + std::strerror(errno));
    if (count == 0)
      return fail(Twine(name) + ": ends at byte " + Twine(offset + done) + ", expected at least " +
                  Twine(offset + out.size()) + " bytes; the file is cut off, fetch it again");
    done += static_cast<uint64_t>(count);
  }
  return Error::success();
}

Expected<MappedRange> InputFile::map(uint64_t offset, uint64_t bytes) const {
  MappedRange range;
  if (offset > length || bytes > length - offset)
    return fail(Twine(name) + ": has " + Twine(length) + " bytes, expected at least " + Twine(offset) +
                " + " + Twine(bytes) + "; the file is cut off, fetch it again");
  if (bytes == 0)
    return range;
  uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE)), slack = offset % page;
  void* base =
      mmap(nullptr, bytes + slack, PROT_READ, MAP_PRIVATE, descriptor, static_cast<off_t>(offset - slack));
  if (base == MAP_FAILED)
    return fail(Twine(name) + ": cannot be mapped: " + std::strerror(errno));
  range.base = base;
  range.length = bytes + slack;
  range.view = ArrayRef<uint8_t>(static_cast<const uint8_t*>(base) + slack, bytes);
  return range;
}

Expected<std::string> readTextFile(StringRef path, uint64_t limit) {
  Expected<InputFile> file = InputFile::open(path);
  if (!file)
    return file.takeError();
  if (file->size() > limit)
    return fail(Twine(path) + ": has " + Twine(file->size()) + " bytes, expected at most " + Twine(limit) +
                "; this is not the file that its name says");
  std::string text(file->size(), '\0');
  if (Error error = file->readAt(0, {reinterpret_cast<uint8_t*>(text.data()), text.size()}))
    return std::move(error);
  return text;
}

} // namespace r1::checkpoint
