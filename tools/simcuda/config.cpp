#include "tools/simcuda/config.h"

#include <charconv>
#include <string_view>

namespace r1::simcuda {
namespace {

// A number, with K, M or G (and iB) as powers of 1024 where `units`.
bool number(std::string_view text, bool units, uint64_t most, uint64_t& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc())
    return false;
  std::string_view rest(end, size_t(text.data() + text.size() - end));
  int shift = 0;
  if (units && !rest.empty()) {
    shift = rest[0] == 'K' ? 10 : rest[0] == 'M' ? 20 : rest[0] == 'G' ? 30 : 0;
    if (shift)
      rest.remove_prefix(1);
    if (rest == "iB")
      rest = {};
  }
  if (!rest.empty() || out > most >> shift)
    return false;
  out <<= shift;
  return true;
}

template <class T, size_t N>
bool choose(std::string_view text, const std::pair<std::string_view, T> (&choices)[N], T& out) {
  for (const auto& [name, value] : choices)
    if (text == name)
      return out = value, true;
  return false;
}

bool set(std::string_view key, std::string_view value, Config& c) {
  auto whole = [&](auto& field, uint64_t most) {
    uint64_t n = 0;
    if (!number(value, false, most, n))
      return false;
    field = std::remove_reference_t<decltype(field)>(n);
    return true;
  };
  if (key == "devices")
    return whole(c.devices, 64);
  if (key == "memory")
    return number(value, true, uint64_t(1) << 46, c.memory);
  if (key == "chip")
    return whole(c.chip, 999);
  if (key == "driver")
    return whole(c.driver, 99999);
  if (key == "launch_fails")
    return whole(c.launch_fails, UINT64_MAX);
  if (key == "lost_after")
    return whole(c.lost_after, UINT64_MAX);
  if (key == "alloc_fails")
    return whole(c.alloc_fails, UINT64_MAX);
  if (key == "seed")
    return whole(c.schedule.seed, UINT64_MAX);
  if (key == "workers")
    return whole(c.schedule.workers, 256) && c.schedule.workers > 0;
  using simt::Async, simt::Order;
  if (key == "schedule")
    return choose<Order>(value,
                         {{"fifo", Order::kFifo},
                          {"reverse", Order::kReverse},
                          {"shuffle", Order::kShuffle},
                          {"priority", Order::kPriority}},
                         c.schedule.order);
  if (key == "async")
    return choose<Async>(value,
                         {{"eager", Async::kEager}, {"lazy", Async::kLazy}, {"random", Async::kRandom}},
                         c.schedule.async);
  if (key == "sums")
    return choose<bool>(value, {{"plain", false}, {"hopper", true}}, c.schedule.hopper_sums);
  return false;
}

} // namespace

std::string parse(const std::string& text, Config& config) {
  std::string_view rest = text;
  while (!rest.empty()) {
    size_t comma = rest.find(',');
    std::string_view item = rest.substr(0, comma);
    rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
    size_t equals = item.find('=');
    if (equals == item.npos || !set(item.substr(0, equals), item.substr(equals + 1), config))
      return "R1_SIMCUDA: '" + std::string(item) +
             "' is not understood; the keys are devices, memory, chip, driver, launch_fails, lost_after, "
             "alloc_fails, schedule (fifo, reverse, shuffle, priority), async (eager, lazy, random), seed, "
             "workers, sums (plain, hopper)";
  }
  return "";
}

// CUDA C++ programming guide, "Technical specifications per compute capability".
int max_shared_bytes(int chip) {
  switch (chip) {
  case 80:
  case 87:
    return 163 << 10;
  case 86:
  case 89:
  case 120:
  case 121:
    return 99 << 10;
  default:
    return chip >= 90 ? 227 << 10 : 64 << 10;
  }
}

} // namespace r1::simcuda
