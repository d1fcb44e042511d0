// A sound artifact opens; every damage is refused with one clear line, and nothing crashes.
#include "runtime/artifact/reader.h"

#include <gtest/gtest.h>
#include <random>

#include "test/unit/runtime/testing/fake_model.h"

namespace r1::artifact {
namespace {

using testing::read_file, testing::temporary, testing::write_fake_model, testing::write_file;

// Opens and checks everything; the status of the first failure.
Status open_and_check(const std::string& path) {
  auto reader = Reader::open(path);
  return reader.ok() ? (*reader)->check() : reader.status();
}

Status with_bytes(const std::vector<uint8_t>& bytes) {
  std::string path = temporary("damaged.r1a");
  write_file(path, bytes);
  return open_and_check(path);
}

const std::vector<uint8_t>& sound() {
  static const std::vector<uint8_t> bytes = [] {
    std::string path = temporary("sound.r1a");
    write_fake_model(path);
    return read_file(path);
  }();
  return bytes;
}

TEST(Reader, SoundArtifactOpensAndChecks) {
  EXPECT_TRUE(with_bytes(sound()).ok()) << with_bytes(sound()).message();
  uint64_t last = 0;
  write_file(temporary("again.r1a"), sound());
  auto reader = Reader::open(temporary("again.r1a"));
  ASSERT_TRUE(reader.ok());
  EXPECT_TRUE(
      (*reader)->check([&](uint64_t done, uint64_t total) { return last = total - done, true; }).ok());
  EXPECT_EQ(last, 0u);
  EXPECT_EQ((*reader)->check([](uint64_t, uint64_t) { return false; }).code(), Code::kCancelled);
}

// A header's schema version may grow without harm; every other byte of the file matters.
TEST(Reader, EveryFlippedByteIsFound) {
  std::vector<uint8_t> bytes = sound();
  Header header;
  memcpy(&header, bytes.data(), sizeof header);
  std::mt19937 rng(1);
  std::vector<size_t> places;
  for (size_t i = 0; i < sizeof header; ++i)
    places.push_back(i);
  for (int i = 0; i < 300; ++i)
    places.push_back(header.index_offset + rng() % header.index_bytes);
  for (int i = 0; i < 100; ++i)
    places.push_back(rng() % bytes.size());
  places.push_back(bytes.size() - 1);
  for (size_t at : places) {
    if (at >= 8 && at < 12)
      continue;
    bytes[at] ^= uint8_t(1u << rng() % 8);
    Status s = with_bytes(bytes);
    EXPECT_FALSE(s.ok()) << "byte " << at;
    EXPECT_TRUE(s.code() == Code::kCorrupt || s.code() == Code::kVersion) << s.message();
    EXPECT_EQ(s.message().find('\n'), std::string::npos) << s.message();
    bytes[at] = sound()[at];
  }
}

TEST(Reader, EveryLengthButTheRightOneIsRefused) {
  std::mt19937 rng(2);
  for (size_t length : {size_t(0), size_t(1), size_t(63), size_t(64), sound().size() / 2, sound().size() - 1,
                        size_t(rng() % sound().size())})
    EXPECT_EQ(with_bytes({sound().begin(), sound().begin() + long(length)}).code(), Code::kCorrupt) << length;
  std::vector<uint8_t> longer = sound();
  longer.push_back(0);
  EXPECT_EQ(with_bytes(longer).code(), Code::kCorrupt);
}

TEST(Reader, NewerArtifactNamesTheCure) {
  std::vector<uint8_t> bytes = sound();
  Header header;
  memcpy(&header, bytes.data(), sizeof header);
  header.schema_version = header.min_reader_version = kSchemaVersion + 1;
  memcpy(bytes.data(), &header, sizeof header);
  Status s = with_bytes(bytes);
  EXPECT_EQ(s.code(), Code::kVersion);
  EXPECT_NE(s.message().find("use a newer r1run"), std::string::npos) << s.message();
  header.min_reader_version = kSchemaVersion; // newer, but says that this reader will do
  memcpy(bytes.data(), &header, sizeof header);
  EXPECT_TRUE(with_bytes(bytes).ok());
}

TEST(Reader, MissingFileAndFolder) {
  EXPECT_EQ(open_and_check(temporary("absent.r1a")).code(), Code::kNotFound);
  EXPECT_EQ(open_and_check("/").code(), Code::kInvalidArgument);
}

TEST(Reader, SideFileIsFoundAndHashed) {
  std::string path = temporary("side.r1a");
  write_fake_model(path, {.side_file = "side.weights"});
  EXPECT_TRUE(open_and_check(path).ok()) << open_and_check(path).message();
  std::vector<uint8_t> bytes = read_file(temporary("side.weights"));
  bytes[100] ^= 1;
  write_file(temporary("side.weights"), bytes);
  EXPECT_EQ(open_and_check(path).code(), Code::kCorrupt);
  bytes.resize(10);
  write_file(temporary("side.weights"), bytes);
  EXPECT_EQ(open_and_check(path).code(), Code::kCorrupt);
  unlink(temporary("side.weights").c_str());
  EXPECT_EQ(open_and_check(path).code(), Code::kNotFound);
}

} // namespace
} // namespace r1::artifact
