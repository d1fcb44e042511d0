// The tensors of a synthetic checkpoint: names, shapes, values and stored bytes. synthetic.py has the formula.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "test/oracle/synthetic_checkpoint.h"

namespace r1::oracle {

struct Stored {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::string bytes;
};

// Every tensor of the case's checkpoint in file order.
std::vector<Stored> stored_tensors(const Case& test_case);

// The CRC-32 of zlib; `crc` is what came before.
uint32_t crc32(const char* data, size_t size, uint32_t crc = 0);

template <typename T> void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

} // namespace r1::oracle
