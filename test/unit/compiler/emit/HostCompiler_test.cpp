// The machine's C++ compiler: which one is taken, what it makes, and one line for whatever goes wrong.
#include "compiler/emit/HostCompiler.h"
#include "test/unit/compiler/emit/CudaFixture.h"

namespace r1::test {
namespace {

const std::vector<kernels::SourceFile> kHeaders = {{"a/b/number.h", "#define R1_NUMBER 41\n"}};
const std::vector<std::string> kOptions = {"-std=c++20", "-shared", "-fPIC"};

std::string openError() {
  auto compiler = HostCompiler::open(kHeaders);
  return compiler ? "" : llvm::toString(compiler.takeError());
}

std::vector<std::string> temporaryFolders() {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::temp_directory_path()))
    if (entry.path().filename().string().starts_with("r1c-host"))
      found.push_back(entry.path());
  return found;
}

TEST(HostCompiler, MakesSharedObjectsFromSourceAndHeaders) {
  auto compiler = HostCompiler::open(kHeaders);
  ASSERT_TRUE(bool(compiler)) << llvm::toString(compiler.takeError());
  EXPECT_FALSE(compiler->version().empty());
  EXPECT_EQ(compiler->version().find('\n'), std::string::npos);
  const std::string source =
      "#include \"a/b/number.h\"\nextern \"C\" int answer() { return R1_NUMBER + 1; }\n";
  llvm::Expected<std::string> image = compiler->compile(source, "answer", kOptions);
  ASSERT_TRUE(bool(image)) << llvm::toString(image.takeError());
  int fd = memfd_create("answer", MFD_CLOEXEC);
  ASSERT_EQ(write(fd, image->data(), image->size()), ssize_t(image->size()));
  void* handle = dlopen(("/proc/self/fd/" + std::to_string(fd)).c_str(), RTLD_NOW | RTLD_LOCAL);
  close(fd);
  ASSERT_TRUE(handle) << dlerror();
  EXPECT_EQ(reinterpret_cast<int (*)()>(dlsym(handle, "answer"))(), 42);
  dlclose(handle);
}

// Each has a temporary folder of its own, whose name must not be in the code.
TEST(HostCompiler, GivesTheSameBytesEachTime) {
  const std::string source =
      "#include \"a/b/number.h\"\nextern \"C\" const char* where() { return __FILE__; }\n";
  std::string images[2];
  for (std::string& image : images) {
    auto compiler = HostCompiler::open(kHeaders);
    ASSERT_TRUE(bool(compiler)) << llvm::toString(compiler.takeError());
    llvm::Expected<std::string> made = compiler->compile(source, "where", kOptions);
    ASSERT_TRUE(bool(made)) << llvm::toString(made.takeError());
    image = *made;
  }
  EXPECT_EQ(images[0], images[1]);
  EXPECT_EQ(images[0].find(std::filesystem::temp_directory_path().string() + "/r1c-host"), std::string::npos);
}

TEST(HostCompiler, LeavesNothingBehind) {
  std::vector<std::string> before = temporaryFolders();
  {
    auto compiler = HostCompiler::open(kHeaders);
    ASSERT_TRUE(bool(compiler)) << llvm::toString(compiler.takeError());
    EXPECT_EQ(temporaryFolders().size(), before.size() + 1);
    HostCompiler moved = std::move(*compiler);
    EXPECT_EQ(temporaryFolders().size(), before.size() + 1);
  }
  EXPECT_EQ(temporaryFolders().size(), before.size());
}

TEST(HostCompiler, ErrorsAreOneLineWithTheKernelAndTheCause) {
  auto compiler = HostCompiler::open(kHeaders);
  ASSERT_TRUE(bool(compiler)) << llvm::toString(compiler.takeError());
  llvm::Expected<std::string> image =
      compiler->compile("int f() { return nothing_of_this_name; }\n", "bad_kernel", kOptions);
  ASSERT_FALSE(bool(image));
  std::string error = llvm::toString(image.takeError());
  EXPECT_EQ(error.find("bad_kernel: "), 0u) << error;
  EXPECT_NE(error.find("nothing_of_this_name"), std::string::npos) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
}

TEST(HostCompiler, TheUsersChoiceIsTakenOrRefused) {
  {
    Variable none("R1C_HOST_CXX", "/nonexistent/c++");
    std::string error = openError();
    EXPECT_EQ(error, "a sim: target needs a C++20 compiler, and there is none called /nonexistent/c++; "
                     "install clang or g++, or name one "
                     "in R1C_HOST_CXX");
  }
  {
    Variable broken("R1C_HOST_CXX", "false");
    EXPECT_NE(openError().find("--version' fails; name another C++20 compiler in R1C_HOST_CXX"),
              std::string::npos)
        << openError();
  }
  Variable empty("R1C_HOST_CXX", "");
  EXPECT_EQ(openError(), "");
  Variable nowhere("PATH", "/nonexistent");
  EXPECT_NE(openError().find("there is none called clang++-22, clang++, g++, c++"), std::string::npos)
      << openError();
}

} // namespace
} // namespace r1::test
