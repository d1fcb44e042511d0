// The latent cache as a plain store: for each layer and sequence slot the latents and rotated keys, by
// position.
#pragma once
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <vector>

namespace r1::interpret {

class LatentCache;

/// An SSA value of type !r1.cache: a store at one moment. Appending gives a later moment of the same store; a
/// read through an earlier one fails if a later append touched the layer, so that a graph whose order of
/// reads and appends is not its data flow is found out.
struct CacheValue {
  LatentCache* store = nullptr;
  uint64_t moment = 0;
};

class LatentCache {
public:
  /// Positions beyond this are refused: they come from files, and each costs memory.
  static constexpr int64_t kMaxPosition = 1 << 20;

  LatentCache(int64_t layers, int64_t kvLora, int64_t rope, int64_t slots);

  int64_t layers() const { return numLayers; }
  int64_t kvLora() const { return latentSize; }
  int64_t rope() const { return keySize; }
  int64_t slots() const { return numSlots; }
  CacheValue now() { return {this, moment}; }

  /// One token of an append: where its latent [kv_lora] and key [rope] go.
  struct Entry {
    int64_t slot, position;
    const float *latent, *key;
  };
  /// Stores the entries in order; a position stored twice keeps the later. Fails, with nothing stored, on a
  /// slot or position that does not exist.
  llvm::Expected<CacheValue> append(CacheValue at, int64_t layer, llvm::ArrayRef<Entry> entries);

  /// Latents [length][kv_lora] and keys [length][rope] of positions 0..length-1, valid until the next append.
  /// Fails where one of them was never stored.
  struct Context {
    const float *latents, *keys;
  };
  llvm::Expected<Context> read(CacheValue at, int64_t layer, int64_t slot, int64_t length) const;

private:
  struct Sequence {
    std::vector<float> latents, keys;
    std::vector<bool> stored;
  };
  const Sequence& sequence(int64_t layer, int64_t slot) const { return sequences[layer * numSlots + slot]; }

  int64_t numLayers, latentSize, keySize, numSlots;
  uint64_t moment = 0;
  std::vector<uint64_t> lastAppend; // moment of each layer's last append
  std::vector<Sequence> sequences;
};

} // namespace r1::interpret
