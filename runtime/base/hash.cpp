#include "runtime/base/hash.h"

#include <sodium.h>

namespace r1 {

// libsodium's own state type is 64-byte aligned, which operator new honours.
struct Hasher::State {
  crypto_generichash_state inner;
};

Hasher::Hasher() {
  static const int ready = sodium_init(); // chooses the implementation for this CPU; harmless where it fails
  (void)ready;
  state_ = std::make_unique<State>();
  crypto_generichash_init(&state_->inner, nullptr, 0, sizeof(HashBytes));
}

Hasher::~Hasher() = default;

void Hasher::add(std::span<const uint8_t> bytes) {
  crypto_generichash_update(&state_->inner, bytes.data(), bytes.size());
}

HashBytes Hasher::finish() {
  HashBytes out;
  crypto_generichash_final(&state_->inner, out.data(), out.size());
  return out;
}

HashBytes hash(std::span<const uint8_t> bytes) {
  Hasher hasher;
  hasher.add(bytes);
  return hasher.finish();
}

} // namespace r1
