// What a value of the r1 dialect is while it is interpreted.
#pragma once
#include "compiler/interpret/LatentCache.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace r1::interpret {

using Shape = llvm::SmallVector<int64_t, 3>;

/// A dense tensor, row-major. Activations of every type are kept as float; those of type bf16 hold only
/// values that bf16 has.
struct Tensor {
  Shape shape;
  std::vector<float> data;

  int64_t rows() const { return shape.empty() ? 1 : shape.front(); }
  /// Elements of a row: of everything below the first dimension.
  int64_t columns() const {
    int64_t product = 1;
    for (int64_t extent : llvm::ArrayRef<int64_t>(shape).drop_front(shape.empty() ? 0 : 1))
      product *= extent;
    return product;
  }
};

struct IntTensor {
  Shape shape;
  std::vector<int32_t> data;
};

/// A weight by name: nothing is read until an operation needs its numbers.
struct WeightRef {
  struct Part {
    std::string name;
    Shape shape;
  };
  llvm::SmallVector<Part, 1> parts; // one below the other
  /// Of expert weights only: expert e is the tensor prefix + e + suffix, of the shape behind the first
  /// dimension of parts[0].
  bool perExpert = false;
  std::string prefix, suffix;
};

using TensorPtr = std::shared_ptr<const Tensor>;
using IntTensorPtr = std::shared_ptr<const IntTensor>;
using RuntimeValue = std::variant<TensorPtr, IntTensorPtr, WeightRef, CacheValue>;

inline RuntimeValue floats(Shape shape, std::vector<float> data) {
  return std::make_shared<const Tensor>(Tensor{std::move(shape), std::move(data)});
}
inline RuntimeValue ints(Shape shape, std::vector<int32_t> data) {
  return std::make_shared<const IntTensor>(IntTensor{std::move(shape), std::move(data)});
}

} // namespace r1::interpret
