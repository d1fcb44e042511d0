// A .npy file has the header that NumPy reads, the rows in order, and is there only when it is complete.
#include "runtime/base/npy.h"

#include <cstring>
#include <gtest/gtest.h>
#include <unistd.h>

namespace r1 {
namespace {

TEST(Npy, HeaderAndRows) {
  std::string path = ::testing::TempDir() + "r1-npy-" + std::to_string(getpid());
  for (uint64_t columns : {1u, 3u, 129280u}) {
    auto out = NpyWriter::create(path, 2, columns);
    ASSERT_TRUE(out.ok()) << out.status().message();
    std::vector<float> row(columns, 1.5f);
    ASSERT_TRUE(out->append(row).ok());
    EXPECT_EQ(out->finish().code(), Code::kInternal) << "a row is missing";
    row[0] = -2;
    ASSERT_TRUE(out->append(row).ok());
    EXPECT_EQ(out->append(row).code(), Code::kInternal) << "a row too many";
    ASSERT_TRUE(out->finish().ok());
    auto file = os::File::open(path);
    std::vector<uint8_t> bytes(file->bytes());
    ASSERT_TRUE(file->read(0, bytes).ok());
    ASSERT_EQ(memcmp(bytes.data(), "\x93NUMPY\x01\x00", 8), 0);
    size_t data = 10 + bytes[8] + 256u * bytes[9];
    EXPECT_EQ(data % 64, 0u);
    std::string header(bytes.begin() + 10, bytes.begin() + long(data));
    EXPECT_EQ(header.back(), '\n');
    EXPECT_NE(header.find("'shape': (2, " + std::to_string(columns) + ")"), std::string::npos) << header;
    ASSERT_EQ(bytes.size(), data + 2 * columns * 4);
    float value;
    memcpy(&value, bytes.data() + data + columns * 4, 4);
    EXPECT_EQ(value, -2);
    auto read = read_npy(path, 2, columns);
    ASSERT_TRUE(read.ok()) << read.status().message();
    EXPECT_EQ(read->size(), 2 * columns);
    EXPECT_EQ((*read)[columns], -2);
    EXPECT_EQ(read_npy(path, 3, columns).status().code(), Code::kInvalidArgument);
    unlink(path.c_str());
  }
}

} // namespace
} // namespace r1
