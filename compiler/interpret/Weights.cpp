#include "compiler/interpret/Weights.h"

#include "compiler/checkpoint/ExpectedTensors.h"
#include "kernels/common/numeric.h"
#include "llvm/Support/Endian.h"

using namespace llvm;
using r1::checkpoint::DType;
using r1::checkpoint::fail;

namespace r1::interpret {
namespace {

constexpr int64_t kBlock = 128;

float widen(DType type, const uint8_t* at) {
  switch (type) {
  case DType::F8E4M3:
    return kernels::f32_from_e4m3(*at);
  case DType::BF16:
    return kernels::f32_from_bf16(support::endian::read16le(at));
  case DType::F16:
    return kernels::f32_from_f16(support::endian::read16le(at));
  default:
    return bit_cast<float>(support::endian::read32le(at));
  }
}

} // namespace

Expected<std::vector<float>> CheckpointWeights::read(StringRef name, ArrayRef<int64_t> shape) {
  const checkpoint::TensorInfo* tensor = checkpoint.find(name);
  if (!tensor)
    return fail("tensor " + checkpoint::quote(name) +
                " is not in the checkpoint; interpret a graph imported from this folder");
  if (ArrayRef<int64_t>(tensor->shape) != shape)
    return fail("tensor " + checkpoint::quote(name) + " has shape " + checkpoint::shapeText(tensor->shape) +
                ", the graph expects " + checkpoint::shapeText(shape) +
                "; interpret a graph imported from this folder");
  if (!is_contained({DType::F32, DType::BF16, DType::F16, DType::F8E4M3}, tensor->dtype))
    return fail("tensor " + checkpoint::quote(name) + " has type " + checkpoint::nameOf(tensor->dtype) +
                ", expected F32, BF16, F16 or F8_E4M3; convert the checkpoint");
  std::vector<uint8_t> bytes(tensor->bytes);
  if (Error error = checkpoint.readTensor(*tensor, 0, bytes))
    return std::move(error);
  size_t step = checkpoint::bitsOf(tensor->dtype) / 8;
  std::vector<float> values(bytes.size() / step);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = widen(tensor->dtype, &bytes[i * step]);
  if (name.ends_with("_scale_inv"))
    if (Error error = checkpoint::checkScales(*tensor, 0, values))
      return std::move(error);
  return values;
}

void applyBlockScales(Tensor& weight, const Tensor& scale) {
  int64_t columns = weight.shape.back(), rows = weight.shape[weight.shape.size() - 2],
          scaleColumns = scale.shape.back();
  int64_t matrix = rows * columns, scaleMatrix = scale.shape[scale.shape.size() - 2] * scaleColumns;
  for (size_t i = 0; i < weight.data.size(); ++i) {
    int64_t outer = static_cast<int64_t>(i) / matrix, row = static_cast<int64_t>(i) % matrix / columns,
            column = static_cast<int64_t>(i) % columns;
    weight.data[i] *= scale.data[outer * scaleMatrix + row / kBlock * scaleColumns + column / kBlock];
  }
}

WeightRef expertOf(const WeightRef& stacked, int64_t expert) {
  WeightRef one;
  one.parts.push_back(
      {stacked.prefix + std::to_string(expert) + stacked.suffix, Shape(drop_begin(stacked.parts[0].shape))});
  return one;
}

Expected<Tensor> WeightStore::join(const WeightRef& weight) {
  Tensor joined;
  auto append = [&](const WeightRef::Part& part) -> Error {
    Expected<std::vector<float>> values = source.read(part.name, part.shape);
    if (!values)
      return values.takeError();
    joined.data.insert(joined.data.end(), values->begin(), values->end());
    return Error::success();
  };
  if (weight.perExpert) {
    joined.shape = weight.parts[0].shape;
    for (int64_t expert = 0; expert < joined.shape[0]; ++expert)
      if (Error error = append(expertOf(weight, expert).parts[0]))
        return std::move(error);
    return joined;
  }
  joined.shape = weight.parts[0].shape;
  joined.shape[0] = 0;
  for (const WeightRef::Part& part : weight.parts) {
    joined.shape[0] += part.shape[0];
    if (Error error = append(part))
      return std::move(error);
  }
  return joined;
}

Expected<TensorPtr> WeightStore::get(const WeightRef& weight, const WeightRef* scale) {
  // Neither byte stands in a name.
  std::string key;
  for (const WeightRef* ref : {&weight, scale}) {
    if (ref)
      for (const WeightRef::Part& part : ref->parts)
        key += part.name + ref->prefix + '\1' + ref->suffix + '\1';
    key += '\2';
  }
  if (auto place = places.find(key); place != places.end()) {
    kept.splice(kept.begin(), kept, place->second);
    return kept.front().tensor;
  }
  Expected<Tensor> joined = join(weight);
  if (!joined)
    return joined.takeError();
  if (scale) {
    Expected<Tensor> scales = join(*scale);
    if (!scales)
      return scales.takeError();
    applyBlockScales(*joined, *scales);
  }
  TensorPtr tensor = std::make_shared<const Tensor>(std::move(*joined));
  uint64_t size = tensor->data.size() * sizeof(float);
  kept.push_front({key, tensor});
  places[key] = kept.begin();
  bytes += size;
  while (bytes > maxBytes && !kept.empty()) {
    bytes -= kept.back().tensor->data.size() * sizeof(float);
    places.erase(kept.back().key);
    kept.pop_back();
  }
  return tensor;
}

} // namespace r1::interpret
