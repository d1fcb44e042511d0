// Everything the runtime asks of the operating system. The one place where errno becomes a Status.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/status.h"

namespace r1::os {

// An open file, read by absolute offset, so that many threads may read at once. Closes itself.
class File {
public:
  static Result<File> open(const std::string& path);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  const std::string& path() const { return path_; }
  uint64_t bytes() const { return bytes_; }
  // Reads exactly `out.size()` bytes or fails; a file that ends early is kCorrupt.
  Status read(uint64_t offset, std::span<uint8_t> out) const;
  int descriptor() const { return fd_; }

private:
  File(int fd, uint64_t bytes, std::string path) : fd_(fd), bytes_(bytes), path_(std::move(path)) {}
  int fd_ = -1;
  uint64_t bytes_ = 0;
  std::string path_;
};

// A file that appears under its name only when commit() has succeeded: until then it is a temporary file beside it,
// which the destructor removes. A name that is a pipe or a device is written directly.
class OutputFile {
public:
  static Result<OutputFile> create(const std::string& path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  Status write(std::span<const uint8_t> bytes); // after what write() wrote before
  Status write_at(uint64_t offset, std::span<const uint8_t> bytes);
  uint64_t bytes() const { return end_; } // written by write()
  Status commit();                        // flushed to the disk, then renamed

private:
  OutputFile(int fd, std::string path, std::string temporary)
      : fd_(fd), path_(std::move(path)), temporary_(std::move(temporary)) {}
  int fd_ = -1;
  uint64_t end_ = 0;
  std::string path_, temporary_;
};

// Reads what is there from a descriptor such as 0, the standard input; 0 at its end, or when a signal came.
Result<size_t> read_some(int descriptor, std::span<uint8_t> out);
// Writes all of it to a descriptor such as 1, the standard output. kCancelled where its reader has gone away.
Status write_all(int descriptor, std::string_view text);

// A range of address space, 2 MiB aligned where it is anonymous. Unmaps itself.
class Memory {
public:
  Memory() = default;
  // Zeroed; backed by huge pages where the system grants them.
  static Result<Memory> allocate(uint64_t bytes);
  // A read-only private view of a file; `offset` a multiple of the page size.
  static Result<Memory> map(const File& file, uint64_t offset, uint64_t bytes);
  Memory(Memory&& other) noexcept { *this = static_cast<Memory&&>(other); }
  Memory& operator=(Memory&& other) noexcept;
  ~Memory();

  uint8_t* data() const { return data_; }
  uint64_t bytes() const { return bytes_; }

private:
  uint8_t* data_ = nullptr;
  uint64_t bytes_ = 0;
};

// A file read past the page cache where its file system can do that, as suits weights that are read once.
class DirectFile {
public:
  static constexpr uint64_t kAlignment = 4096; // of offsets and addresses
  static Result<DirectFile> open(const std::string& path);
  DirectFile(DirectFile&& other) noexcept;
  DirectFile& operator=(DirectFile&& other) noexcept;
  ~DirectFile();

  // Reads `bytes` bytes or fails. `offset` and `out` aligned; `out` has room for `bytes` rounded up to kAlignment.
  Status read(uint64_t offset, uint64_t bytes, uint8_t* out);

private:
  DirectFile(int fd, bool direct, std::string path) : fd_(fd), direct_(direct), path_(std::move(path)) {}
  int fd_ = -1;
  bool direct_ = false;
  std::string path_;
};

// Machine code in the format of the system's loader, held in memory. Unloads itself.
class SharedObject {
public:
  SharedObject() = default;
  // The bytes need not come from a file of their own.
  static Result<SharedObject> load(std::span<const uint8_t> image, const std::string& name);
  SharedObject(SharedObject&& other) noexcept { *this = static_cast<SharedObject&&>(other); }
  SharedObject& operator=(SharedObject&& other) noexcept;
  ~SharedObject();

  Result<void*> symbol(const char* name) const;

private:
  void* handle_ = nullptr;
  int fd_ =
      -1; // the loader knows an object by its path, /proc/self/fd/N: N must not mean another one meanwhile
};

// Loads a library of the system, for as long as the process lives, and finds one of its symbols. `name` is a path, or a
// bare file name for the loader to look for. kNotFound where there is no such library, with the loader's reason; kUnsupported where it lacks the symbol.
Result<void*> resident_symbol(const std::string& name, const char* symbol);
// The folder that the running program lies in, without a slash at the end; empty where that cannot be told.
std::string executable_folder();
// The value of an environment variable; empty where it is not set.
std::string environment(const char* name);

// Bytes that can be allocated without swapping: what the kernel calls available, less where a control group allows less.
uint64_t available_memory();
// Cores this process may use: affinity mask, one thread a physical core, control group quota. At least 1.
int default_threads();
// Asks for the AMX tile state; ok where it was granted.
Status request_amx();
// Seconds on a clock that never steps.
double now();
// A seed that differs from run to run.
uint64_t entropy();

} // namespace r1::os
