#include "compiler/interpret/LatentCache.h"

#include "compiler/checkpoint/InputFile.h"
#include <algorithm>

using r1::checkpoint::fail;

namespace r1::interpret {

LatentCache::LatentCache(int64_t layers, int64_t kvLora, int64_t rope, int64_t slots)
    : numLayers(layers), latentSize(kvLora), keySize(rope), numSlots(slots), lastAppend(layers),
      sequences(layers * slots) {}

llvm::Expected<CacheValue> LatentCache::append(CacheValue at, int64_t layer, llvm::ArrayRef<Entry> entries) {
  if (at.moment != moment)
    return fail("appends to a cache value that another operation appended to before; each append must take "
                "the last one's result");
  for (const Entry& entry : entries) {
    if (entry.slot < 0 || entry.slot >= numSlots)
      return fail("slot " + llvm::Twine(entry.slot) + " does not exist, the cache has " +
                  llvm::Twine(numSlots) + "; pass another slot");
    if (entry.position < 0 || entry.position > kMaxPosition)
      return fail("position " + llvm::Twine(entry.position) + " is outside [0, " + llvm::Twine(kMaxPosition) +
                  "]; pass another position");
  }
  for (const Entry& entry : entries) {
    Sequence& target = sequences[layer * numSlots + entry.slot];
    size_t position = static_cast<size_t>(entry.position);
    if (target.stored.size() <= position) {
      target.stored.resize(position + 1);
      target.latents.resize((position + 1) * latentSize);
      target.keys.resize((position + 1) * keySize);
    }
    std::copy_n(entry.latent, latentSize, target.latents.begin() + position * latentSize);
    std::copy_n(entry.key, keySize, target.keys.begin() + position * keySize);
    target.stored[position] = true;
  }
  lastAppend[layer] = ++moment;
  return now();
}

llvm::Expected<LatentCache::Context> LatentCache::read(CacheValue at, int64_t layer, int64_t slot,
                                                       int64_t length) const {
  if (lastAppend[layer] > at.moment)
    return fail("reads layer " + llvm::Twine(layer) +
                " of a cache value that was appended to since; read the append's result");
  if (slot < 0 || slot >= numSlots)
    return fail("slot " + llvm::Twine(slot) + " does not exist, the cache has " + llvm::Twine(numSlots) +
                "; pass another slot");
  const Sequence& from = sequence(layer, slot);
  for (int64_t position = 0; position < length; ++position)
    if (position >= static_cast<int64_t>(from.stored.size()) || !from.stored[position])
      return fail("reads position " + llvm::Twine(position) + " of slot " + llvm::Twine(slot) + " in layer " +
                  llvm::Twine(layer) + ", where nothing was stored; earlier positions come first");
  return Context{from.latents.data(), from.keys.data()};
}

} // namespace r1::interpret
