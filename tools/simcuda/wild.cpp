// A kernel thread that leaves an allocation meets an inaccessible page. The signal that follows arrives on that thread's
// own stack, so the emulator can end the launch there and then, and say which block and thread it was.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <mutex>

#include "kernels/simt/device.h"
#include "tools/simcuda/machine.h"

namespace r1::simcuda {
namespace {

std::atomic<bool> seen{false};

bool describe(uintptr_t address, char* text, size_t size) {
  Machine& machine = Machine::get();
  if (machine.pinned.describe(address, text, size))
    return true;
  for (const auto& device : machine.devices)
    if (device->memory.describe(address, text, size))
      return true;
  return false;
}

void on_fault(int signal, siginfo_t* info, void*) {
  if (!simt::current) { // not a kernel's doing: what would have happened without us
    std::signal(signal, SIG_DFL);
    return;
  }
  seen = true;
  char text[128];
  // The processor names no address for a misaligned vector, or for one that no memory can have.
  if (info->si_code == SI_KERNEL)
    simt::fail({}, "a misaligned access, or one to no possible address");
  if (describe(reinterpret_cast<uintptr_t>(info->si_addr), text, sizeof text))
    simt::fail({}, "an access %s", text);
  simt::fail({}, "an access to %p, where no memory is", info->si_addr);
}

} // namespace

void catch_wild_accesses() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    // The handler never returns into the faulting thread, so the signal must not stay blocked.
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
  });
}

bool wild_access_seen() { return seen.exchange(false); }

} // namespace r1::simcuda
