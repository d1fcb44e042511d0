// A checkpoint in memory for the tests of packing and writing: random tensors, readable by rule.
#pragma once
#include "compiler/emit/Packing.h"
#include "kernels/common/numeric.h"
#include <atomic>
#include <cmath>
#include <cstring>
#include <map>
#include <random>

namespace r1::test {

class MemoryTensors : public TensorReader {
public:
  struct Tensor {
    SourceTensor info;
    std::vector<uint8_t> bytes;
  };

  // Fresh random elements; e4m3 without NaN codes.
  void add(const std::string& name, artifact::DataType type, std::vector<int64_t> shape, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> uniform(-2, 2);
    int64_t count = 1;
    for (int64_t d : shape)
      count *= d;
    Tensor& tensor = tensors[name];
    tensor.info = {type, llvm::SmallVector<int64_t, 4>(shape.begin(), shape.end())};
    auto put = [&](auto word) {
      auto* from = reinterpret_cast<const uint8_t*>(&word);
      tensor.bytes.insert(tensor.bytes.end(), from, from + sizeof word);
    };
    for (int64_t i = 0; i < count; ++i) {
      float value = uniform(random);
      switch (type) {
      case artifact::DataType::F32:
        put(value);
        break;
      case artifact::DataType::BF16:
        put(kernels::bf16_from_f32(value));
        break;
      case artifact::DataType::F16:
        put(uint16_t(random() & 0xbbff));
        break; // any finite half
      default:
        put(kernels::e4m3_from_f32(value * 100));
        break;
      }
    }
  }

  float at(const std::string& name, int64_t row, int64_t col) const {
    const Tensor& t = tensors.at(name);
    int64_t i = t.info.shape.size() == 1 ? col : row * t.info.shape[1] + col;
    auto word = [&](auto zero) {
      std::memcpy(&zero, &t.bytes[i * sizeof zero], sizeof zero);
      return zero;
    };
    switch (t.info.type) {
    case artifact::DataType::F32:
      return word(0.0f);
    case artifact::DataType::BF16:
      return kernels::f32_from_bf16(word(uint16_t(0)));
    case artifact::DataType::F16:
      return kernels::f32_from_f16(word(uint16_t(0)));
    default:
      return kernels::f32_from_e4m3(word(uint8_t(0)));
    }
  }

  llvm::Expected<SourceTensor> find(llvm::StringRef name) const override {
    auto it = tensors.find(name.str());
    if (it == tensors.end())
      return llvm::createStringError("no tensor " + name);
    return it->second.info;
  }
  llvm::Error read(llvm::StringRef name, uint64_t offset, llvm::MutableArrayRef<uint8_t> out) const override {
    if (name == failing)
      return llvm::createStringError("cannot read " + name);
    const std::vector<uint8_t>& bytes = tensors.at(name.str()).bytes;
    if (offset + out.size() > bytes.size())
      return llvm::createStringError("read beyond the end of " + name);
    std::memcpy(out.data(), bytes.data() + offset, out.size());
    return llvm::Error::success();
  }

  std::map<std::string, Tensor> tensors;
  std::string failing; // a tensor that cannot be read
};

} // namespace r1::test
