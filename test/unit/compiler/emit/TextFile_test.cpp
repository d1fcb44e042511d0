// Text files come with their folders, and what cannot be written is named.
#include "compiler/emit/TextFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <gtest/gtest.h>

namespace r1::test {
namespace {

TEST(TextFile, MakesItsFolderAndSaysWhatItCannotWrite) {
  const std::string folder = testing::TempDir() + "text_file_test", file = folder + "/a/b.txt";
  ASSERT_FALSE(llvm::sys::fs::remove_directories(folder));
  for (const char* text : {"longer text", "text"}) {
    ASSERT_FALSE(bool(writeTextFile(file, text)));
    auto read = llvm::MemoryBuffer::getFile(file);
    ASSERT_TRUE(bool(read));
    EXPECT_EQ((*read)->getBuffer(), text);
  }
  EXPECT_NE(llvm::toString(writeTextFile(folder + "/a", "x")).find("cannot write '" + folder + "/a': "),
            std::string::npos);
  EXPECT_NE(llvm::toString(writeTextFile(file + "/c/d", "x")).find("cannot create the folder of '"),
            std::string::npos);
}

} // namespace
} // namespace r1::test
