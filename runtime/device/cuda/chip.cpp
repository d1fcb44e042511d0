#include "runtime/device/cuda/chip.h"

#include <charconv>

#include "runtime/base/status.h"

namespace r1::cuda {
namespace {

struct Processor {
  int major = 0, minor = 0;
  char suffix = 0;       // 'a', 'f' or none
  bool virtual_ = false; // "compute_90": the driver compiles it
};

// False where the text is no processor's name.
bool parse(std::string_view text, Processor& p) {
  p.virtual_ = text.starts_with("compute_");
  if (!p.virtual_ && !text.starts_with("sm_"))
    return false;
  text.remove_prefix(p.virtual_ ? 8 : 3);
  int number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view rest(end, size_t(text.data() + text.size() - end));
  if (error != std::errc() || number < 10 || number > 9999 || rest.size() > 1)
    return false;
  p.major = number / 10, p.minor = number % 10;
  p.suffix = rest.empty() ? 0 : rest[0];
  return p.suffix == 0 || p.suffix == 'a' || p.suffix == 'f';
}

} // namespace

bool runs_on(std::string_view processor, Capability device) {
  Processor p;
  if (!parse(processor, p))
    return false;
  if (p.suffix == 'a')
    return device.major == p.major && device.minor == p.minor;
  if (p.virtual_ && p.suffix == 0)
    return device.major > p.major || (device.major == p.major && device.minor >= p.minor);
  return device.major == p.major && device.minor >= p.minor;
}

bool waits_itself(std::string_view processor) {
  Processor p;
  return parse(processor, p) && !p.virtual_ && p.major >= 9;
}

int strength(std::string_view processor) {
  Processor p;
  if (!parse(processor, p))
    return -1;
  int kind = p.virtual_ ? 0 : p.suffix == 'a' ? 3 : p.suffix == 'f' ? 2 : 1;
  return kind * 10000 + p.major * 10 + p.minor;
}

std::string best_processor(Capability device) {
  // Instructions of one chip alone came with 9.0.
  return format("sm_%d%d%s", device.major, device.minor, device.major >= 9 ? "a" : "");
}

} // namespace r1::cuda
