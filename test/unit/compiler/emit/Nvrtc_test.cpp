// NVRTC: where it is looked for, what it compiles, and one line for whatever goes wrong. Most of it runs only where there is one.
#include "compiler/emit/Nvrtc.h"
#include "test/unit/compiler/emit/CudaFixture.h"
#include <thread>

namespace r1::test {
namespace {

const std::vector<kernels::SourceFile> kHeaders = {{"a/b/number.h", "#define R1_NUMBER 7\n"}};
const std::vector<std::string> kOptions = {"--gpu-architecture=sm_80", "-std=c++20", "--ptxas-options=-v"};
constexpr char kSource[] =
    "#include \"a/b/number.h\"\nextern \"C\" __global__ void k(int* x) { x[threadIdx.x] = R1_NUMBER; }\n";

std::string openError() {
  auto nvrtc = Nvrtc::open();
  return nvrtc ? "" : llvm::toString(nvrtc.takeError());
}

constexpr char kCure[] =
    "; install it with 'pip install nvidia-cuda-nvrtc' or the CUDA toolkit, or name libnvrtc.so in R1C_NVRTC";

TEST(Nvrtc, MissingIsOneLineWithTheCure) {
  Variable own("R1C_NVRTC", "/nonexistent");
  EXPECT_EQ(openError(), std::string("NVRTC, which compiles kernels for a GPU, was not found") + kCure);
}

TEST(Nvrtc, AFileThatIsNoLibraryIsNamed) {
  Folder folder;
  std::ofstream(folder.path + "/libnvrtc.so.13") << "no library";
  for (const std::string& named : {folder.path, folder.path + "/libnvrtc.so.13"}) {
    Variable own("R1C_NVRTC", named);
    std::string error = openError();
    EXPECT_EQ(error.find("NVRTC cannot be loaded: " + folder.path + "/libnvrtc.so.13"), 0u) << error;
    EXPECT_NE(error.find(kCure), std::string::npos) << error;
  }
  Variable other("R1C_NVRTC", "libm.so.6"); // loads, and is something else
  EXPECT_EQ(
      openError(),
      "libm.so.6 is not NVRTC of CUDA 12 or newer; install 'nvidia-cuda-nvrtc' or name another in R1C_NVRTC");
}

class WithNvrtc : public testing::Test {
protected:
  void SetUp() override {
    auto opened = Nvrtc::open();
    if (!opened)
      GTEST_SKIP() << llvm::toString(opened.takeError());
    nvrtc = *opened;
  }
  std::shared_ptr<const Nvrtc> nvrtc;
};

TEST_F(WithNvrtc, CompilesCubinAndPtx) {
  EXPECT_NE(nvrtc->version().find('.'), std::string::npos);
  auto cubin = nvrtc->compile(kSource, "k.cu", kHeaders, kOptions, /*ptx=*/false);
  ASSERT_TRUE(bool(cubin)) << llvm::toString(cubin.takeError());
  EXPECT_EQ(cubin->code.substr(0, 4), "\x7f"
                                      "ELF");
  EXPECT_NE(cubin->log.find("spill stores"), std::string::npos) << cubin->log;
  auto ptx = nvrtc->compile(kSource, "k.cu", kHeaders, kOptions, /*ptx=*/true);
  ASSERT_TRUE(bool(ptx)) << llvm::toString(ptx.takeError());
  EXPECT_NE(ptx->code.find(".visible .entry k("), std::string::npos) << ptx->code;
}

TEST_F(WithNvrtc, ManyThreadsGetTheSameBytes) {
  std::vector<std::string> code(4);
  std::vector<std::thread> threads;
  for (std::string& mine : code)
    threads.emplace_back([&] {
      auto made = nvrtc->compile(kSource, "k.cu", kHeaders, kOptions, /*ptx=*/false);
      mine = made ? made->code : "failed: " + llvm::toString(made.takeError());
    });
  for (std::thread& thread : threads)
    thread.join();
  for (const std::string& one : code)
    EXPECT_TRUE(one == code[0] && one.size() > 100) << one.size();
}

TEST_F(WithNvrtc, ErrorsAreOneLineWithTheKernelAndTheCause) {
  auto made = nvrtc->compile("extern \"C\" __global__ void k() { nothing_of_this_name; }", "bad.cu", {},
                             kOptions, /*ptx=*/false);
  ASSERT_FALSE(bool(made));
  std::string error = llvm::toString(made.takeError());
  EXPECT_EQ(error.find("bad.cu: NVRTC: "), 0u) << error;
  EXPECT_NE(error.find("nothing_of_this_name"), std::string::npos) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
}

// The compiler knows the chips r1c has targets for, and says which it knows where it does not know one.
TEST_F(WithNvrtc, ChipsAreCheckedBeforeAnythingIsCompiled) {
  EXPECT_FALSE(bool(nvrtc->checkChip(90)));
  std::string error = llvm::toString(nvrtc->checkChip(61));
  EXPECT_NE(error.find("cannot compile for sm_61; it knows "), std::string::npos) << error;
  EXPECT_NE(error.find("sm_90"), std::string::npos) << error;
}

TEST_F(WithNvrtc, IsOpenedFromAFolderOrAFile) {
  for (const char* home : {"/usr/local/cuda/lib64", "/usr/local/cuda/lib64/libnvrtc.so"}) {
    if (!std::filesystem::exists(home))
      GTEST_SKIP() << home << " is not there";
    Variable own("R1C_NVRTC", home);
    EXPECT_EQ(openError(), "");
  }
}

} // namespace
} // namespace r1::test
