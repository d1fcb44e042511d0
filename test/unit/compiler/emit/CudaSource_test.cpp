// A kernel's whole CUDA C++: what its head tells, every parameter, its holes, and the line that makes it a kernel.
#include "compiler/emit/CudaSource.h"
#include "test/unit/compiler/emit/R1Kernels.h"
#include <set>

namespace r1::test {
namespace {

class CudaSource : public testing::Test {
protected:
  std::string print(const KernelSource& kernel, const KernelUse& use) {
    llvm::Expected<std::string> text = cudaSource(kernel, use);
    if (text)
      return *text;
    ADD_FAILURE() << llvm::toString(text.takeError());
    return "";
  }
  Bodies bodies;
};

TEST_F(CudaSource, IsOneTranslationUnit) {
  R1Holes holes(bodies);
  KernelSource kernel{"rows__f32__sm_90a__c64",
                      kernels::find_skeleton("rows"),
                      words(kernels::RowsParams{64, 1, 1e-6, 0, 0}),
                      {HoleSource{}, holes.normed(1, 2, 64)}};
  EXPECT_EQ(print(kernel, {"layers.0.norm", 3, 16, 0, 0, 1, {"residual-norm", "cast-into-producer"}}),
            R"(// rows__f32__sm_90a__c64
// First launched as layers.0.norm, 3 launches in all; fused here: residual-norm, cast-into-producer.
#include "kernels/rows/cuda_rows.h"
#include "kernels/primitives/cuda/math.h"
#include "kernels/primitives/cuda/memory.h"

namespace {

struct Config {
  static constexpr long long cols = 64;
  static constexpr long long norm = 1;
  static constexpr double epsilon = 1e-06;
  static constexpr long long combine_k = 0;
  static constexpr long long y_stride = 0;
};

struct Holes {
  template <int V>
  R1_DEVICE static void finish(const r1::cuda::Arguments& a, int row, int col, int count, float (&values)[2][V]) {
    float x0[V];
    r1::cuda::load_lanes(a.in<float>(1) + col, count, x0);
    float y0[V];
    R1_UNROLL
    for (int i = 0; i < V; ++i) {
      const float t0 = values[0][i] * values[1][i];
      const float t1 = t0 * x0[i];
      y0[i] = t1;
    }
    r1::cuda::store_lanes(a.out<r1::cuda::bf16>(2) + row * 64ll + col, count, y0);
  }
};

} // namespace

R1_CUDA_KERNEL(rows__f32__sm_90a__c64, r1::cuda::Rows<Config, Holes>)
)");
}

TEST_F(CudaSource, WithoutHolesNeedsItsSkeletonAlone) {
  KernelSource kernel{
      "k", kernels::find_skeleton("rope_table"), words(kernels::RopeTableParams{64, 0.1}), {}};
  std::string text = print(kernel, {"rope", 1, 1, 0, 0, 1, {}});
  EXPECT_NE(text.find("// First launched as rope, 1 launches in all.\n#include "
                      "\"kernels/rows/cuda_rope_table.h\"\n\nnamespace {"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("static constexpr double scale = 0.1;"), std::string::npos) << text;
  EXPECT_NE(text.find("struct Holes {\n};"), std::string::npos) << text;
}

TEST_F(CudaSource, DoublesReadBackAsTheSameNumber) {
  for (double scale : {0.1, 1.0, -2.0, 1e-6, 0.13523377075123418, 1.0 / 3, 1e300, 123456789.0}) {
    std::string text = print(
        {"k", kernels::find_skeleton("rope_table"), words(kernels::RopeTableParams{64, scale}), {}}, {});
    std::string number = text.substr(text.find("scale = ") + 8);
    number.resize(number.find(';'));
    EXPECT_EQ(std::stod(number), scale) << number;
    EXPECT_NE(number.find_first_of(".e"), std::string::npos) << number << " is no double";
  }
}

// Bytes against operations, as a reader of the kernel wants them first.
TEST_F(CudaSource, TellsItsArithmetic) {
  KernelSource kernel{"k", kernels::find_skeleton("rope_table"), words(kernels::RopeTableParams{64, 1}), {}};
  std::string dense = print(kernel, {"w", 2, 64, 14843904, 29687808, 1, {}});
  EXPECT_NE(dense.find("// Arithmetic: 14,843,904 bytes of weights a launch, 29,687,808 operations a token: "
                       "2.00 operations a byte\n"
                       "// for each token, 128 at the 64 of a full step."),
            std::string::npos)
      << dense;
  std::string experts = print(kernel, {"w", 2, 64, 1000, 500, 0.03125, {}});
  EXPECT_NE(
      experts.find(
          "// Arithmetic: 1,000 bytes of weights, of which a token uses 3.12 %; 500 operations a token.\n"
          "// One token: 16.00 operations a byte"),
      std::string::npos)
      << experts;
}

TEST_F(CudaSource, EverySkeletonOfTheRegistryHasOne) {
  std::set<std::string> texts;
  for (const KernelSource& kernel : r1Kernels(bodies)) {
    std::string text = print(kernel, {"here", 1, 1, 0, 0, 1, {}});
    EXPECT_TRUE(texts.insert(text).second) << kernel.name;
    EXPECT_NE(text.find("#include \"" + std::string(kernel.skeleton->cuda_header) + "\""), std::string::npos)
        << kernel.name;
    for (const kernels::ParamSpec& param : kernel.skeleton->params)
      EXPECT_NE(text.find(" " + std::string(param.name) + " = "), std::string::npos)
          << kernel.name << " lacks " << param.name;
  }
  // Those of one chip alone (kernels/registry/gemm.cpp) have no CPU form; r1Kernels lists those that have.
  EXPECT_EQ(int64_t(texts.size()),
            llvm::count_if(kernels::skeletons(), [](const kernels::Skeleton& s) { return s.scratch_bytes; }));
}

TEST_F(CudaSource, ASkeletonWithoutCudaIsRefused) {
  llvm::Expected<std::string> text = cudaSource({"k", &kMemory, {16, 0}, {}}, {});
  ASSERT_FALSE(bool(text));
  EXPECT_EQ(llvm::toString(text.takeError()),
            "kernel k: skeleton test_memory has no CUDA form; this is a defect of r1c");
}

} // namespace
} // namespace r1::test
