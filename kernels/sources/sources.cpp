#include "kernels/sources.h"

// One pair of symbols a file; the list is made when the build is configured.
#define R1_SOURCE(symbol, path)                                                                              \
  asm(".section .rodata.r1_sources,\"a\",@progbits\n"                                                        \
      "r1_source_" #symbol ":\n"                                                                             \
      ".incbin \"" R1C_SOURCE_DIR "/" path "\"\n.byte 0\n"                                                   \
      ".previous\n");                                                                                        \
  extern "C" __attribute__((visibility("hidden"))) const char r1_source_##symbol[];
#include "sources.inc"
#undef R1_SOURCE

namespace r1::kernels {

std::span<const SourceFile> cuda_sources() {
#define R1_SOURCE(symbol, path) {path, r1_source_##symbol},
  static constexpr SourceFile files[] = {
#include "sources.inc"
  };
#undef R1_SOURCE
  return std::span(files);
}

} // namespace r1::kernels
