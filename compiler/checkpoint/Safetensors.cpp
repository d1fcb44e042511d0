#include "compiler/checkpoint/Safetensors.h"
#include "compiler/checkpoint/InputFile.h"
#include "compiler/checkpoint/SafetensorsJson.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/raw_ostream.h"
#include <sodium.h>

using namespace llvm;

namespace r1::checkpoint {
namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000; // the reference implementation's bound

struct DTypeRow {
  DType type;
  StringLiteral name;
  unsigned bits;
};
constexpr DTypeRow kDTypes[] = {
    {DType::Bool, "BOOL", 8},      {DType::F4, "F4", 4},          {DType::F6E2M3, "F6_E2M3", 6},
    {DType::F6E3M2, "F6_E3M2", 6}, {DType::U8, "U8", 8},          {DType::I8, "I8", 8},
    {DType::F8E5M2, "F8_E5M2", 8}, {DType::F8E4M3, "F8_E4M3", 8}, {DType::F8E8M0, "F8_E8M0", 8},
    {DType::I16, "I16", 16},       {DType::U16, "U16", 16},       {DType::F16, "F16", 16},
    {DType::BF16, "BF16", 16},     {DType::I32, "I32", 32},       {DType::U32, "U32", 32},
    {DType::F32, "F32", 32},       {DType::C64, "C64", 64},       {DType::F64, "F64", 64},
    {DType::I64, "I64", 64},       {DType::U64, "U64", 64},
};

const DTypeRow& row(DType type) { return kDTypes[static_cast<size_t>(type)]; }

Error refuse(SafetensorsFault fault, StringRef file, const Twine& what) {
  return make_error<SafetensorsError>(fault, (Twine(file) + ": " + what).str());
}

// The length field alone, checked against the file before anything of that size is allocated.
Expected<uint64_t> checkedLength(ArrayRef<uint8_t> first, uint64_t fileBytes, StringRef file) {
  if (first.size() < kLengthBytes)
    return refuse(SafetensorsFault::HeaderTooSmall, file,
                  "has " + Twine(first.size()) +
                      " bytes, expected at least 8; the file is empty or cut off, fetch it again");
  uint64_t length = support::endian::read64le(first.data());
  if (length > kMaxHeaderBytes)
    return refuse(SafetensorsFault::HeaderTooLarge, file,
                  "says that its header has " + Twine(length) + " bytes, expected at most " +
                      Twine(kMaxHeaderBytes) + "; this is not a safetensors file");
  if (length > fileBytes - kLengthBytes)
    return refuse(SafetensorsFault::InvalidHeaderLength, file,
                  "says that its header has " + Twine(length) + " bytes, but only " +
                      Twine(fileBytes - kLengthBytes) + " follow; the file is cut off, fetch it again");
  return length;
}

// Sizes and places: the tensors cover the data without gap or overlap, each with the bytes that its type and
// shape need.
Error validate(SafetensorsHeader& header, uint64_t fileBytes, StringRef file) {
  llvm::sort(header.tensors, [](const TensorInfo& a, const TensorInfo& b) {
    return std::tie(a.offset, a.bytes, a.name) < std::tie(b.offset, b.bytes, b.name);
  });
  uint64_t start = 0;
  StringRef previous;
  for (TensorInfo& tensor : header.tensors) {
    // While parsing, `bytes` held the end offset.
    uint64_t begin = tensor.offset, end = tensor.bytes;
    std::string name = quote(tensor.name);
    if (begin != start || end < begin)
      return refuse(SafetensorsFault::InvalidOffset, file,
                    "tensor " + name + " lies at bytes " + Twine(begin) + " to " + Twine(end) +
                        " of the data, expected to begin at " + Twine(start) +
                        (previous.empty() ? Twine("") : ", where tensor " + quote(previous) + " ends") +
                        "; gaps and overlaps are not allowed, write the file again");
    uint64_t bits = 1;
    bool overflow = false;
    for (int64_t size : tensor.shape)
      overflow |= __builtin_mul_overflow(bits, static_cast<uint64_t>(size), &bits);
    if (overflow || __builtin_mul_overflow(bits, bitsOf(tensor.dtype), &bits))
      return refuse(SafetensorsFault::ValidationOverflow, file,
                    "tensor " + name + " has shape " + shapeText(tensor.shape) +
                        ", expected fewer than 2^64 bits; the header is damaged, fetch the file again");
    if (bits % 8 != 0)
      return refuse(SafetensorsFault::MisalignedSlice, file,
                    "tensor " + name + " of type " + nameOf(tensor.dtype) + " and shape " +
                        shapeText(tensor.shape) + " has " + Twine(bits) +
                        " bits, expected whole bytes; write the file again");
    if (end - begin != bits / 8)
      return refuse(SafetensorsFault::TensorInvalidInfo, file,
                    "tensor " + name + " has " + Twine(end - begin) + " bytes, but type " +
                        nameOf(tensor.dtype) + " and shape " + shapeText(tensor.shape) + " need " +
                        Twine(bits / 8) + "; the header is damaged, fetch the file again");
    start = end;
    previous = tensor.name;
  }
  uint64_t dataBytes = fileBytes - header.headerBytes;
  for (TensorInfo& tensor : header.tensors) {
    if (tensor.bytes > dataBytes)
      return refuse(SafetensorsFault::MetadataIncompleteBuffer, file,
                    "tensor " + quote(tensor.name) + " ends at byte " +
                        Twine(header.headerBytes + tensor.bytes) + ", but the file has " + Twine(fileBytes) +
                        " bytes, expected " + Twine(header.headerBytes + start) +
                        "; the file is cut off, fetch it again");
    tensor.bytes -= tensor.offset;
    tensor.offset += header.headerBytes;
  }
  if (start != dataBytes)
    return refuse(SafetensorsFault::MetadataIncompleteBuffer, file,
                  "has " + Twine(fileBytes) + " bytes, expected " + Twine(header.headerBytes + start) +
                      ": bytes follow the last tensor; write the file again");
  return Error::success();
}

Expected<SafetensorsHeader> parseHeader(ArrayRef<uint8_t> head, uint64_t fileBytes, StringRef file) {
  SafetensorsHeader header;
  header.headerBytes = head.size();
  header.hash = blake2b(head);
  ArrayRef<uint8_t> text = head.drop_front(kLengthBytes);
  if (HeaderFault fault = parseHeaderJson({reinterpret_cast<const char*>(text.data()), text.size()}, header))
    return refuse(fault.kind, file,
                  "header: " + fault.what + "; the header is damaged, fetch the file again");
  if (Error error = validate(header, fileBytes, file))
    return std::move(error);
  return header;
}

} // namespace

unsigned bitsOf(DType type) { return row(type).bits; }
StringRef nameOf(DType type) { return row(type).name; }

std::optional<DType> parseDType(StringRef name) {
  for (const DTypeRow& candidate : kDTypes)
    if (candidate.name == name)
      return candidate.type;
  return std::nullopt;
}

int64_t TensorInfo::elements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

std::string shapeText(ArrayRef<int64_t> shape) {
  std::string text;
  raw_string_ostream stream(text);
  stream << '[';
  interleaveComma(shape, stream);
  stream << ']';
  return text;
}

StringRef nameOf(SafetensorsFault fault) {
  switch (fault) {
  case SafetensorsFault::HeaderTooSmall:
    return "HeaderTooSmall";
  case SafetensorsFault::HeaderTooLarge:
    return "HeaderTooLarge";
  case SafetensorsFault::InvalidHeaderLength:
    return "InvalidHeaderLength";
  case SafetensorsFault::InvalidHeaderDeserialization:
    return "InvalidHeaderDeserialization";
  case SafetensorsFault::DuplicateKey:
    return "DuplicateKey";
  case SafetensorsFault::InvalidOffset:
    return "InvalidOffset";
  case SafetensorsFault::ValidationOverflow:
    return "ValidationOverflow";
  case SafetensorsFault::MisalignedSlice:
    return "MisalignedSlice";
  case SafetensorsFault::TensorInvalidInfo:
    return "TensorInvalidInfo";
  case SafetensorsFault::MetadataIncompleteBuffer:
    return "MetadataIncompleteBuffer";
  }
  llvm_unreachable("every fault has a name");
}

char SafetensorsError::ID = 0;
void SafetensorsError::log(raw_ostream& stream) const { stream << message; }

Expected<SafetensorsHeader> parseSafetensors(ArrayRef<uint8_t> bytes, StringRef file) {
  Expected<uint64_t> length = checkedLength(bytes, bytes.size(), file);
  if (!length)
    return length.takeError();
  return parseHeader(bytes.take_front(kLengthBytes + *length), bytes.size(), file);
}

Expected<SafetensorsHeader> readSafetensorsHeader(const InputFile& file) {
  std::vector<uint8_t> head(std::min(file.size(), kLengthBytes));
  if (Error error = file.readAt(0, head))
    return std::move(error);
  Expected<uint64_t> length = checkedLength(head, file.size(), file.path());
  if (!length)
    return length.takeError();
  head.resize(kLengthBytes + *length);
  if (Error error = file.readAt(kLengthBytes, MutableArrayRef<uint8_t>(head).drop_front(kLengthBytes)))
    return std::move(error);
  return parseHeader(head, file.size(), file.path());
}

Hash blake2b(ArrayRef<uint8_t> bytes) {
  Hash hash{};
  crypto_generichash(hash.data(), hash.size(), bytes.data(), bytes.size(), nullptr, 0);
  return hash;
}

} // namespace r1::checkpoint
