// The one list of kernel families: what the compiler must know to choose, parametrise and size a kernel.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace r1::kernels {

// HoleSpec::leading of an epilogue that gets one value per accumulator: the parameter `accumulators` says how
// many.
inline constexpr int kLeadingAccumulators = -1;

struct HoleSpec {
  std::string_view name; // "map", "finish", "epilogue"
  int leading;           // leading values the skeleton hands in
  bool writes_back; // true: the first yielded value returns in values[0]; false: yields are stored to result
                    // buffers
};

struct ParamSpec {
  std::string_view name;
  bool is_double;
};

// One skeleton. `symbol` in bitcode is "r1_<name>", one set of symbols per ISA level's bitcode module.
struct Skeleton {
  std::string_view name;         // "gemm_bf16"
  std::string_view family;       // folder under kernels/
  std::vector<ParamSpec> params; // in the order of the struct in params.h
  std::vector<HoleSpec> holes;   // in the order of the skeleton's hole array
  int fixed_inputs;              // leading buffers the skeleton reads
  int fixed_outputs;             // then buffers it writes itself
  // Bytes of scratch a thread needs, params in struct order. Largest over all ISA levels. Null: there is no CPU form.
  int64_t (*scratch_bytes)(const int64_t* params);
  // The template in namespace r1::cuda that is the skeleton on a GPU, and the header that holds it.
  std::string_view cuda_type = {}, cuda_header = {};
  bool cuda_maps = false; // it copies with tensor maps: R1_CUDA_KERNEL_MAPS
};

const std::vector<Skeleton>& skeletons();
const Skeleton* find_skeleton(std::string_view name);

// ISA levels with their own bitcode, weakest first.
struct IsaLevel {
  std::string_view name;                  // "x86-64-v3"
  std::vector<std::string_view> features; // LLVM feature names beyond nothing that the level's code needs
};
const std::vector<IsaLevel>& isa_levels();

} // namespace r1::kernels
