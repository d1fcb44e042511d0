// Compiled kernels by content: found again as they were, only under the same key and source, and never when damaged.
#include "compiler/emit/KernelCache.h"
#include "test/unit/compiler/emit/CudaFixture.h"
#include <thread>

namespace r1::test {
namespace {

namespace fs = std::filesystem;

const CompiledCode kCode{std::string("elf\0with a zero byte", 20), "// ptx", "ptxas info: fine"};

std::vector<fs::path> files(const std::string& folder) {
  std::vector<fs::path> all;
  for (const auto& entry : fs::directory_iterator(folder))
    all.push_back(entry.path());
  return all;
}

void expectSame(const std::optional<CompiledCode>& found, const CompiledCode& code) {
  ASSERT_TRUE(found);
  EXPECT_EQ(found->elf, code.elf);
  EXPECT_EQ(found->ptx, code.ptx);
  EXPECT_EQ(found->log, code.log);
}

TEST(KernelCache, GivesBackWhatWasStored) {
  Folder folder;
  KernelCache cache(folder.path + "/made/when/needed", "key");
  EXPECT_FALSE(cache.find("source"));
  cache.store("source", kCode);
  expectSame(cache.find("source"), kCode);
  expectSame(KernelCache(folder.path + "/made/when/needed", "key").find("source"), kCode);
  CompiledCode other{"another", "", ""};
  cache.store("source", other);
  expectSame(cache.find("source"), other);
  EXPECT_EQ(files(folder.path + "/made/when/needed").size(), 1u);
}

TEST(KernelCache, KeepsKeysAndSourcesApart) {
  Folder folder;
  KernelCache cache(folder.path, "key");
  cache.store("source", kCode);
  EXPECT_FALSE(cache.find("sourc"));
  EXPECT_FALSE(cache.find("source "));
  EXPECT_FALSE(KernelCache(folder.path, "key2").find("source"));
  EXPECT_FALSE(KernelCache(folder.path, "").find("keysource"));
}

TEST(KernelCache, IgnoresDamagedFiles) {
  Folder folder;
  KernelCache cache(folder.path, "key");
  cache.store("source", kCode);
  ASSERT_EQ(files(folder.path).size(), 1u);
  fs::path path = files(folder.path)[0];
  std::string good = readAll(path.string());
  auto replace = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  };
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] ^= 1;
    replace(bad);
    EXPECT_FALSE(cache.find("source")) << "byte " << at;
  }
  for (size_t size = 0; size < good.size(); ++size) {
    replace(good.substr(0, size));
    EXPECT_FALSE(cache.find("source")) << "cut to " << size;
  }
  replace(good + "x");
  EXPECT_FALSE(cache.find("source"));
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_FALSE(cache.find("source"));
  cache.store("source", kCode); // costs nothing but time
  fs::remove_all(path);
  cache.store("source", kCode);
  expectSame(cache.find("source"), kCode);
}

TEST(KernelCache, WithoutAFolderKeepsNothing) {
  KernelCache cache("", "key");
  cache.store("source", kCode);
  EXPECT_FALSE(cache.find("source"));
  Folder folder;
  std::ofstream(folder.path + "/file") << "no folder";
  KernelCache blocked(folder.path + "/file", "key");
  blocked.store("source", kCode);
  EXPECT_FALSE(blocked.find("source"));
}

// Writers of the same and of different kernels, and readers who must see all of a kernel or nothing.
TEST(KernelCache, ServesManyThreadsAtOnce) {
  Folder folder;
  std::vector<std::thread> threads;
  std::atomic<int> torn = 0;
  auto codeOf = [](int i) { return CompiledCode{std::string(20000, char('a' + i)), std::to_string(i), ""}; };
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      KernelCache cache(folder.path, "key");
      for (int round = 0; round < 50; ++round) {
        int i = (round + t) % 5;
        cache.store("source " + std::to_string(i), codeOf(i));
        if (auto found = cache.find("source " + std::to_string(round % 5)))
          torn += found->elf != codeOf(round % 5).elf;
      }
    });
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(files(folder.path).size(), 5u);
  for (int i = 0; i < 5; ++i)
    expectSame(KernelCache(folder.path, "key").find("source " + std::to_string(i)), codeOf(i));
}

TEST(KernelCache, LiesWhereTheUserSays) {
  Variable own("R1C_CACHE", "/somewhere/else");
  EXPECT_EQ(defaultKernelCache(), "/somewhere/else");
}

} // namespace
} // namespace r1::test
