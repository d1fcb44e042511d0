// One block of a launch under way on one OS thread, and all state of its kernel threads. A Block is reused from
// block to block and from launch to launch; only run() touches it, and, within, the fibers it runs.
#pragma once
#include "kernels/simt/device.h"
#include "kernels/simt/fiber.h"
#include "kernels/simt/launch.h"

#include <string>
#include <vector>

namespace r1::simt {

inline constexpr int kMaxThreads = 1024, kMaxWarps = 32, kBarriers = 16;
inline constexpr u32 kMaxSharedBytes = 227 << 10;
inline constexpr size_t kGuardBytes = 4096; // on either side of shared memory: a stray write shows here
inline constexpr u8 kPoison = 0xff;         // NaN as float, bf16 and e4m3

enum class State : u8 { kReady, kBarrier, kWarp, kDone };

struct Thread : ThreadView {
  Context context;
  State state;
  int warp, lane;
  Place place;          // where it waits
  const void* waits_on; // the Barrier, for reports
};

// Threads that stand at a block barrier, a bit a lane.
struct Barrier {
  int arrived = 0, count = 0; // count 0: all that live
  Place place;
  u32 waiting[kMaxWarps] = {};
};

// What the lanes of a warp do together: each deposits its argument, the last to arrive computes for all.
enum class Operation : u8 { kSync, kShuffle, kBallot, kReduce, kLoadMatrix, kMma };
struct Meeting {
  u32 arrived = 0;
  Operation operation{};
  Place place;
  void* arguments[32];
};

struct AsyncCopy {
  u8* to;
  const u8* from;
  int bytes;
};
// Asynchronous copies of one thread, oldest first; `ends` are the ends of committed groups in `copies`.
struct CopyQueue {
  std::vector<AsyncCopy> copies;
  std::vector<size_t> ends;
};

class Block {
public:
  Block() = default;
  ~Block();
  Block(const Block&) = delete;

  // Runs block `index`. "" or what went wrong.
  std::string run(Entry entry, Shape shape, void** params, const Schedule& schedule, u32 index);

  // ---- for operations, on a fiber
  Thread& self() { return *running_; }
  // Waits until another thread wakes this one.
  void wait(State state, Place place, const void* object);
  void wake(int warp, u32 lanes);
  // Lets others go first where the schedule likes that.
  void pass();
  void arrive(Barrier& barrier, int count, Place place);
  void meet(Operation operation, void* argument, void (*complete)(void** arguments), Place place);
  [[noreturn]] void stop(Place place, std::string message);
  // The pointer, once it is known to name `bytes` of shared memory.
  u8* shared_range(const void* p, size_t bytes, Place place, const char* what);
  // Whether asynchronous work that is issued now happens now.
  bool at_once();
  u64 random();

  BlockView view{};
  Schedule schedule;
  u32 shared_bytes = 0;
  CopyQueue copies[kMaxThreads];
  Barrier barriers[kBarriers];

private:
  static void enter();
  bool prepare_memory();
  void release_memory();
  void prepare_threads();
  void exit();
  void leave(bool last);
  Thread* choose();
  Thread* take(int warp, int lane);
  void draw_priorities();
  void release(Barrier& barrier);
  std::string who(const Thread& thread) const;
  std::string deadlock() const;
  std::string stray_writes();

  Entry entry_ = nullptr;
  void** params_ = nullptr;
  Thread* running_ = nullptr; // nullptr: the OS thread itself
  Context host_;
  Thread threads_[kMaxThreads];
  std::vector<u8*> stacks_;
  u8* arena_ = nullptr; // shared memory between two guards
  Meeting meetings_[kMaxWarps];
  int live_ = 0, warps_ = 0;
  u32 ready_[kMaxWarps] = {}, exited_[kMaxWarps] = {}, ready_warps_ = 0; // bits: lanes, lanes, warps
  int priorities_[kMaxWarps] = {};                                       // warps, highest first
  u64 random_ = 0;
  std::string error_;
};

// The block whose fiber runs on this OS thread.
Block& block();

const char* name_of(Operation operation);
std::string text_of(Place place); // " at file:line"

} // namespace r1::simt
