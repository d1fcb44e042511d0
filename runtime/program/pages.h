// Which physical pages of the paged cache are free. Pages are handed out lowest first, so equal runs use equal pages.
#pragma once
#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

namespace r1 {

class PageAllocator {
public:
  explicit PageAllocator(int32_t pages) {
    for (int32_t p = 0; p < pages; ++p)
      free_.push(p);
  }
  size_t free() const { return free_.size(); }
  // -1 where none is free.
  int32_t take() {
    if (free_.empty())
      return -1;
    int32_t page = free_.top();
    free_.pop();
    return page;
  }
  void give_back(int32_t page) { free_.push(page); }

private:
  std::priority_queue<int32_t, std::vector<int32_t>, std::greater<int32_t>> free_;
};

} // namespace r1
