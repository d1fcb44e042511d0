#include "compiler/plan/Arena.h"

#include <algorithm>
#include <numeric>

namespace r1::plan {

int64_t placeIntervals(std::vector<Interval>& intervals, int64_t alignment) {
  std::vector<size_t> order(intervals.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return intervals[a].bytes > intervals[b].bytes; });
  int64_t arena = 0;
  std::vector<const Interval*> placed; // by offset
  for (size_t index : order) {
    Interval& item = intervals[index];
    int64_t bytes = (item.bytes + alignment - 1) / alignment * alignment, offset = 0;
    for (const Interval* other : placed) {
      if (other->last < item.first || item.last < other->first)
        continue;
      if (offset + bytes <= other->offset)
        break;
      int64_t end = other->offset + other->bytes;
      offset = std::max(offset, (end + alignment - 1) / alignment * alignment);
    }
    item.offset = offset;
    arena = std::max(arena, offset + bytes);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), &item,
                         [](const Interval* a, const Interval* b) { return a->offset < b->offset; }),
        &item);
  }
  return arena;
}

} // namespace r1::plan
