// The header of one .safetensors file: 8 bytes of little-endian length N, N bytes of JSON, then the tensors'
// data. What is accepted and refused follows the reference implementation (huggingface/safetensors,
// safetensors/src/tensor.rs); stricter in one thing: duplicate keys are refused, as the format's README asks
// and that implementation does not check.
#pragma once
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace r1::checkpoint {

class InputFile;

enum class DType : uint8_t {
  Bool,
  F4,
  F6E2M3,
  F6E3M2,
  U8,
  I8,
  F8E5M2,
  F8E4M3,
  F8E8M0,
  I16,
  U16,
  F16,
  BF16,
  I32,
  U32,
  F32,
  C64,
  F64,
  I64,
  U64
};
unsigned bitsOf(DType type);
llvm::StringRef nameOf(DType type); // as spelt in a header: "F8_E4M3"
std::optional<DType> parseDType(llvm::StringRef name);

using Hash = std::array<uint8_t, 32>; // BLAKE2b-256

struct TensorInfo {
  std::string name;
  DType dtype = DType::BF16;
  llvm::SmallVector<int64_t, 4> shape;
  uint32_t file = 0;   // index into Checkpoint::files(); 0 for a header read alone
  uint64_t offset = 0; // of the first byte, from the start of the file
  uint64_t bytes = 0;

  int64_t elements() const; // never overflows for a tensor that a reader accepted
};

std::string shapeText(llvm::ArrayRef<int64_t> shape); // "[1536, 7168]"

struct SafetensorsHeader {
  uint64_t headerBytes = 0;        // 8 + N
  Hash hash{};                     // of these bytes
  std::vector<TensorInfo> tensors; // in the order of their data
  std::vector<std::pair<std::string, std::string>> metadata;
};

enum class SafetensorsFault {
  HeaderTooSmall,
  HeaderTooLarge,
  InvalidHeaderLength,
  InvalidHeaderDeserialization,
  DuplicateKey,
  InvalidOffset,
  ValidationOverflow,
  MisalignedSlice,
  TensorInvalidInfo,
  MetadataIncompleteBuffer,
};
llvm::StringRef nameOf(SafetensorsFault fault);

class SafetensorsError : public llvm::ErrorInfo<SafetensorsError> {
public:
  static char ID;
  SafetensorsError(SafetensorsFault fault, std::string message) : fault(fault), message(std::move(message)) {}
  void log(llvm::raw_ostream& stream) const override;
  std::error_code convertToErrorCode() const override { return llvm::inconvertibleErrorCode(); }

  const SafetensorsFault fault;

private:
  const std::string message;
};

// `file` names the source in messages. The first form takes a complete file in memory, the second reads only
// the header. Fails with SafetensorsError, or with a plain line if reading itself fails.
llvm::Expected<SafetensorsHeader> parseSafetensors(llvm::ArrayRef<uint8_t> bytes, llvm::StringRef file);
llvm::Expected<SafetensorsHeader> readSafetensorsHeader(const InputFile& file);

Hash blake2b(llvm::ArrayRef<uint8_t> bytes);

} // namespace r1::checkpoint
