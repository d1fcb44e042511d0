// Which instructions this CPU and its operating system offer.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace r1::cpu {

// True where the feature is there. Names as LLVM or /proc/cpuinfo spell them: case, '_', '-' and '.' do not matter
// ("avx512bf16" is "avx512_bf16", "sse4.2" is "sse4_2"). A name that is not known is never there.
bool has_feature(std::string_view name);

// Those of `needed` that are missing, in order.
std::vector<std::string> missing_features(const std::vector<std::string>& needed);

// The strongest `cpu:` target that r1c knows and this CPU runs.
std::string_view best_target();

} // namespace r1::cpu
