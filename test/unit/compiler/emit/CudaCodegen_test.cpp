// Images of GPU code: the same bytes with any number of jobs and with or without a cache, one module for kernels of the same code, sources
// on demand, and no code that spills, needs a stack, was serialised or wants more than a block can have.
#include "compiler/emit/CudaCodegen.h"
#include "test/unit/compiler/emit/CudaFixture.h"

namespace r1::test {
namespace {

namespace fs = std::filesystem;

std::string errorOf(const CudaKernel& kernel, const char* target) {
  llvm::Expected<CudaImage> image = emitCuda({kernel}, gpu(target));
  return image ? "" : llvm::toString(image.takeError());
}

std::vector<CudaKernel> severalKernels() {
  std::vector<CudaKernel> kernels;
  for (int i = 0; i < 5; ++i)
    kernels.push_back(scaleKernel("scale_" + std::to_string(i), {"Scale", 32 + 32 * i, 0, 1.0 + i}));
  return kernels;
}

// For every kind of image that can be made here.
class Images : public testing::TestWithParam<const char*> {
protected:
  void SetUp() override {
    if (std::string reason = withoutNvrtc(); gpu(GetParam()).code != GpuCode::Host && !reason.empty())
      GTEST_SKIP() << reason;
  }
  CudaImage emit(llvm::ArrayRef<CudaKernel> kernels, CudaEmitOptions options = {}) {
    llvm::Expected<CudaImage> image = emitCuda(kernels, gpu(GetParam()), options);
    if (image)
      return std::move(*image);
    ADD_FAILURE() << llvm::toString(image.takeError());
    return {};
  }
};

TEST_P(Images, AreTheSameWithAnyNumberOfJobsAndFromTheCache) {
  std::vector<CudaKernel> kernels = severalKernels();
  Folder folder;
  CudaEmitOptions two, cached;
  two.jobs = 2;
  cached.jobs = 3;
  cached.cache = folder.path + "/cache";
  CudaImage plain = emit(kernels);
  EXPECT_FALSE(plain.bytes.empty());
  EXPECT_FALSE(plain.compiler.empty());
  for (const CudaImage& other : {emit(kernels, two), emit(kernels, cached), emit(kernels, cached)}) {
    EXPECT_TRUE(other.bytes == plain.bytes);
    EXPECT_EQ(other.compiler, plain.compiler);
    ASSERT_EQ(other.kernels.size(), plain.kernels.size());
    for (size_t i = 0; i < plain.kernels.size(); ++i) {
      EXPECT_EQ(other.kernels[i].offset, plain.kernels[i].offset);
      EXPECT_EQ(other.kernels[i].facts.registers, plain.kernels[i].facts.registers);
      EXPECT_EQ(other.kernels[i].facts.spillBytes, plain.kernels[i].facts.spillBytes);
    }
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(cached.cache), fs::directory_iterator()),
            std::ptrdiff_t(kernels.size()));
}

TEST_P(Images, TellWhereEachKernelIs) {
  std::vector<CudaKernel> kernels = severalKernels();
  CudaImage image = emit(kernels);
  ASSERT_EQ(image.kernels.size(), kernels.size());
  uint64_t end = 0;
  for (size_t i = 0; i < kernels.size(); ++i) {
    const CudaKernelReport& report = image.kernels[i];
    EXPECT_EQ(report.symbol, kernels[i].source.name);
    EXPECT_EQ(report.offset % 64, 0u);
    EXPECT_GE(report.offset, end);
    end = report.offset + report.bytes;
    ASSERT_LE(end, image.bytes.size());
    EXPECT_EQ(report.facts.threads, 32 + 32 * int(i));
    llvm::StringRef code = llvm::StringRef(image.bytes).substr(report.offset, report.bytes);
    EXPECT_NE(code.find(report.symbol), llvm::StringRef::npos);
    if (gpu(GetParam()).code == GpuCode::Ptx)
      EXPECT_NE(code.find(".version"), llvm::StringRef::npos);
    else
      EXPECT_EQ(code.take_front(4), "\x7f"
                                    "ELF");
  }
  EXPECT_EQ(end, image.bytes.size());
}

TEST_P(Images, HoldSharedCodeOnce) {
  CudaKernel kernel = scaleKernel("twice", {});
  CudaImage one = emit({kernel}), two = emit({kernel, kernel});
  ASSERT_EQ(two.kernels.size(), 2u);
  EXPECT_EQ(two.kernels[0].offset, two.kernels[1].offset);
  EXPECT_TRUE(two.bytes == one.bytes);
}

// A cache that lies must not be believed where its hash is right but the code is another kernel's.
TEST_P(Images, AnotherCompilersCacheIsNotTaken) {
  Folder folder;
  CudaEmitOptions cached;
  cached.cache = folder.path;
  emit({scaleKernel("scale", {})}, cached);
  const char* other = GetParam() == std::string("sim:sm_90a") ? "sim:sm_80" : "sim:sm_90a";
  llvm::Expected<CudaImage> image = emitCuda({scaleKernel("scale", {})}, gpu(other), cached);
  ASSERT_TRUE(bool(image)) << llvm::toString(image.takeError());
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path), fs::directory_iterator()), 2);
}

INSTANTIATE_TEST_SUITE_P(Targets, Images, testing::Values("sim:sm_90a", "sm_80", "sm_90a", "ptx:compute_90"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), ':', '_');
                           return name;
                         });

TEST(CudaCodegen, ADumpNeedsNoCompiler) {
  Variable none("R1C_NVRTC", "/nonexistent");
  Folder folder;
  CudaEmitOptions options;
  options.dumpFolder = folder.path + "/made";
  options.dumpOnly = true;
  llvm::Expected<CudaImage> image = emitCuda(severalKernels(), gpu("sm_90a"), options);
  ASSERT_TRUE(bool(image)) << llvm::toString(image.takeError());
  EXPECT_TRUE(image->bytes.empty());
  EXPECT_EQ(readAll(folder.path + "/made/test/skeletons.h"), kSkeletonsOfTests);
  EXPECT_FALSE(readAll(folder.path + "/made/kernels/primitives/cuda/base.h").empty());
  std::string source = readAll(folder.path + "/made/sm_90a/scale_3.cu");
  EXPECT_NE(source.find("R1_CUDA_KERNEL(scale_3, r1::cuda::Scale<Config, Holes>)"), std::string::npos)
      << source;
  options.dumpFolder = "/proc/nowhere";
  llvm::Expected<CudaImage> bad = emitCuda(severalKernels(), gpu("sm_90a"), options);
  ASSERT_FALSE(bool(bad));
  EXPECT_NE(llvm::toString(bad.takeError()).find("cannot create the folder of '/proc/nowhere/sm_90a/"),
            std::string::npos);
}

TEST(CudaCodegen, WithoutACompilerIsRefusedInOneLine) {
  Variable nvrtc("R1C_NVRTC", "/nonexistent"), host("R1C_HOST_CXX", "/nonexistent");
  EXPECT_EQ(errorOf(scaleKernel("scale", {}), "sm_90a"),
            "NVRTC, which compiles kernels for a GPU, was not found; install it with 'pip install "
            "nvidia-cuda-nvrtc' or the CUDA toolkit, or "
            "name libnvrtc.so in R1C_NVRTC");
  EXPECT_NE(errorOf(scaleKernel("scale", {}), "sim:sm_90a").find("there is none called /nonexistent"),
            std::string::npos);
}

TEST(CudaCodegen, MoreThanABlockCanHaveIsRefused) {
  EXPECT_EQ(errorOf(scaleKernel("scale", {"Scale", 32, 101377}), "sim:sm_86"),
            "kernel scale for sim:sm_86: 101377 bytes of shared memory, the chip has 101376");
  EXPECT_EQ(errorOf(scaleKernel("scale", {"Scale", 32, 101377}), "sim:sm_90a"), "");
  // The kernel itself asserts what no chip has.
  EXPECT_NE(errorOf(scaleKernel("scale", {"Scale", 2048, 0}), "sim:sm_90a").find("kThreads <= 1024"),
            std::string::npos);
}

TEST(CudaCodegen, TheFirstErrorEndsItWithOneLine) {
  std::vector<CudaKernel> kernels = severalKernels();
  kernels[2] = scaleKernel("wrong", {"Wrong"});
  for (const char* target : {"sim:sm_90a", "sm_90a"}) {
    if (target == std::string("sm_90a") && !withoutNvrtc().empty())
      continue;
    CudaEmitOptions options;
    options.jobs = 3;
    llvm::Expected<CudaImage> image = emitCuda(kernels, gpu(target), options);
    ASSERT_FALSE(bool(image));
    std::string error = llvm::toString(image.takeError());
    EXPECT_EQ(error.find("wrong"), 0u) << error;
    EXPECT_NE(error.find("nothing_of_this_name"), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

class Assembler : public testing::Test {
protected:
  void SetUp() override {
    if (std::string reason = withoutNvrtc(); !reason.empty())
      GTEST_SKIP() << reason;
  }
};

TEST_F(Assembler, SpillsAreRefused) {
  std::string error = errorOf(scaleKernel("greedy", {"Spills", 1024}), "sm_80");
  EXPECT_EQ(error.find("kernel greedy for sm_80: the assembler says: "), 0u) << error;
  EXPECT_NE(error.find(" bytes spill stores"), std::string::npos) << error;
}

// The driver translates PTX for a chip that need not be the one it was tried on.
TEST_F(Assembler, SpillsOfPtxAreTold) {
  llvm::Expected<CudaImage> image =
      emitCuda({scaleKernel("greedy", {"Spills", 1024})}, gpu("ptx:compute_80"));
  ASSERT_TRUE(bool(image)) << llvm::toString(image.takeError());
  EXPECT_GT(image->kernels[0].facts.spillBytes, 0);
  EXPECT_GT(image->kernels[0].facts.stackBytes, 0);
}

TEST_F(Assembler, StackFramesAreRefused) {
  std::string error = errorOf(scaleKernel("array", {"Frame"}), "sm_80");
  EXPECT_NE(error.find("2048 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads"),
            std::string::npos)
      << error;
}

TEST_F(Assembler, SerialisedInstructionsAreRefused) {
  std::string error = errorOf(scaleKernel("serial", {"Serial", 128, 16384}), "sm_90a");
  EXPECT_NE(error.find("(C75"), std::string::npos) << error;
}

// A log that was read once is kept with the code: a spill does not become fine because the kernel is known.
TEST_F(Assembler, ComplaintsOutliveTheCache) {
  Folder folder;
  CudaEmitOptions options;
  options.cache = folder.path;
  for (int run = 0; run < 2; ++run) {
    llvm::Expected<CudaImage> image =
        emitCuda({scaleKernel("greedy", {"Spills", 1024})}, gpu("sm_80"), options);
    ASSERT_FALSE(bool(image)) << run;
    EXPECT_NE(llvm::toString(image.takeError()).find("spill stores"), std::string::npos) << run;
  }
}

} // namespace
} // namespace r1::test
