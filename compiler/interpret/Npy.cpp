#include "compiler/interpret/Npy.h"

#include "compiler/checkpoint/InputFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace r1::interpret {

static_assert(endianness::native == endianness::little, "the data is written as it lies in memory");

Error writeNpy(StringRef path, const Tensor& tensor) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  for (int64_t extent : tensor.shape)
    header += std::to_string(extent) + ",";
  header += "), }";
  constexpr size_t kPrefix = 10, kAlignment = 64; // magic, version, length of the header
  header.append(kAlignment - (kPrefix + header.size() + 1) % kAlignment, ' ');
  header += '\n';

  std::string temporary = (path + ".part").str();
  auto failed = [&](std::error_code code) {
    sys::fs::remove(temporary);
    return checkpoint::fail(path + ": cannot be written: " + code.message() + "; choose another --out");
  };
  std::error_code code;
  {
    raw_fd_ostream stream(temporary, code);
    if (code)
      return failed(code);
    stream << StringRef("\x93NUMPY\x01\x00", 8) << char(header.size() & 0xff) << char(header.size() >> 8)
           << header;
    stream.write(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size() * sizeof(float));
    stream.close();
    if ((code = stream.error())) {
      stream.clear_error();
      return failed(code);
    }
  }
  if ((code = sys::fs::rename(temporary, path)))
    return failed(code);
  return Error::success();
}

} // namespace r1::interpret
