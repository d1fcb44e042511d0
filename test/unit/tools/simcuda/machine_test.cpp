// Work happens when somebody waits for it, in every order that is allowed, and simulated failures stay.
#include "tools/simcuda/machine.h"

#include <gtest/gtest.h>
#include <set>

#include "test/unit/tools/simcuda/session.h"

namespace r1::simcuda {
namespace {

constexpr size_t kBytes = 32 * sizeof(int);

int value(driver::Pointer p) { return reinterpret_cast<const int*>(p)[31]; }

TEST(Machine, WorkIsDoneLate) {
  Session s;
  driver::Pointer p = s.allocate(kBytes);
  auto* pinned = static_cast<int*>(s.pinned(kBytes));
  std::fill_n(pinned, 32, 5);
  ASSERT_EQ(s.d.cuMemcpyHtoDAsync(p, pinned, kBytes, s.stream), 0);
  std::fill_n(pinned, 32, 6); // too early: the copy has not happened
  std::vector<int> ordinary(32, 7);
  driver::Pointer q = s.allocate(kBytes);
  ASSERT_EQ(s.d.cuMemcpyHtoDAsync(q, ordinary.data(), kBytes, s.stream), 0);
  std::fill(ordinary.begin(), ordinary.end(), 8); // fine: ordinary memory was read at once
  ASSERT_EQ(s.launch(s.kernel("test_step"), 1, p), 0);
  ASSERT_EQ(s.finish(), 0);
  EXPECT_EQ(value(p), 19);
  EXPECT_EQ(value(q), 7);
  std::vector<int> out(32, 0);
  ASSERT_EQ(s.d.cuMemcpyDtoHAsync(pinned, p, kBytes, s.stream), 0);
  EXPECT_EQ(pinned[31], 6) << "not there yet";
  ASSERT_EQ(s.d.cuMemcpyDtoHAsync(out.data(), p, kBytes, s.stream), 0);
  EXPECT_EQ(out[31], 19) << "ordinary memory is written before the call returns, after all before it";
  EXPECT_EQ(pinned[31], 19);
}

TEST(Machine, EventsAreMarksInTheStream) {
  Session s;
  driver::Pointer p = s.allocate(kBytes);
  driver::Event first = nullptr, second = nullptr;
  ASSERT_EQ(s.d.cuEventCreate(&first, driver::kEventDefault), 0);
  ASSERT_EQ(s.d.cuEventCreate(&second, driver::kEventDefault), 0);
  ASSERT_EQ(s.d.cuMemsetD8Async(p, 0, kBytes, s.stream), 0);
  ASSERT_EQ(s.d.cuEventRecord(first, s.stream), 0);
  ASSERT_EQ(s.launch(s.kernel("test_step"), 1, p), 0);
  ASSERT_EQ(s.d.cuEventRecord(second, s.stream), 0);
  float milliseconds = 0;
  EXPECT_EQ(s.d.cuEventElapsedTime(&milliseconds, first, second), driver::kNotReady);
  ASSERT_EQ(s.d.cuEventSynchronize(first), 0);
  EXPECT_EQ(value(p), 0) << "what comes after the mark has not happened";
  ASSERT_EQ(s.d.cuEventSynchronize(second), 0);
  EXPECT_EQ(value(p), 1);
  ASSERT_EQ(s.d.cuEventElapsedTime(&milliseconds, first, second), 0);
  EXPECT_GE(milliseconds, 0);
}

TEST(Machine, GraphsRunInAnyOrderThatTheEdgesAllow) {
  std::set<int> free_orders, bound_orders;
  for (int seed = 0; seed < 20; ++seed) {
    Session s("seed=" + std::to_string(seed));
    driver::Pointer p = s.allocate(kBytes);
    for (bool bound : {false, true}) {
      driver::Graph graph = nullptr;
      driver::Executable executable = nullptr;
      driver::Node a = nullptr, b = nullptr;
      ASSERT_EQ(s.d.cuGraphCreate(&graph, 0), 0);
      ASSERT_EQ(s.add_node(graph, s.kernel("test_step"), p, {}, a), 0);
      ASSERT_EQ(s.add_node(graph, s.kernel("test_double"), p,
                           bound ? std::vector{a} : std::vector<driver::Node>(), b),
                0);
      ASSERT_EQ(s.d.cuGraphInstantiateWithFlags(&executable, graph, 0), 0);
      ASSERT_EQ(s.d.cuGraphDestroy(graph), 0) << "the executable is a copy";
      ASSERT_EQ(s.d.cuGraphUpload(executable, s.stream), 0);
      ASSERT_EQ(s.d.cuMemsetD8Async(p, 0, kBytes, s.stream), 0);
      ASSERT_EQ(s.d.cuGraphLaunch(executable, s.stream), 0);
      ASSERT_EQ(s.finish(), 0);
      (bound ? bound_orders : free_orders).insert(value(p));
      ASSERT_EQ(s.d.cuGraphExecDestroy(executable), 0);
    }
  }
  EXPECT_EQ(free_orders, (std::set<int>{1, 2}));
  EXPECT_EQ(bound_orders, std::set<int>{2});
}

TEST(Machine, AKernelThatIsToldToFail) {
  Session s("launch_fails=2");
  driver::Pointer p = s.allocate(kBytes);
  ASSERT_EQ(s.d.cuMemsetD8Async(p, 0, kBytes, s.stream), 0);
  driver::Kernel step = s.kernel("test_step");
  ASSERT_EQ(s.launch(step, 1, p), 0);
  EXPECT_EQ(s.finish(), 0);
  EXPECT_EQ(s.launch(step, 1, p), 0);
  EXPECT_EQ(s.finish(), driver::kLaunchFailed);
  EXPECT_NE(s.text(driver::kLaunchFailed).find("test_step"), std::string::npos);
  EXPECT_EQ(value(p), 1) << "it did not run";
  EXPECT_EQ(s.finish(), driver::kLaunchFailed) << "it stays";
  EXPECT_EQ(s.launch(step, 1, p), driver::kLaunchFailed);
}

TEST(Machine, ADeviceThatIsLostAloneIsLost) {
  Session s("lost_after=1,devices=2");
  driver::Pointer p = s.allocate(kBytes);
  ASSERT_EQ(s.launch(s.kernel("test_step"), 1, p), 0);
  ASSERT_EQ(s.finish(), 0);
  ASSERT_EQ(s.launch(s.kernel("test_step"), 1, p), 0);
  EXPECT_EQ(s.finish(), driver::kUnknown);
  driver::Context other = nullptr;
  ASSERT_EQ(s.d.cuDevicePrimaryCtxRetain(&other, 1), 0);
  ASSERT_EQ(s.d.cuCtxSetCurrent(other), 0);
  EXPECT_EQ(s.d.cuMemAlloc(&p, 4), 0);
  EXPECT_EQ(s.d.cuDevicePrimaryCtxRelease(1), 0);
}

TEST(Machine, WhatTheEmulatorFindsIsAFailedLaunch) {
  Session s;
  ASSERT_EQ(s.launch(s.kernel("test_wait"), 2, 0), 0);
  EXPECT_EQ(s.finish(), driver::kLaunchFailed);
  for (const char* part : {"test_wait", "block", "thread", "kernels_cuda.cpp"})
    EXPECT_NE(s.text(driver::kLaunchFailed).find(part), std::string::npos) << s.text(driver::kLaunchFailed);
}

} // namespace
} // namespace r1::simcuda
