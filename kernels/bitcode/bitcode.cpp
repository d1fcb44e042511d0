#include "kernels/bitcode.h"

#define R1_EMBED(symbol, file)                                                                               \
  asm(".section .rodata.r1_bitcode,\"a\",@progbits\n"                                                        \
      ".balign 16\n" #symbol "_begin:\n"                                                                     \
      ".incbin \"" R1C_BITCODE_DIR "/" file "\"\n" #symbol "_end:\n"                                         \
      ".previous\n");                                                                                        \
  extern "C" __attribute__((visibility("hidden"))) const char symbol##_begin[], symbol##_end[]

R1_EMBED(r1_bitcode_v3, "x86-64-v3.bc");
R1_EMBED(r1_bitcode_v4, "x86-64-v4.bc");
R1_EMBED(r1_bitcode_bf16, "avx512_bf16.bc");
R1_EMBED(r1_bitcode_amx, "amx_bf16.bc");

namespace r1::kernels {

std::string_view bitcode(std::string_view isa_level) {
  const auto view = [](const char* begin, const char* end) {
    return std::string_view(begin, size_t(end - begin));
  };
  if (isa_level == "x86-64-v3")
    return view(r1_bitcode_v3_begin, r1_bitcode_v3_end);
  if (isa_level == "x86-64-v4")
    return view(r1_bitcode_v4_begin, r1_bitcode_v4_end);
  if (isa_level == "avx512_bf16")
    return view(r1_bitcode_bf16_begin, r1_bitcode_bf16_end);
  if (isa_level == "amx_bf16")
    return view(r1_bitcode_amx_begin, r1_bitcode_amx_end);
  return {};
}

} // namespace r1::kernels
