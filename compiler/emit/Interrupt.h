// How a long compile ends early when the user asks: SIGINT and SIGTERM set a flag that loops look at, so that
// destructors run and temporary files go.
#pragma once
#include "llvm/Support/Error.h"
#include <csignal>

namespace r1 {

// While one exists, SIGINT and SIGTERM set the flag (a second one of the same kind ends the process as
// usual), and a file size limit shows as an error of write instead of SIGXFSZ. Restores what was there. One
// at a time.
class InterruptScope {
public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

private:
  struct sigaction oldInterrupt, oldTerminate, oldFileSize;
};

// An error once a signal has come, in any thread.
llvm::Error checkInterrupt();

} // namespace r1
