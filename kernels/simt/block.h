// One block of a launch under way on one OS thread, and all state of its kernel threads. A Block is reused from
// block to block and from launch to launch; only run() touches it, and, within, the fibers it runs.
#pragma once
#include "kernels/simt/device.h"
#include "kernels/simt/fiber.h"
#include "kernels/simt/launch.h"
#include "kernels/simt/phase.h"
#include "kernels/simt/tensor_map.h"

#include <cstdarg>
#include <memory>
#include <string>
#include <vector>

namespace r1::simt {

inline constexpr int kMaxThreads = 1024, kMaxWarps = 32, kBarriers = 16;
inline constexpr u32 kMaxSharedBytes = 227 << 10;
// Instructions see shared memory from here, as on Hopper, where the first bytes are the system's.
inline constexpr u32 kSharedBase = 1024;
inline constexpr size_t kGuardBytes = 4096; // on either side of shared memory: a stray write shows here
inline constexpr u8 kPoison = 0xff;         // NaN as float, bf16 and e4m3

enum class State : u8 { kReady, kBarrier, kWarp, kGroup, kPhase, kDone };

struct Thread : ThreadView {
  Context context;
  State state;
  int warp, lane;
  Place place;          // where it waits
  const void* waits_on; // the Barrier, WarpGroup, or PhaseBarrier's word
  int parity;           // of the phase it waits for
};

// Threads that stand at a block barrier, a bit a lane.
struct Barrier {
  int arrived = 0, count = 0; // count 0: all that live
  Place place;
  u32 waiting[kMaxWarps] = {};
};

// What the lanes of a warp, or the threads of a warp group, do together: each deposits its argument, the last to
// arrive computes for all.
enum class Operation : u8 {
  kSync,
  kShuffle,
  kBallot,
  kReduce,
  kLoadMatrix,
  kMma,
  kGroupFence,
  kGroupProduct,
  kGroupCommit,
  kGroupWait
};
struct Meeting {
  u32 arrived = 0;
  Operation operation{};
  Place place;
  void* arguments[32];
};

// Asynchronous work of one thread or warp group, oldest first; `ends` are the ends of committed groups in `items`.
// What happened at once is in here too, so that a missing wait shows with every schedule.
template <class Item> struct GroupQueue {
  std::vector<Item> items;
  std::vector<size_t> ends;

  void clear() {
    items.clear();
    ends.clear();
  }
  void commit() { ends.push_back(items.size()); }
  // Carries out all but the latest `groups` committed groups.
  template <class CarryOut> void wait(int groups, CarryOut carry_out) {
    const long done = long(ends.size()) - groups;
    if (done <= 0)
      return;
    const size_t end = ends[done - 1];
    for (size_t i = 0; i < end; ++i)
      if (!items[i].done)
        carry_out(items[i]);
    sanitizer::Ignore ours;
    items.erase(items.begin(), items.begin() + long(end));
    ends.erase(ends.begin(), ends.begin() + done);
    for (size_t& e : ends)
      e -= end;
  }
};

struct AsyncCopy { // cp.async
  u8* to;
  const u8* from;
  int bytes, size; // read, and written
  bool done;
};
struct BoxCopy { // TMA
  u8* shared;
  u8* barrier; // of a load
  u32 bytes;
  bool done;
  int at[kMaxTensorRank];
  TensorMapView map;
  Place place;
};
struct GroupProduct { // wgmma
  float* d[128];
  u64 a, b;
  int n;
  bool e4m3, columns, accumulate, done; // columns: B is [k][n]
  std::vector<float> saved;             // of the threads' registers, while these hold NaN
  Place place;
};
struct WarpGroup {
  int arrived = 0;
  Operation operation{};
  Place place;
  void* arguments[128];
  bool fenced = false;
  GroupQueue<GroupProduct> products;
  // For the race detector: the products as a thread, what it begins after, and what begins after it.
  void* fiber = nullptr;
  char issued, completed;
};

class Block : public BlockView {
public:
  Block() : BlockView{} {}
  ~Block();
  Block(const Block&) = delete;

  // Runs block `index`. "" or what went wrong.
  std::string run(Entry entry, Shape shape, void** params, const Schedule& schedule, u32 index);
  // After the launch's last block here: all that its blocks did has happened. Before it nothing orders one block with
  // the next, though one OS thread runs both.
  void join_threads();

  // ---- for operations, on a fiber
  Thread& self() { return *running_; }
  // Waits until another thread wakes this one.
  void wait(State state, Place place, const void* object);
  void wake(int warp, u32 lanes);
  // Lets others go first where the schedule likes that.
  void pass();
  void arrive(Barrier& barrier, int count, Place place);
  void meet(Operation operation, void* argument, void (*complete)(void** arguments), Place place);
  const Meeting* meeting() { return &meetings_[running_->warp]; }
  void meet_group(Operation operation, void* argument, void (*complete)(void** arguments), Place place);
  void wait_phase(u8* word, int parity, Place place);
  void wake_phase(const u8* word, int phase);
  // Ends the launch. The fiber is abandoned as it stands: nothing on its stack may own memory.
  [[noreturn]] void stop(Place place, const char* format, va_list arguments);
  // The pointer, once it is known to name `bytes` of shared memory.
  u8* shared_range(const void* p, size_t bytes, Place place, const char* what);
  // Whether asynchronous work that is issued now happens now.
  bool at_once();
  u64 random();

  Schedule schedule;
  u32 shared_bytes = 0;
  Barrier barriers[kBarriers];
  std::vector<PhaseBarrier> phases;
  WarpGroup warp_groups[kMaxWarps / 4];
  GroupQueue<AsyncCopy> copies[kMaxThreads];
  GroupQueue<BoxCopy> stores[kMaxThreads];
  std::vector<BoxCopy> loads;   // what the copy engine has before it, in no order
  void* engine_fiber = nullptr; // for the race detector

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
  bool engine_first();
  void run_engine();
  void release(Barrier& barrier);
  void check_finished(const Thread& thread);
  std::string what(const Thread& thread) const;
  std::string who(const Thread& thread) const;
  std::string outcome();
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
  int priorities_[kMaxWarps + 1] = {}; // warps and, as warps_, the copy engine; highest first
  std::vector<Thread*> phase_waiters_;
  u64 random_ = 0;
  const Thread* failed_ = nullptr; // the thread that stopped the launch, and why
  char failure_[400];
};

// The block whose fiber runs on this OS thread.
inline Block& block() { return *static_cast<Block*>(const_cast<BlockView*>(current->block)); }

const char* name_of(Operation operation);
std::string text_of(Place place); // " at file:line"

} // namespace r1::simt
