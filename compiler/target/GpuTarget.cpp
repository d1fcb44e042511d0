#include "compiler/target/GpuTarget.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

namespace r1 {
namespace {

// Shared memory a block may ask for: CUDA C++ Programming Guide, "Compute Capabilities", technical specifications.
struct Chip {
  llvm::StringLiteral name;
  int number, scheduleChip;
  int64_t sharedKib;
};
constexpr Chip kChips[] = {
    {"sm_80", 80, 80, 163},     {"sm_86", 86, 86, 99},      {"sm_87", 87, 80, 163},
    {"sm_89", 89, 89, 99},      {"sm_90a", 90, 90, 227},    {"sm_100a", 100, 100, 227},
    {"sm_103a", 103, 100, 227}, {"sm_110a", 110, 100, 227}, {"sm_120a", 120, 89, 99},
    {"sm_121a", 121, 89, 99},
};

llvm::Error unknown(llvm::StringRef name) {
  return llvm::createStringError("target '" + name + "': no such GPU; there are " +
                                 llvm::join(gpuChips(), ", ") +
                                 ", each also as sim:<chip>, and ptx:compute_80 to ptx:compute_121");
}

} // namespace

bool isGpuName(llvm::StringRef name) {
  return name.starts_with("sm_") || name.starts_with("sim:") || name.starts_with("ptx:");
}

llvm::SmallVector<llvm::StringRef> gpuChips() {
  return llvm::map_to_vector(kChips, [](const Chip& chip) -> llvm::StringRef { return chip.name; });
}

llvm::Expected<GpuTarget> parseGpuTarget(llvm::StringRef name) {
  GpuTarget target;
  target.name = name.str();
  llvm::StringRef chipName = name;
  if (name.starts_with("ptx:")) {
    // PTX without "a" runs on every chip of this capability and above, so only portable instructions may be in it.
    llvm::StringRef capability = name.drop_front(4);
    const Chip* chip = llvm::find_if(
        kChips, [&](const Chip& c) { return capability == "compute_" + std::to_string(c.number); });
    if (chip == std::end(kChips))
      return unknown(name);
    target.code = GpuCode::Ptx;
    target.processor = capability.str();
    target.chip = chip->number;
    target.sharedBytes = 99 << 10; // what every chip has
    target.scheduleChip = chip->number < 89 ? 86 : 89;
    return target;
  }
  target.code = chipName.consume_front("sim:") ? GpuCode::Host : GpuCode::Cubin;
  const Chip* chip = llvm::find_if(kChips, [&](const Chip& c) { return chipName == c.name; });
  if (chip == std::end(kChips))
    return unknown(name);
  target.processor = chipName.str();
  target.chip = chip->number;
  target.specific = chipName.ends_with("a");
  target.sharedBytes = chip->sharedKib << 10;
  target.scheduleChip = chip->scheduleChip;
  return target;
}

} // namespace r1
