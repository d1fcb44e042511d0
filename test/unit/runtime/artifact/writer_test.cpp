// What the writer writes is laid out as promised, the same every time, and there only when it is finished.
#include "runtime/artifact/writer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "runtime/artifact/reader.h"
#include "test/unit/runtime/testing/fake_model.h"

namespace r1::artifact {
namespace {

using testing::read_file, testing::temporary, testing::write_fake_model;

bool exists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

TEST(Writer, SameInputsSameBytes) {
  write_fake_model(temporary("one.r1a"));
  write_fake_model(temporary("two.r1a"));
  EXPECT_EQ(read_file(temporary("one.r1a")), read_file(temporary("two.r1a")));
}

TEST(Writer, SectionsAreAlignedAndHashed) {
  std::string path = temporary("sections.r1a");
  auto writer = Writer::create(path);
  ASSERT_TRUE(writer.ok());
  std::vector<uint8_t> bytes(100, 7);
  SectionT a = *writer->write_section(kImageAlignment, bytes),
           b = *writer->write_section(kSegmentAlignment, bytes);
  EXPECT_EQ(a.offset, kImageAlignment);
  EXPECT_EQ(b.offset, kSegmentAlignment);
  EXPECT_EQ(b.bytes, 100u);
  HashBytes expected = hash(bytes);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), a.hash->bytes()->begin()));
}

TEST(Writer, NothingIsLeftBehindUnlessFinished) {
  std::string path = temporary("unfinished.r1a");
  {
    auto writer = Writer::create(path);
    ASSERT_TRUE(writer.ok());
    EXPECT_FALSE(exists(path));
  }
  EXPECT_FALSE(exists(path));
}

} // namespace
} // namespace r1::artifact
