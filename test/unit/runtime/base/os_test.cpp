// The operating system's refusals become one clear line, and half-written files never appear.
#include "runtime/base/os.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace r1::os {
namespace {

std::string folder() {
  static const std::string f = [] {
    std::string name = ::testing::TempDir() + "r1-os-XXXXXX";
    return std::string(mkdtemp(name.data()));
  }();
  return f;
}

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

int files_in(const std::string& path) {
  int count = 0;
  DIR* d = opendir(path.c_str());
  while (dirent* e = readdir(d))
    count += e->d_name[0] != '.';
  closedir(d);
  return count;
}

TEST(Os, OutputAppearsWhenCommitted) {
  std::string path = folder() + "/out";
  {
    auto out = OutputFile::create(path);
    ASSERT_TRUE(out.ok()) << out.status().message();
    ASSERT_TRUE(out->write(bytes_of("abcdef")).ok());
    ASSERT_TRUE(out->write_at(1, bytes_of("XY")).ok());
    EXPECT_EQ(access(path.c_str(), F_OK), -1);
    ASSERT_TRUE(out->commit().ok());
  }
  auto file = File::open(path);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->bytes(), 6u);
  std::string text(6, ' ');
  ASSERT_TRUE(file->read(0, {reinterpret_cast<uint8_t*>(text.data()), 6}).ok());
  EXPECT_EQ(text, "aXYdef");
  Status s = file->read(3, {reinterpret_cast<uint8_t*>(text.data()), 6});
  EXPECT_EQ(s.code(), Code::kCorrupt);
  {
    auto dropped = OutputFile::create(folder() + "/dropped");
  }
  EXPECT_EQ(files_in(folder()), 1);
}

TEST(Os, FullDiskIsSaid) {
  auto full = OutputFile::create("/dev/full");
  ASSERT_TRUE(full.ok()) << full.status().message();
  Status s = full->write(bytes_of("x"));
  EXPECT_EQ(s.code(), Code::kIo);
  EXPECT_NE(s.message().find("No space left"), std::string::npos) << s.message();
  struct stat info;
  ASSERT_EQ(stat("/dev/full", &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode)) << "the device itself must not be replaced";
}

TEST(Os, PlacesThatAreNotThere) {
  EXPECT_EQ(OutputFile::create(folder() + "/no/such/place").status().code(), Code::kNotFound);
  EXPECT_EQ(File::open(folder() + "/nothing").status().code(), Code::kNotFound);
  EXPECT_EQ(File::open(folder()).status().code(), Code::kInvalidArgument);
}

TEST(Os, MemoryIsZeroAndAligned) {
  auto memory = Memory::allocate(5 << 20);
  ASSERT_TRUE(memory.ok());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory->data()) % (2 << 20), 0u);
  EXPECT_GE(memory->bytes(), 5u << 20);
  for (uint64_t i = 0; i < memory->bytes(); i += 4096)
    ASSERT_EQ(memory->data()[i], 0);
  EXPECT_EQ(Memory::allocate(uint64_t(1) << 60).status().code(), Code::kOutOfMemory);
  EXPECT_EQ(Memory::allocate(0)->bytes(), 0u);
}

TEST(Os, BytesThatAreNoMachineCode) {
  std::vector<uint8_t> bytes(1000, 1);
  EXPECT_EQ(SharedObject::load(bytes, "nonsense").status().code(), Code::kCorrupt);
}

TEST(Os, DirectReadingGivesTheSameBytes) {
  std::string path = folder() + "/direct";
  std::vector<uint8_t> bytes(3 * 4096 + 100);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = uint8_t(i * 7 + i / 4096);
  {
    auto out = OutputFile::create(path);
    ASSERT_TRUE(out.ok() && out->write(bytes).ok() && out->commit().ok());
  }
  auto file = DirectFile::open(path);
  ASSERT_TRUE(file.ok()) << file.status().message();
  auto memory = Memory::allocate(1 << 16);
  ASSERT_TRUE(memory.ok());
  for (auto [offset, count] : std::initializer_list<std::pair<uint64_t, uint64_t>>{
           {0, 4096}, {4096, 2 * 4096 + 100}, {8192, 10}, {0, bytes.size()}, {12288, 100}}) {
    Status s = file->read(offset, count, memory->data());
    ASSERT_TRUE(s.ok()) << s.message();
    EXPECT_TRUE(std::equal(memory->data(), memory->data() + count, bytes.begin() + ptrdiff_t(offset)));
  }
  EXPECT_EQ(file->read(0, bytes.size() + 1, memory->data()).code(), Code::kCorrupt);
  EXPECT_EQ(DirectFile::open(folder() + "/nothing").status().code(), Code::kNotFound);
}

TEST(Os, ImagesAreLoadedApart) {
  // The loader takes objects of one path for one object.
  auto load = [](const char* path) {
    auto file = File::open(path);
    EXPECT_TRUE(file.ok());
    std::vector<uint8_t> bytes(file->bytes());
    EXPECT_TRUE(file->read(0, bytes).ok());
    return SharedObject::load(bytes, "image");
  };
  auto one = load(R1C_FAKE_IMAGE), two = load(R1C_FAKE_IMAGE);
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_NE(*one->symbol("r1_cpu_kernels"), *two->symbol("r1_cpu_kernels"));
}

TEST(Os, LibrariesOfTheSystem) {
  EXPECT_TRUE(resident_symbol("libm.so.6", "cos").ok());
  EXPECT_EQ(resident_symbol("libm.so.6", "no_such_symbol").status().code(), Code::kUnsupported);
  EXPECT_EQ(resident_symbol("libnothing.so.9", "x").status().code(), Code::kNotFound);
  EXPECT_EQ(access((executable_folder() + "/runtime-base-os-test").c_str(), X_OK), 0);
}

TEST(Os, TheMachineHasSomething) {
  EXPECT_GT(available_memory(), 1u << 20);
  EXPECT_GE(default_threads(), 1);
  double t = now();
  EXPECT_GE(now(), t);
  EXPECT_NE(entropy(), entropy());
}

} // namespace
} // namespace r1::os
