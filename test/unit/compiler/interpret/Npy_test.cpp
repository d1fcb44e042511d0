// The .npy file is what numpy reads: magic, version, aligned header, then the floats.
#include "compiler/interpret/Npy.h"
#include "test/unit/compiler/checkpoint/Support.h"

namespace r1::interpret {
namespace {

TEST(Npy, HoldsHeaderAndData) {
  checkpoint::test::Folder folder;
  std::string path = folder.str() + "/out.npy";
  ASSERT_EQ(checkpoint::test::messageOf(writeNpy(path, {{2, 3}, {1, 2, 3, 4, 5, 6.5f}})), "");
  std::string file = checkpoint::test::readAll(path);
  ASSERT_EQ(file.size(), 128 + 24u);
  EXPECT_EQ(file.substr(0, 8), std::string("\x93NUMPY\x01\0", 8));
  size_t length = static_cast<unsigned char>(file[8]) + 256u * static_cast<unsigned char>(file[9]);
  EXPECT_EQ(10 + length, 128u) << "data begins at a multiple of 64";
  EXPECT_EQ(file.substr(10, 60).find("{'descr': '<f4', 'fortran_order': False, 'shape': (2,3,), }"), 0u);
  EXPECT_EQ(file[127], '\n');
  float last;
  std::memcpy(&last, file.data() + file.size() - 4, 4);
  EXPECT_EQ(last, 6.5f);
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
}

TEST(Npy, AFolderThatDoesNotExistIsOneLine) {
  checkpoint::test::expectLine(checkpoint::test::messageOf(writeNpy("/nowhere/at/all.npy", {{1}, {1}})),
                               {"/nowhere/at/all.npy", "cannot be written", "--out"});
}

} // namespace
} // namespace r1::interpret
