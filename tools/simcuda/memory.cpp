#include "tools/simcuda/memory.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <sys/mman.h>

namespace r1::simcuda {
namespace {

constexpr uint64_t kPage = 4096, kAlignment = 256, kGuard = 16 * kPage;
constexpr int kPoison = 0xff; // NaN in every type
constexpr uint8_t kWatch = 0xa5;
constexpr uint64_t kMostPoisoned = uint64_t(256) << 20; // more would only cost memory

uint64_t round_up(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }
uint8_t* bytes_at(uintptr_t address) { return reinterpret_cast<uint8_t*>(address); }

} // namespace

void Memory::clear() {
  for (const auto& [address, range] : ranges_)
    munmap(bytes_at(range.map), range.map_bytes);
  ranges_.clear();
  used_ = 0;
}

uintptr_t Memory::allocate(uint64_t bytes) {
  Range r;
  r.bytes = bytes;
  uint64_t aligned = round_up(bytes, kAlignment), body = round_up(aligned, kPage);
  r.map_bytes = body + 2 * kGuard;
  void* map = mmap(nullptr, r.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED)
    return 0;
  r.map = reinterpret_cast<uintptr_t>(map);
  uintptr_t begin = r.map + kGuard, end = begin + body, address = end - aligned;
  if (mprotect(bytes_at(begin), body, PROT_READ | PROT_WRITE) != 0) {
    munmap(map, r.map_bytes);
    return 0;
  }
  memset(bytes_at(begin), kWatch, address - begin);
  memset(bytes_at(address + bytes), kWatch, end - (address + bytes));
  if (bytes <= kMostPoisoned)
    memset(bytes_at(address), kPoison, bytes);
  ranges_[address] = r;
  used_ += aligned;
  return address;
}

std::string Memory::free(uintptr_t address, bool& known) {
  auto found = ranges_.find(address);
  known = found != ranges_.end();
  if (!known)
    return "";
  std::string damage = check(address, found->second);
  used_ -= round_up(found->second.bytes, kAlignment);
  munmap(bytes_at(found->second.map), found->second.map_bytes);
  ranges_.erase(found);
  return damage;
}

bool Memory::holds(uintptr_t address, uint64_t bytes) const {
  auto next = ranges_.upper_bound(address);
  if (next == ranges_.begin())
    return false;
  const auto& [begin, range] = *--next;
  return address - begin <= range.bytes && bytes <= range.bytes - (address - begin);
}

std::string Memory::check(uintptr_t address, const Range& r) {
  uintptr_t begin = r.map + kGuard, end = r.map + r.map_bytes - kGuard;
  auto written = [](uint8_t b) { return b != kWatch; };
  char text[128];
  const uint8_t* tail = std::find_if(bytes_at(address + r.bytes), bytes_at(end), written);
  if (tail != bytes_at(end)) {
    snprintf(text, sizeof text, "a write %zu bytes after the %llu bytes at %p",
             size_t(tail - bytes_at(address + r.bytes)), (unsigned long long)r.bytes, (void*)address);
    return text;
  }
  const uint8_t* head = std::find_if(bytes_at(begin), bytes_at(address), written);
  if (head != bytes_at(address)) {
    snprintf(text, sizeof text, "a write %zu bytes before the %llu bytes at %p",
             size_t(bytes_at(address) - head), (unsigned long long)r.bytes, (void*)address);
    return text;
  }
  return "";
}

std::string Memory::damage() {
  for (const auto& [address, range] : ranges_) {
    std::string text = check(address, range);
    if (text.empty())
      continue;
    uintptr_t begin = range.map + kGuard, end = range.map + range.map_bytes - kGuard;
    memset(bytes_at(begin), kWatch, address - begin);
    memset(bytes_at(address + range.bytes), kWatch, end - (address + range.bytes));
    return text;
  }
  return "";
}

bool Memory::describe(uintptr_t address, char* text, size_t size) const {
  for (const auto& [begin, range] : ranges_) {
    if (address < range.map || address >= range.map + range.map_bytes)
      continue;
    bool before = address < begin;
    snprintf(text, size, "%llu bytes %s the %llu bytes at %p",
             (unsigned long long)(before ? begin - address : address - (begin + range.bytes)),
             before ? "before" : "after", (unsigned long long)range.bytes, (void*)begin);
    return true;
  }
  return false;
}

} // namespace r1::simcuda
