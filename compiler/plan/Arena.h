// Placing activations of known lifetime in one arena.
#pragma once
#include <cstdint>
#include <vector>

namespace r1::plan {

/// An activation: alive from step `first` to step `last`, both included. `offset` is the result.
struct Interval {
  int64_t bytes, first, last;
  int64_t offset = -1;
};

/// Gives every interval an offset (a multiple of `alignment`) so that intervals that live at the same time do not overlap; returns the arena's
/// size. Largest first, each at the lowest offset that fits: close to the best in practice, and the same for the same input.
int64_t placeIntervals(std::vector<Interval>& intervals, int64_t alignment);

} // namespace r1::plan
