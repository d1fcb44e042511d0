// What the tests of packing share: running a packing, and checkpoints that reach every kind of source.
#pragma once
#include "test/unit/compiler/emit/MemoryTensors.h"
#include <gtest/gtest.h>

namespace r1::test {

using artifact::DataType;
using kernels::PackShape;

inline int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// A segment that ends with its last job.
inline std::vector<uint8_t> pack(llvm::ArrayRef<PackJob> jobs, const TensorReader& reader,
                                 unsigned threads = 2) {
  std::vector<uint8_t> out;
  uint64_t bytes = jobs.back().offset + jobs.back().bytes;
  llvm::Error error = packSegment(jobs, bytes, reader, threads, [&](llvm::ArrayRef<uint8_t> part) {
    out.insert(out.end(), part.begin(), part.end());
    return llvm::Error::success();
  });
  EXPECT_FALSE(bool(error)) << llvm::toString(std::move(error));
  EXPECT_EQ(out.size(), bytes);
  return out;
}

inline std::string packError(llvm::ArrayRef<PackJob> jobs, const TensorReader& reader) {
  llvm::Error error = packSegment(jobs, uint64_t(1) << 40, reader, 2,
                                  [](llvm::ArrayRef<uint8_t>) { return llvm::Error::success(); });
  return llvm::toString(std::move(error));
}

inline PackJob job(PackLayout layout, PackShape shape, DataType type, std::vector<PackSource> sources) {
  return {"job", layout, shape, type, std::move(sources), 0, packedBytes(layout, shape, type), 0};
}

template <class Word> Word wordAt(const std::vector<uint8_t>& bytes, int64_t index) {
  Word word;
  std::memcpy(&word, &bytes[index * sizeof(Word)], sizeof(Word));
  return word;
}

// The one source of row n of matrix (b, a).
inline const PackSource* sourceOf(const PackJob& job, int64_t b, int64_t a, int64_t n) {
  for (const PackSource& s : job.sources) {
    int64_t rows = s.transposed ? s.colEnd - s.colBegin : s.rowEnd - s.rowBegin;
    if (s.batch == b && s.accumulator == a && n >= s.destRow && n < s.destRow + rows)
      return &s;
  }
  ADD_FAILURE() << "no source of row " << n << " of matrix (" << b << ", " << a << ")";
  return nullptr;
}

// Element (n, k) of matrix (b, a) as the checkpoint has it, without its factor.
inline float codeOf(const MemoryTensors& tensors, const PackJob& job, int64_t b, int64_t a, int64_t n,
                    int64_t k, float* factor = nullptr) {
  const PackSource* s = sourceOf(job, b, a, n);
  if (!s)
    return NAN;
  int64_t row = s->transposed ? s->rowBegin + k : s->rowBegin + n - s->destRow;
  int64_t col = s->transposed ? s->colBegin + n - s->destRow : s->colBegin + k;
  if (factor)
    *factor = s->scale.empty() ? 1 : tensors.at(s->scale, row / 128, col / 128);
  return tensors.at(s->tensor, row, col);
}

// And with it.
inline float elementOf(const MemoryTensors& tensors, const PackJob& job, int64_t b, int64_t a, int64_t n,
                       int64_t k) {
  float factor = NAN, code = codeOf(tensors, job, b, a, n, k, &factor);
  return code * factor;
}

// One matrix whose rows come from tensors of every type.
inline PackJob everySourceType(MemoryTensors& tensors, PackLayout layout) {
  tensors.add("bf16", DataType::BF16, {40, 70}, 1);
  tensors.add("f16", DataType::F16, {30, 70}, 2);
  tensors.add("f32", DataType::F32, {9, 90}, 3);
  tensors.add("f8", DataType::F8E4M3, {150, 300}, 4);
  tensors.add("f8_scale", DataType::F32, {2, 3}, 5);
  return job(layout, {1, 87, 70, 1}, DataType::BF16,
             {{"bf16", "", 0, 40, 0, 70, false, 0, 0, 0},
              {"f16", "", 2, 30, 0, 70, false, 0, 0, 40},
              {"f32", "", 0, 9, 11, 81, false, 0, 0, 68},
              {"f8", "f8_scale", 123, 133, 100, 170, false, 0, 0, 77}});
}

// kv_b_proj of two heads, rows (nope + v) of width kv_lora: the key part transposed, then the value part as it is.
inline std::vector<PackJob> keysAndValues(MemoryTensors& tensors, PackLayout layout) {
  tensors.add("kv_b", DataType::F8E4M3, {2 * (24 + 20), 50}, 1);
  tensors.add("kv_b_scale", DataType::F32, {1, 1}, 2);
  return {job(layout, {2, 50, 24, 1}, DataType::BF16,
              {{"kv_b", "kv_b_scale", 0, 24, 0, 50, true, 0, 0, 0},
               {"kv_b", "kv_b_scale", 44, 68, 0, 50, true, 1, 0, 0}}),
          job(layout, {2, 20, 50, 1}, DataType::BF16,
              {{"kv_b", "kv_b_scale", 24, 44, 0, 50, false, 0, 0, 0},
               {"kv_b", "kv_b_scale", 68, 88, 0, 50, false, 1, 0, 0}})};
}

// Gate and up, large enough for several windows (4 MiB each), with an odd number of rows at the end.
inline PackJob gateAndUp(MemoryTensors& tensors, PackLayout layout) {
  tensors.add("gate", DataType::BF16, {1301, 2050}, 1);
  tensors.add("up", DataType::BF16, {1301, 2050}, 2);
  return job(layout, {1, 1301, 2050, 2}, DataType::BF16,
             {{"gate", "", 0, 1301, 0, 2050, false, 0, 0, 0}, {"up", "", 0, 1301, 0, 2050, false, 0, 1, 0}});
}

// Gate and up of three experts in e4m3, with factors: one matrix of 200 x 300 each.
inline std::vector<PackSource> experts(MemoryTensors& tensors) {
  std::vector<PackSource> sources;
  for (int e = 0; e < 3; ++e)
    for (int a = 0; a < 2; ++a) {
      std::string name = "expert" + std::to_string(e) + (a ? "up" : "gate");
      tensors.add(name, DataType::F8E4M3, {200, 300}, 10 + 2 * e + a);
      tensors.add(name + "_scale", DataType::F32, {2, 3}, 20 + 2 * e + a);
      sources.push_back({name, name + "_scale", 0, 200, 0, 300, false, e, a, 0});
    }
  return sources;
}

} // namespace r1::test
