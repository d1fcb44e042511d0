// A kernel that leaves its allocations fails, the process lives, and the message names kernel, block, thread and place.
#include "tools/simcuda/machine.h"

#include <gtest/gtest.h>

#include "test/unit/tools/simcuda/session.h"

namespace r1::simcuda {
namespace {

void expect_wild(driver::Pointer (*where)(Session&), std::initializer_list<const char*> parts) {
  for (const char* config : {"", "workers=2,schedule=priority"}) {
    Session s(config);
    EXPECT_EQ(s.launch(s.kernel("test_write"), 3, where(s)), 0) << "found when it runs";
    int result = s.finish();
    EXPECT_EQ(result, driver::kIllegalAddress);
    for (const char* part : parts)
      EXPECT_NE(s.text(result).find(part), std::string::npos) << part << ": " << s.text(result);
    driver::Pointer p = 0;
    EXPECT_EQ(s.d.cuMemAlloc(&p, 4), driver::kIllegalAddress) << "the device stays failed";
  }
}

TEST(Wild, BehindAnAllocation) {
  expect_wild([](Session& s) { return s.allocate(1024) + 1024 + 16; },
              {"16 bytes after the 1024 bytes", "test_write", "block 1", "thread 5"});
}

TEST(Wild, JustBehindOneThatEndsUnevenly) {
  expect_wild([](Session& s) { return s.allocate(1000) + 1001; },
              {"1 bytes after the 1000 bytes", "test_write"});
}

TEST(Wild, BeforeAnAllocation) {
  expect_wild([](Session& s) { return s.allocate(4096) - 1; }, {"1 bytes before the 4096 bytes", "block 1"});
}

TEST(Wild, NowhereAtAll) {
  expect_wild([](Session&) { return driver::Pointer(16); }, {"0x10", "no memory", "block 1", "thread 5"});
  expect_wild([](Session&) { return driver::Pointer(1) << 63; }, {"no possible address", "block 1"});
}

TEST(Wild, FreedMemory) {
  expect_wild(
      [](Session& s) {
        driver::Pointer p = s.allocate(1 << 20);
        EXPECT_EQ(s.d.cuMemFree(p), 0);
        return p;
      },
      {"block 1", "thread 5"});
}

TEST(Wild, AnotherMachineIsSound) {
  {
    Session s;
    EXPECT_EQ(s.launch(s.kernel("test_write"), 3, 16), 0);
    EXPECT_EQ(s.finish(), driver::kIllegalAddress);
  }
  Session s;
  driver::Pointer p = s.allocate(32 * sizeof(int));
  EXPECT_EQ(s.d.cuMemsetD8Async(p, 0, 128, s.stream), 0);
  EXPECT_EQ(s.launch(s.kernel("test_step"), 1, p), 0);
  EXPECT_EQ(s.finish(), 0);
  EXPECT_EQ(reinterpret_cast<int*>(p)[31], 1);
}

} // namespace
} // namespace r1::simcuda
