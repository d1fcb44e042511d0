#include "compiler/emit/Interrupt.h"
#include <atomic>

namespace r1 {

static std::atomic<int> received = 0;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler stores to it");

InterruptScope::InterruptScope() {
  received = 0;
  struct sigaction action = {};
  action.sa_handler = [](int signal) { received = signal; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &oldInterrupt);
  sigaction(SIGTERM, &action, &oldTerminate);
  action.sa_handler = SIG_IGN;
  action.sa_flags = 0;
  sigaction(SIGXFSZ, &action, &oldFileSize);
}

InterruptScope::~InterruptScope() {
  sigaction(SIGINT, &oldInterrupt, nullptr);
  sigaction(SIGTERM, &oldTerminate, nullptr);
  sigaction(SIGXFSZ, &oldFileSize, nullptr);
}

llvm::Error checkInterrupt() {
  if (int signal = received)
    return llvm::createStringError(signal == SIGINT ? "interrupted; nothing was written"
                                                    : "asked to terminate; nothing was written");
  return llvm::Error::success();
}

} // namespace r1
