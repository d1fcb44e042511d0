// BLAKE2b-256, the one hash of artifacts.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace r1 {

using HashBytes = std::array<uint8_t, 32>;

class Hasher {
public:
  Hasher();
  ~Hasher();
  void add(std::span<const uint8_t> bytes);
  HashBytes finish(); // once

private:
  struct State;
  std::unique_ptr<State> state_;
};

HashBytes hash(std::span<const uint8_t> bytes);

} // namespace r1
