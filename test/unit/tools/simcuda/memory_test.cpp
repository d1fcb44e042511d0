// Memory of a simulated device is full of NaN, knows its bounds, and notices writes beside it.
#include "tools/simcuda/memory.h"

#include <cmath>
#include <gtest/gtest.h>

namespace r1::simcuda {
namespace {

TEST(Memory, IsAlignedAndFullOfNan) {
  Memory memory;
  for (uint64_t bytes : {1u, 255u, 256u, 4096u, 5000u, 1u << 20}) {
    uintptr_t p = memory.allocate(bytes);
    ASSERT_NE(p, 0u);
    EXPECT_EQ(p % 256, 0u);
    if (bytes >= 4) {
      EXPECT_TRUE(std::isnan(*reinterpret_cast<float*>(p + bytes / 4 * 4 - 4)));
    }
  }
}

TEST(Memory, KnowsItsBounds) {
  Memory memory;
  uintptr_t p = memory.allocate(1000);
  EXPECT_TRUE(memory.holds(p, 1000));
  EXPECT_TRUE(memory.holds(p + 999, 1));
  EXPECT_TRUE(memory.holds(p + 1000, 0));
  EXPECT_FALSE(memory.holds(p, 1001));
  EXPECT_FALSE(memory.holds(p + 1, 1000));
  EXPECT_FALSE(memory.holds(p - 1, 1));
  EXPECT_FALSE(memory.holds(p, UINT64_MAX));
  bool known = false;
  EXPECT_EQ(memory.free(p, known), "");
  EXPECT_TRUE(known);
  EXPECT_FALSE(memory.holds(p, 1));
  EXPECT_EQ(memory.used(), 0u);
  EXPECT_EQ(memory.free(p, known), "");
  EXPECT_FALSE(known);
}

TEST(Memory, NoticesWritesBesideIt) {
  Memory memory;
  uintptr_t p = memory.allocate(1000);
  EXPECT_EQ(memory.damage(), "");
  *reinterpret_cast<uint8_t*>(p + 1003) = 0;
  EXPECT_NE(memory.damage().find("3 bytes after the 1000 bytes"), std::string::npos);
  EXPECT_EQ(memory.damage(), "") << "told once";
  *reinterpret_cast<uint8_t*>(p - 2) = 0;
  EXPECT_NE(memory.damage().find("2 bytes before the 1000 bytes"), std::string::npos);
  *reinterpret_cast<uint8_t*>(p + 1000) = 0;
  bool known = false;
  EXPECT_NE(memory.free(p, known).find("0 bytes after"), std::string::npos);
}

TEST(Memory, TellsWhereAnAddressLies) {
  Memory memory;
  uintptr_t p = memory.allocate(512);
  char text[128];
  ASSERT_TRUE(memory.describe(p + 512 + 8, text, sizeof text));
  EXPECT_NE(std::string(text).find("8 bytes after the 512 bytes"), std::string::npos) << text;
  EXPECT_FALSE(memory.describe(p + (1 << 30), text, sizeof text));
}

} // namespace
} // namespace r1::simcuda
