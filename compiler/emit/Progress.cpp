#include "compiler/emit/Progress.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include <unistd.h>

namespace r1 {

using Clock = std::chrono::steady_clock;

Progress::Progress(llvm::StringRef what, uint64_t total, Unit unit)
    : what(what), unit(unit), total(total), terminal(isatty(STDERR_FILENO)), start(Clock::now()),
      drawn(start) {}

Progress::~Progress() {
  if (terminal)
    llvm::errs() << "\r\033[K";
}

void Progress::advance(uint64_t amount) {
  done += amount;
  Clock::time_point now = Clock::now();
  if (!terminal || now - drawn < std::chrono::milliseconds(100))
    return;
  drawn = now;
  double seconds = std::chrono::duration<double>(now - start).count(), rate = done / seconds;
  if (unit == Unit::Items) {
    llvm::errs() << llvm::formatv("\r\033[K{0}: {1} of {2}, {3:f0} s left", what, done, total,
                                  (total - std::min(done, total)) / rate);
    return;
  }
  llvm::errs() << llvm::formatv("\r\033[K{0}: {1:P0}, {2:f1} of {3:f1} GB, {4:f2} GB/s, {5:f0} s left", what,
                                total ? double(done) / total : 1.0, done * 1e-9, total * 1e-9, rate * 1e-9,
                                (total - std::min(done, total)) / rate);
}

} // namespace r1
