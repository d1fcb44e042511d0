// Modules are shared objects of the host, each load apart from the others; what is none is refused as a driver would.
#include "tools/simcuda/image.h"

#include <elf.h>
#include <gtest/gtest.h>

#include "test/unit/tools/simcuda/session.h"

namespace r1::simcuda {
namespace {

int load(Session& s, const void* code) {
  driver::Library library = nullptr;
  return s.d.cuLibraryLoadData(&library, code, nullptr, nullptr, 0, nullptr, nullptr, 0);
}

TEST(Image, CodeOfARealGpuIsRefused) {
  Session s;
  std::vector<uint8_t> bytes = module_bytes();
  reinterpret_cast<Elf64_Ehdr*>(bytes.data())->e_machine = 190; // EM_CUDA
  int result = load(s, bytes.data());
  EXPECT_EQ(result, driver::kNoBinaryForGpu);
  EXPECT_NE(s.text(result).find("sim:"), std::string::npos) << s.text(result);
}

TEST(Image, WhatIsNoObjectIsRefused) {
  Session s;
  std::vector<char> ptx(1000, ' ');
  strcpy(ptx.data(), ".version 9.0\n.target sm_90\n");
  EXPECT_EQ(load(s, ptx.data()), driver::kInvalidImage);
  std::vector<uint8_t> bytes = module_bytes();
  reinterpret_cast<Elf64_Ehdr*>(bytes.data())->e_type = ET_REL;
  EXPECT_EQ(load(s, bytes.data()), driver::kInvalidImage);
}

TEST(Image, KernelsAreFoundByName) {
  Session s;
  driver::Kernel kernel = nullptr;
  EXPECT_EQ(s.d.cuLibraryGetKernel(&kernel, s.library, "test_step"), 0);
  int result = s.d.cuLibraryGetKernel(&kernel, s.library, "test_nothing");
  EXPECT_EQ(result, driver::kNotFound);
  EXPECT_NE(s.text(result).find("test_nothing"), std::string::npos);
  EXPECT_EQ(s.d.cuLibraryGetKernel(&kernel, nullptr, "test_step"), driver::kInvalidHandle);
}

TEST(Image, EachLoadIsAModuleOfItsOwn) {
  Session s;
  std::vector<uint8_t> bytes = module_bytes();
  for (int round = 0; round < 3; ++round) { // descriptors are used again meanwhile
    driver::Library one = nullptr, two = nullptr;
    ASSERT_EQ(s.d.cuLibraryLoadData(&one, bytes.data(), nullptr, nullptr, 0, nullptr, nullptr, 0), 0);
    ASSERT_EQ(s.d.cuLibraryLoadData(&two, bytes.data(), nullptr, nullptr, 0, nullptr, nullptr, 0), 0);
    driver::Kernel a = nullptr, b = nullptr;
    ASSERT_EQ(s.d.cuLibraryGetKernel(&a, one, "test_step"), 0);
    ASSERT_EQ(s.d.cuLibraryGetKernel(&b, two, "test_step"), 0);
    EXPECT_NE(reinterpret_cast<Kernel*>(a)->entry, reinterpret_cast<Kernel*>(b)->entry);
    ASSERT_EQ(s.d.cuLibraryUnload(one), 0);
    EXPECT_EQ(s.d.cuLibraryUnload(one), driver::kInvalidHandle);
    EXPECT_EQ(s.launch(a, 1, 0), driver::kInvalidHandle) << "its module is gone";
    ASSERT_EQ(s.d.cuLibraryUnload(two), 0);
  }
}

} // namespace
} // namespace r1::simcuda
