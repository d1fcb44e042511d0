#include "tools/r1run/output.h"

#include <unistd.h>
#include <utility>

#include "runtime/base/os.h"

namespace r1run {

// Standard error is where failures are told; if it fails too there is nobody left to tell.
static void error_text(std::string_view text) { (void)r1::os::write_all(2, text).ok(); }

void note(std::string_view line) {
  std::string text(line);
  for (char& c : text)
    if (uint8_t(c) < ' ')
      c = '?'; // names from a file must not break the line or steer the terminal
  error_text(text + "\n");
}
r1::Status print(std::string_view text) { return r1::os::write_all(1, text); }

bool output_is_terminal() { return isatty(1) == 1; }
bool notes_are_terminal() { return isatty(2) == 1; }

std::string size(double bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  while (bytes >= 1024 && unit < 4)
    bytes /= 1024, ++unit;
  return r1::format(unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

r1::Result<bool> Lines::next(std::string& line) {
  constexpr size_t kBlock = 1 << 16;
  while (true) {
    if (size_t end = buffer_.find('\n', from_); end != std::string::npos) {
      line = buffer_.substr(from_, end - from_);
      from_ = end + 1;
      return true;
    }
    buffer_.erase(0, from_);
    from_ = 0;
    size_t had = buffer_.size();
    buffer_.resize(had + kBlock);
    R1_ASSIGN_OR_RETURN(size_t got,
                        r1::os::read_some(0, {reinterpret_cast<uint8_t*>(buffer_.data()) + had, kBlock}));
    buffer_.resize(had + got);
    if (got > 0)
      continue;
    line = std::exchange(buffer_, {});
    return !line.empty();
  }
}

Progress::~Progress() {
  if (shown_ >= 0)
    error_text("\r\033[K");
}

void Progress::show(uint64_t done, uint64_t total) {
  if (!notes_are_terminal())
    return;
  int percent = total ? int(100 * (double(done) / double(total))) : 100;
  if (percent == shown_)
    return;
  shown_ = percent;
  error_text(r1::format("\r%s %d %%", label_.c_str(), percent));
}

} // namespace r1run
