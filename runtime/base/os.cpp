#include "runtime/base/os.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <set>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace r1::os {

static constexpr uint64_t kHugePage = uint64_t(2) << 20;

static Status failed(int error, const char* what, const std::string& path) {
  char buffer[128];
  const char* reason = strerror_r(error, buffer, sizeof buffer);
  const char* cure = "";
  Code code = Code::kIo;
  switch (error) {
  case ENOENT:
  case ENOTDIR:
    code = Code::kNotFound;
    break;
  case ENOMEM:
    code = Code::kOutOfMemory;
    break;
  case ENOSPC:
  case EDQUOT:
    cure = "; free some space or choose another place";
    break;
  case EACCES:
  case EPERM:
    cure = "; check the permissions";
    break;
  }
  return fail(code, "%s: cannot %s: %s%s", path.c_str(), what, reason, cure);
}

Result<File> File::open(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return failed(errno, "open", path);
  struct stat info;
  if (fstat(fd, &info) != 0) {
    int error = errno;
    ::close(fd);
    return failed(error, "look at", path);
  }
  File file(fd, uint64_t(info.st_size), path);
  if (!S_ISREG(info.st_mode))
    return fail(Code::kInvalidArgument, "%s: not a regular file; give the name of an artifact", path.c_str());
  return file;
}

File::File(File&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), bytes_(other.bytes_), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(bytes_, other.bytes_);
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (fd_ >= 0)
    ::close(fd_);
}

Status File::read(uint64_t offset, std::span<uint8_t> out) const {
  while (!out.empty()) {
    ssize_t got = ::pread(fd_, out.data(), std::min<size_t>(out.size(), 1u << 30), off_t(offset));
    if (got < 0) {
      if (errno == EINTR)
        continue;
      return failed(errno, "read", path_);
    }
    if (got == 0)
      return fail(Code::kCorrupt,
                  "%s: ends at byte %llu, %llu more were expected; the file is truncated, copy it again",
                  path_.c_str(), (unsigned long long)offset, (unsigned long long)out.size());
    offset += uint64_t(got);
    out = out.subspan(size_t(got));
  }
  return Status();
}

Result<DirectFile> DirectFile::open(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
  bool direct = fd >= 0;
  if (!direct && errno == EINVAL) // a file system that knows no direct reading, such as tmpfs
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return failed(errno, "open", path);
  return DirectFile(fd, direct, path);
}

DirectFile::DirectFile(DirectFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), direct_(other.direct_), path_(std::move(other.path_)) {}

DirectFile& DirectFile::operator=(DirectFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(direct_, other.direct_);
  std::swap(path_, other.path_);
  return *this;
}

DirectFile::~DirectFile() {
  if (fd_ >= 0)
    ::close(fd_);
}

Status DirectFile::read(uint64_t offset, uint64_t bytes, uint8_t* out) {
  for (uint64_t done = 0; done < bytes;) {
    // A direct read is whole blocks; the file may end inside the last one. After a short one only an ordinary read can go on.
    uint64_t wanted = direct_ ? (bytes - done + kAlignment - 1) / kAlignment * kAlignment : bytes - done;
    ssize_t got = ::pread(fd_, out + done, std::min<size_t>(wanted, 1u << 30), off_t(offset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0 && errno != EINVAL)
      return failed(errno, "read", path_);
    if (got == 0)
      return fail(Code::kCorrupt,
                  "%s: ends at byte %llu, %llu more were expected; the file is truncated, copy it again",
                  path_.c_str(), (unsigned long long)(offset + done), (unsigned long long)(bytes - done));
    done += got > 0 ? uint64_t(got) : 0;
    if (direct_ && done < bytes && (got < 0 || done % kAlignment != 0)) {
      int flags = fcntl(fd_, F_GETFL);
      if (flags < 0 || fcntl(fd_, F_SETFL, flags & ~O_DIRECT) != 0)
        return failed(errno, "read", path_);
      direct_ = false;
    } else if (got < 0) {
      return failed(EINVAL, "read", path_);
    }
  }
  return Status();
}

Result<OutputFile> OutputFile::create(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) { // a pipe or a device is written as it is
    int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0)
      return failed(errno, "open for writing", path);
    return OutputFile(fd, path, "");
  }
  for (int attempt = 0; attempt < 16; ++attempt) {
    std::string temporary = path + format(".%08x.partial", unsigned(entropy()));
    int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0)
      return OutputFile(fd, path, std::move(temporary));
    if (errno != EEXIST)
      return failed(errno, "create", path);
  }
  return failed(EEXIST, "create", path);
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), end_(other.end_), path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)) {
  other.temporary_.clear();
}

OutputFile::~OutputFile() {
  if (fd_ >= 0)
    ::close(fd_);
  if (!temporary_.empty())
    ::unlink(temporary_.c_str());
}

Status OutputFile::write(std::span<const uint8_t> bytes) {
  end_ += bytes.size();
  while (!bytes.empty()) {
    ssize_t put = ::write(fd_, bytes.data(), std::min<size_t>(bytes.size(), 1u << 30));
    if (put < 0 && errno != EINTR)
      return failed(errno, "write", path_);
    if (put > 0)
      bytes = bytes.subspan(size_t(put));
  }
  return Status();
}

Status OutputFile::write_at(uint64_t offset, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    ssize_t put = ::pwrite(fd_, bytes.data(), std::min<size_t>(bytes.size(), 1u << 30), off_t(offset));
    if (put < 0 && errno != EINTR)
      return failed(errno, "write", path_);
    if (put > 0) {
      offset += uint64_t(put);
      bytes = bytes.subspan(size_t(put));
    }
  }
  return Status();
}

Status OutputFile::commit() {
  if (fsync(fd_) != 0 && errno != EINVAL && errno != EROFS)
    return failed(errno, "write", path_);
  if (::close(std::exchange(fd_, -1)) != 0)
    return failed(errno, "write", path_);
  if (!temporary_.empty() && ::rename(temporary_.c_str(), path_.c_str()) != 0)
    return failed(errno, "name the finished file", path_);
  temporary_.clear();
  return Status();
}

Result<size_t> read_some(int descriptor, std::span<uint8_t> out) {
  ssize_t got = ::read(descriptor, out.data(), out.size());
  if (got < 0 && errno != EINTR)
    return failed(errno, "read", descriptor == 0 ? "standard input" : "input");
  return got < 0 ? 0 : size_t(got);
}

Status write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    ssize_t put = ::write(descriptor, text.data(), text.size());
    if (put < 0 && errno == EPIPE)
      return fail(Code::kCancelled, "nobody reads the output any more");
    if (put < 0 && errno != EINTR)
      return failed(errno, "write", descriptor == 1 ? "standard output" : "output");
    if (put > 0)
      text.remove_prefix(size_t(put));
  }
  return Status();
}

Result<Memory> Memory::allocate(uint64_t bytes) {
  Memory memory;
  if (bytes == 0)
    return memory;
  if (bytes > (uint64_t(1) << 46))
    return fail(Code::kOutOfMemory, "%llu bytes of memory wanted", (unsigned long long)bytes);
  uint64_t rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  // One huge page more than wanted, then both ends are cut so that what stays begins on a huge page.
  uint64_t whole = rounded + kHugePage;
  void* base =
      mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED)
    return fail(Code::kOutOfMemory,
                "the system refused %.1f MiB of memory; close other programs or use a smaller model",
                double(whole) / (1 << 20));
  uint64_t start = reinterpret_cast<uintptr_t>(base);
  uint64_t aligned = (start + kHugePage - 1) / kHugePage * kHugePage;
  if (aligned > start)
    munmap(base, aligned - start);
  uint64_t tail = start + whole - (aligned + rounded);
  if (tail > 0)
    munmap(reinterpret_cast<void*>(aligned + rounded), tail);
  memory.data_ = reinterpret_cast<uint8_t*>(aligned);
  memory.bytes_ = rounded;
  (void)madvise(memory.data_, rounded, MADV_HUGEPAGE); // a wish; ordinary pages are right too, only slower
  return memory;
}

Result<Memory> Memory::map(const File& file, uint64_t offset, uint64_t bytes) {
  Memory memory;
  if (bytes == 0)
    return memory;
  void* base = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file.descriptor(), off_t(offset));
  if (base == MAP_FAILED)
    return failed(errno, "map", file.path());
  (void)madvise(base, bytes, MADV_WILLNEED);
  memory.data_ = static_cast<uint8_t*>(base);
  memory.bytes_ = bytes;
  return memory;
}

Memory& Memory::operator=(Memory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Memory::~Memory() {
  if (data_)
    munmap(data_, bytes_);
}

static std::string memory_path(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

Result<SharedObject> SharedObject::load(std::span<const uint8_t> image, const std::string& name) {
  int fd = memfd_create(name.c_str(), MFD_CLOEXEC);
  if (fd < 0)
    return failed(errno, "create memory for", name);
  const uint8_t* from = image.data();
  for (size_t left = image.size(); left > 0;) {
    ssize_t put = ::write(fd, from, left);
    if (put < 0) {
      int error = errno;
      if (error == EINTR)
        continue;
      ::close(fd);
      return failed(error, "write", name);
    }
    from += put;
    left -= size_t(put);
  }
  SharedObject object;
  object.fd_ = fd;
  object.handle_ = dlopen(memory_path(fd).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (object.handle_)
    return object;
  const char* reason = dlerror();
  return fail(Code::kCorrupt, "the machine code of %s cannot be loaded: %s; compile the artifact again",
              name.c_str(), reason ? reason : "no reason given");
}

SharedObject& SharedObject::operator=(SharedObject&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(fd_, other.fd_);
  return *this;
}

SharedObject::~SharedObject() {
  if (handle_)
    dlclose(handle_);
  if (fd_ >= 0)
    ::close(fd_);
}

Result<void*> SharedObject::symbol(const char* name) const {
  void* address = handle_ ? dlsym(handle_, name) : nullptr;
  if (!address)
    return fail(Code::kCorrupt, "the machine code has no symbol %s; compile the artifact again", name);
  return address;
}

Result<void*> resident_symbol(const std::string& name, const char* symbol) {
  void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char* reason = dlerror();
    return fail(Code::kNotFound, "%s", reason ? reason : (name + " cannot be loaded").c_str());
  }
  void* address = dlsym(handle, symbol);
  if (!address)
    return fail(Code::kUnsupported, "%s has no symbol %s", name.c_str(), symbol);
  return address;
}

std::string executable_folder() {
  char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  std::string_view whole(path, length > 0 ? size_t(length) : 0);
  size_t slash = whole.rfind('/');
  return slash == whole.npos ? "" : std::string(whole.substr(0, slash));
}

std::string environment(const char* name) {
  const char* value = getenv(name);
  return value ? value : "";
}

// The whole of a small file of /proc or /sys; empty where there is none.
static std::string slurp(const std::string& path) {
  std::string text;
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return text;
  char buffer[4096];
  for (ssize_t got; (got = ::read(fd, buffer, sizeof buffer)) > 0;)
    text.append(buffer, size_t(got));
  ::close(fd);
  return text;
}

uint64_t available_memory() {
  uint64_t best = uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE));
  std::string info = slurp("/proc/meminfo");
  if (size_t at = info.find("MemAvailable:"); at != std::string::npos)
    best = strtoull(info.c_str() + at + 13, nullptr, 10) * 1024;
  std::string limit = slurp("/sys/fs/cgroup/memory.max"), used = slurp("/sys/fs/cgroup/memory.current");
  if (!limit.empty() && limit[0] != 'm' && !used.empty()) {
    uint64_t most = strtoull(limit.c_str(), nullptr, 10), now_used = strtoull(used.c_str(), nullptr, 10);
    best = std::min(best, most > now_used ? most - now_used : 0);
  }
  return best;
}

int default_threads() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    return 1;
  std::set<std::string> cores; // distinct sets of siblings: one physical core each
  int threads = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed))
      continue;
    ++threads;
    std::string siblings =
        slurp("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
    cores.insert(siblings.empty() ? std::to_string(cpu) : siblings);
  }
  int count = std::min(threads, int(cores.size()));
  std::string quota = slurp("/sys/fs/cgroup/cpu.max"); // "max 100000" or "150000 100000"
  if (!quota.empty() && quota[0] != 'm') {
    char* rest = nullptr;
    double most = strtod(quota.c_str(), &rest), period = strtod(rest, nullptr);
    if (period > 0)
      count = std::min(count, int((most + period - 1) / period));
  }
  return std::max(1, count);
}

Status request_amx() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18; // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  if (syscall(SYS_arch_prctl, kRequestPermission, kTileData) != 0)
    return fail(Code::kUnsupported,
                "the kernel refuses the AMX tile registers (%s); use a Linux kernel of 5.16 or newer, "
                "or an image without AMX (r1c compile --target cpu:x86-64-v4)",
                strerror(errno));
  return Status();
}

double now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

uint64_t entropy() {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != ssize_t(sizeof seed))
    seed = uint64_t(now() * 1e9) ^ uint64_t(getpid());
  return seed;
}

} // namespace r1::os
