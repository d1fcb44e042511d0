// Where interpretation gets its weights, as floats.
#pragma once
#include "compiler/checkpoint/Checkpoint.h"
#include "compiler/interpret/Values.h"
#include "llvm/ADT/StringMap.h"
#include <list>

namespace r1::interpret {

/// All elements of a tensor as they are stored, widened to float: an F8_E4M3 weight without its scale.
class WeightSource {
public:
  virtual ~WeightSource() = default;
  /// `shape` is what the graph expects of it; anything else is an error.
  virtual llvm::Expected<std::vector<float>> read(llvm::StringRef name, llvm::ArrayRef<int64_t> shape) = 0;
};

/// The tensors of a checkpoint: F32, BF16, F16 and F8_E4M3. Keeps a reference.
class CheckpointWeights : public WeightSource {
public:
  explicit CheckpointWeights(const checkpoint::Checkpoint& checkpoint) : checkpoint(checkpoint) {}
  llvm::Expected<std::vector<float>> read(llvm::StringRef name, llvm::ArrayRef<int64_t> shape) override;

private:
  const checkpoint::Checkpoint& checkpoint;
};

/// Weights ready to multiply: parts joined, scales applied, and the last ones used kept in memory up to a
/// bound. One thread at a time.
class WeightStore {
public:
  explicit WeightStore(WeightSource& source, uint64_t maxBytes = uint64_t{1} << 30)
      : source(source), maxBytes(maxBytes) {}

  /// The tensor [rows, columns] (or [rows]) of `weight`, element (r, c) times element (r / 128, c / 128) of
  /// `scale` where there is one.
  llvm::Expected<TensorPtr> get(const WeightRef& weight, const WeightRef* scale = nullptr);
  uint64_t bytesKept() const { return bytes; }

private:
  llvm::Expected<Tensor> join(const WeightRef& weight);

  WeightSource& source;
  uint64_t maxBytes, bytes = 0;
  struct Kept {
    std::string key;
    TensorPtr tensor;
  };
  std::list<Kept> kept; // most recently used first
  llvm::StringMap<std::list<Kept>::iterator> places;
};

/// `weight` times its block scales, in place: both row-major, scale one element per 128x128 block of the last
/// two dimensions.
void applyBlockScales(Tensor& weight, const Tensor& scale);

/// Tensor e of an expert weight.
WeightRef expertOf(const WeightRef& stacked, int64_t expert);

} // namespace r1::interpret
