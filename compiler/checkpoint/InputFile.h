// Read-only access to one regular file of a checkpoint: ranges by pread, ranges by mapping. Nothing is ever
// mapped or read whole unless asked, because a checkpoint is larger than memory.
#pragma once
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace r1::checkpoint {

// An error that carries one line of text.
llvm::Error fail(const llvm::Twine& message);

// 'text' in single quotes for a message: control bytes escaped, long text cut.
std::string quote(llvm::StringRef text);

// Owns a mapping; the bytes stay valid as long as it lives. A file that another process shortens meanwhile
// makes access fault (SIGBUS): where that matters, use readAt, which reports it.
class MappedRange {
public:
  MappedRange() = default;
  MappedRange(MappedRange&& other) noexcept;
  MappedRange& operator=(MappedRange&& other) noexcept;
  ~MappedRange();
  llvm::ArrayRef<uint8_t> bytes() const { return view; }

private:
  friend class InputFile;
  void* base = nullptr;
  size_t length = 0;
  llvm::ArrayRef<uint8_t> view;
};

// Owns a file descriptor. Const members may be called from many threads at once.
class InputFile {
public:
  // Fails with one line if `path` cannot be opened or is not a regular file (symbolic links are followed: a
  // Hugging Face cache consists of them).
  static llvm::Expected<InputFile> open(llvm::StringRef path);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;
  ~InputFile();

  const std::string& path() const { return name; }
  uint64_t size() const { return length; }

  // Fills `out` from `offset`; a file that ends before is an error that names both sizes.
  llvm::Error readAt(uint64_t offset, llvm::MutableArrayRef<uint8_t> out) const;
  llvm::Expected<MappedRange> map(uint64_t offset, uint64_t bytes) const;

private:
  InputFile() = default;
  std::string name;
  int descriptor = -1;
  uint64_t length = 0;
};

// The whole of a small text file; one above `limit` bytes is refused unread.
llvm::Expected<std::string> readTextFile(llvm::StringRef path, uint64_t limit);

} // namespace r1::checkpoint
