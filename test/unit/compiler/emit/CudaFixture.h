// Shared by the tests of CUDA code generation: skeletons of their own, some of them at fault, and holes written as MLIR text.
#pragma once
#include "compiler/emit/CudaCodegen.h"
#include "compiler/emit/Nvrtc.h"
#include "test/unit/compiler/emit/ImageFixture.h"
#include <bit>
#include <filesystem>
#include <map>
#include <optional>

namespace r1::test {

inline GpuTarget gpu(const char* name) {
  llvm::Expected<GpuTarget> target = parseGpuTarget(name);
  if (target)
    return *target;
  ADD_FAILURE() << llvm::toString(target.takeError());
  return {};
}

// Why a test that compiles for a GPU cannot run here; "" where it can.
inline std::string withoutNvrtc() {
  auto nvrtc = Nvrtc::open();
  return nvrtc ? "" : llvm::toString(nvrtc.takeError());
}

// Scale: y[i] = map(x[i]) for a block of 32 elements, then `finish` stores. The others compile, and break what a kernel must keep to.
inline constexpr char kSkeletonsOfTests[] = R"(#pragma once
#include "kernels/primitives/cuda/base.h"
#include "kernels/primitives/cuda/wgmma.h"
namespace r1::cuda {
template <class Config, class Holes> struct Scale {
  static constexpr int kThreads = int(Config::threads), kSharedBytes = int(Config::shared), kMinBlocks = 1;
  R1_DEVICE static void tile(const Arguments& a, int tile, u8*) {
    const int col = tile * kThreads + thread_index();
    float values[1][1] = {{a.in<float>(0)[col]}};
    a.out<float>(1)[col] = values[0][0] * float(Config::factor);
  }
};
#ifndef R1_SIMT
template <class Config, class Holes> struct Exchange : Scale<Config, Holes> {
  R1_DEVICE static void tile(const Arguments& a, int, u8* shared) { // 512 bytes of its own, and what the launch gives
    __shared__ float own[128];
    float* given = reinterpret_cast<float*>(shared);
    own[thread_index()] = given[thread_index()] = a.in<float>(0)[thread_index()];
    sync_block();
    a.out<float>(1)[thread_index()] = own[31 - thread_index()] + given[30 - thread_index()];
  }
};
template <class Config, class Holes> struct Given : Scale<Config, Holes> {
  R1_DEVICE static void tile(const Arguments& a, int, u8* shared) { // what the launch gives
    float* given = reinterpret_cast<float*>(shared);
    given[thread_index()] = a.in<float>(0)[thread_index()];
    sync_block();
    a.out<float>(1)[thread_index()] = given[31 - thread_index()];
  }
};
#endif
template <class Config, class Holes> struct Spills : Scale<Config, Holes> {
  R1_DEVICE static void tile(const Arguments& a, int, u8*) { // 160 live values, at most 64 registers
    float v[160];
    R1_UNROLL
    for (int i = 0; i < 160; ++i)
      v[i] = a.in<float>(0)[i * 1024 + thread_index()];
    sync_block();
    R1_UNROLL
    for (int i = 0; i < 160; ++i)
      a.out<float>(1)[i * 1024 + thread_index()] = v[159 - i];
  }
};
template <class Config, class Holes> struct Frame : Scale<Config, Holes> {
  R1_DEVICE static void tile(const Arguments& a, int, u8*) { // an array that is indexed at run time
    float v[512];
    for (int i = 0; i < 512; ++i)
      v[i] = a.in<float>(0)[i];
    a.out<float>(1)[thread_index()] = v[a.dims[0]] + v[a.dims[1]];
  }
};
#if R1_SM == 90
template <class Config, class Holes> struct Serial : Scale<Config, Holes> {
  R1_DEVICE static void tile(const Arguments& a, int, u8* shared) { // touches an accumulator that is in flight
    float d[4] = {};
    const u64 x = wgmma_descriptor_128b(shared), y = wgmma_descriptor_128b(shared + 8192);
    for (int i = 0; i < a.dims[0]; ++i) {
      wgmma_fence();
      wgmma_m64nNk16_bf16<8>(d, x, y, true);
      wgmma_commit();
      d[0] += 1;
      wgmma_m64nNk16_bf16<8>(d, x, y, true);
      wgmma_commit();
      wgmma_wait<0>();
    }
    a.out<float>(1)[thread_index()] = d[0];
  }
};
#endif
template <class Config, class Holes> struct Wrong : Scale<Config, Holes> {
  R1_DEVICE static void tile(const Arguments& a, int, u8*) { a.out<float>(1)[0] = Config::nothing_of_this_name; }
};
} // namespace r1::cuda
)";

// The shipped headers and the tests' own.
inline const std::vector<kernels::SourceFile>& headersOfTests() {
  static const std::vector<kernels::SourceFile> headers = [] {
    auto shipped = kernels::cuda_sources();
    std::vector<kernels::SourceFile> all(shipped.begin(), shipped.end());
    all.push_back({"test/skeletons.h", kSkeletonsOfTests});
    return all;
  }();
  return headers;
}

inline kernels::Skeleton cudaSkeleton(const char* type) {
  return {"test_scale", "test", {{"threads", false}, {"shared", false}, {"factor", true}},
          {},           1,      1,
          nullptr,      type,   "test/skeletons.h"};
}

// y = factor * x by a skeleton of the tests.
struct ScaleKernel {
  const char* type = "Scale";
  int64_t threads = 32, shared = 0;
  double factor = 2;
};

inline CudaKernel scaleKernel(const std::string& name, const ScaleKernel& k) {
  static std::map<std::string, kernels::Skeleton> skeletons;
  auto skeleton = skeletons.try_emplace(k.type, cudaSkeleton(k.type)).first;
  return {{name, &skeleton->second, {k.threads, k.shared, std::bit_cast<int64_t>(k.factor)}, {}}, {}};
}

inline llvm::Expected<CudaImage> emitCuda(llvm::ArrayRef<CudaKernel> kernels, const GpuTarget& target,
                                          CudaEmitOptions options = {}) {
  options.headers = headersOfTests();
  return emitCudaImage(kernels, target, options);
}

// A folder that is gone with the test.
class Folder {
public:
  Folder()
      : path(testing::TempDir() + "r1c-cuda-" + std::to_string(getpid()) + "-" + std::to_string(++count)) {
    std::filesystem::create_directories(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  const std::string path;

private:
  static inline int count = 0;
};

// An environment variable, while the object lives.
class Variable {
public:
  Variable(const char* name, const std::string& value) : name(name) {
    if (const char* old = std::getenv(name))
      before = old;
    setenv(name, value.c_str(), 1);
  }
  ~Variable() { before ? setenv(name, before->c_str(), 1) : unsetenv(name); }
  Variable(const Variable&) = delete;

private:
  const char* name;
  std::optional<std::string> before;
};

} // namespace r1::test
