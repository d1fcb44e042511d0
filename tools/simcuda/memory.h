// Memory of a simulated device, and page-locked memory of the host. Each range lies between inaccessible pages, its end as
// close to the page behind it as alignment allows; what is left around it is watched for stray writes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace r1::simcuda {

class Memory {
public:
  Memory() = default;
  Memory(const Memory&) = delete;
  ~Memory() { clear(); }
  void clear(); // frees all

  // 256-byte aligned and full of NaN, up to some size; 0 where the system has no memory.
  uintptr_t allocate(uint64_t bytes);
  // "" or how the range was damaged; false in `known` where there is none at the address.
  std::string free(uintptr_t address, bool& known);
  // Whether a range of this memory holds all of [address, address + bytes).
  bool holds(uintptr_t address, uint64_t bytes) const;
  bool touches(uintptr_t address) const { return holds(address, 0); }
  // "" or which range had its surroundings written to, once.
  std::string damage();
  uint64_t used() const { return used_; }
  // Where an address lies that faulted: "4 bytes after the 1024 bytes at 0x..."; empty if near none of the ranges. Called from
  // a signal handler, so it writes to `text` and allocates nothing.
  bool describe(uintptr_t address, char* text, size_t size) const;

private:
  struct Range {
    uint64_t bytes;
    uintptr_t map; // guard, body, guard
    uint64_t map_bytes;
  };
  static std::string check(uintptr_t address, const Range& range);

  std::map<uintptr_t, Range> ranges_;
  uint64_t used_ = 0;
};

} // namespace r1::simcuda
