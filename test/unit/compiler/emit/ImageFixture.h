// Shared by the tests of images: skeletons in bitcode, holes written as MLIR text, images mapped and called.
#pragma once
#include "compiler/emit/CpuCodegen.h"
#include "compiler/target/CpuTarget.h"
#include "kernels/common/numeric.h"
#include "kernels/registry/cpu_abi.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <dlfcn.h>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

namespace r1::test {

inline std::string readAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Bitcode of the tests' own skeletons.
inline std::string testBitcode(const std::string& level) {
  std::string path =
      std::string(std::getenv("R1C_BUILD")) + "/test/unit/compiler/emit/skeletons-" + level + ".bc";
  std::string bitcode = readAll(path);
  EXPECT_FALSE(bitcode.empty()) << path;
  return bitcode;
}

inline CpuTarget parse(const char* name) {
  llvm::Expected<CpuTarget> target = parseCpuTarget(name);
  if (target)
    return *target;
  ADD_FAILURE() << llvm::toString(target.takeError());
  return {};
}

// The ISA levels this machine can run, as targets.
inline std::vector<CpuTarget> runnableTargets() {
  std::vector<CpuTarget> targets;
  CpuTarget native = parse("cpu:native");
  for (const kernels::IsaLevel& level : kernels::isa_levels()) {
    CpuTarget target = native;
    target.isaLevel = level.name;
    target.features.assign(level.features.begin(), level.features.end());
    target.name = "cpu:native at " + target.isaLevel;
    targets.push_back(std::move(target));
    if (level.name == native.isaLevel)
      break;
  }
  targets.push_back(native);
  return targets;
}

// Bodies of holes, each given as a function.
class Bodies {
public:
  Bodies() {
    context.loadDialect<mlir::arith::ArithDialect, mlir::func::FuncDialect, mlir::math::MathDialect>();
  }

  // `text`: "(%x: f32) -> f32 { ...; return %y : f32 }"
  mlir::Region* operator()(const std::string& text) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>("func.func @body" + text, &context);
    if (!module) {
      ADD_FAILURE() << "cannot parse " << text;
      return nullptr;
    }
    modules.push_back(std::move(module));
    return &(*modules.back()->getOps<mlir::func::FuncOp>().begin()).getBody();
  }

  mlir::Type f32() { return mlir::Float32Type::get(&context); }
  mlir::Type bf16() { return mlir::BFloat16Type::get(&context); }

  mlir::MLIRContext context;

private:
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> modules;
};

// An image, mapped as the runtime maps it.
class Image {
public:
  explicit Image(const std::string& bytes) {
    int fd = memfd_create("image", MFD_CLOEXEC);
    EXPECT_EQ(write(fd, bytes.data(), bytes.size()), ssize_t(bytes.size()));
    handle = dlopen(("/proc/self/fd/" + std::to_string(fd)).c_str(), RTLD_NOW | RTLD_LOCAL);
    close(fd);
    if (!handle) {
      ADD_FAILURE() << dlerror();
      return;
    }
    auto query = reinterpret_cast<kernels::CpuQuery>(dlsym(handle, kernels::kCpuQuerySymbol));
    table = query(kernels::kCpuAbiVersion, &count);
    uint32_t none = 7;
    EXPECT_EQ(query(kernels::kCpuAbiVersion + 1, &none), nullptr);
    EXPECT_EQ(none, 0u);
  }
  ~Image() {
    if (handle)
      dlclose(handle);
  }
  Image(const Image&) = delete;

  void run(size_t kernel, std::vector<void*> buffers, int64_t tokens, int64_t begin, int64_t end,
           void* scratch = nullptr) {
    int64_t dims[kernels::kDimCount] = {tokens, tokens, tokens};
    table[kernel](buffers.data(), dims, begin, end, scratch);
  }

  uint32_t count = 0;

private:
  void* handle = nullptr;
  const kernels::CpuKernel* table = nullptr;
};

// The skeletons of skeletons.cpp.
inline const kernels::Skeleton kMap{
    "test_map", "test", {{"cols", false}, {"rows_dim", false}}, {{"map", 0, true}, {"finish", 1, false}}, 0,
    0,          nullptr};
inline const kernels::Skeleton kDot{"test_dot",
                                    "test",
                                    {{"n", false}, {"k", false}, {"accumulators", false}, {"scale", true}},
                                    {{"epilogue", kernels::kLeadingAccumulators, false}},
                                    2,
                                    0,
                                    nullptr};
inline const kernels::Skeleton kMemory{
    "test_memory", "test", {{"cols", false}, {"rows_dim", false}}, {}, 1, 0, nullptr};

inline std::vector<float> randomFloats(size_t count, unsigned seed, float limit = 3) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-limit, limit);
  std::vector<float> values(count);
  std::generate(values.begin(), values.end(), [&] { return uniform(generator); });
  return values;
}

// The largest |got - expected| / (|expected| + floor); NaN if any value is unexpectedly NaN.
inline double worst(const std::vector<float>& got, const std::vector<double>& expected, double floor = 1e-6) {
  double result = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    double error = std::abs(got[i] - expected[i]) / (std::abs(expected[i]) + floor);
    if (!(error <= result))
      result = error;
  }
  return result;
}

// An image of the tests' own skeletons; a call that is left in it fails the test.
inline std::string emit(llvm::ArrayRef<KernelSource> sources, const CpuTarget& target, unsigned jobs = 1) {
  std::string bitcode = testBitcode(target.isaLevel);
  CpuEmitOptions options;
  options.jobs = jobs;
  options.bitcode = bitcode;
  std::vector<CpuKernelReport> reports;
  llvm::Expected<std::string> image = emitCpuImage(sources, target, options, &reports);
  if (!image) {
    ADD_FAILURE() << target.name << ": " << llvm::toString(image.takeError());
    return {};
  }
  for (const CpuKernelReport& report : reports)
    for (const std::string& call : report.remainingCalls)
      ADD_FAILURE() << target.name << ": call left in " << report.name << ": " << call;
  return *image;
}

inline std::string emitError(llvm::ArrayRef<KernelSource> sources) {
  CpuTarget target = parse("cpu:x86-64-v3");
  std::string bitcode = testBitcode(target.isaLevel);
  CpuEmitOptions options;
  options.bitcode = bitcode;
  llvm::Expected<std::string> image = emitCpuImage(sources, target, options);
  return image ? "" : llvm::toString(image.takeError());
}

// Holes of the tests' skeletons.
class HoleTest : public testing::Test {
protected:
  // y = unary(x), both f32[rows][stride].
  KernelSource unary(const std::string& name, const std::string& body, int64_t cols, int64_t stride) {
    HoleSource finish{bodies("(%v: f32, %x: f32) -> f32 {" + body + " return %y : f32 }"),
                      {{0, bodies.f32(), Access::RowCol, stride, 0}},
                      {{1, bodies.f32(), stride, 0}}};
    return {name, &kMap, {cols, 0}, {HoleSource{}, finish}};
  }
  Bodies bodies;
};

} // namespace r1::test
