#include "runtime/program/program.h"

#include "runtime/device/cpu/cpu_device.h"

namespace r1 {

Result<const artifact::Target*> choose_target(const artifact::Artifact& artifact, const std::string& name) {
  std::string names, reasons;
  const artifact::Target* best = nullptr;
  for (const artifact::Target* t : *artifact.targets()) {
    if (!name.empty() && t->name()->str() != name) {
      names += (names.empty() ? "" : ", ") + t->name()->str();
      continue;
    }
    Status runs = cpu::can_run(*t);
    if (!name.empty()) {
      if (!runs.ok())
        return runs;
      return t;
    }
    if (runs.ok()) {
      if (!best || cpu::strength(*t) > cpu::strength(*best))
        best = t;
    } else {
      reasons += (reasons.empty() ? "" : "; ") + runs.message();
    }
  }
  if (!name.empty())
    return fail(Code::kNotFound, "the artifact has no target %s; it has %s", name.c_str(), names.c_str());
  if (!best)
    return fail(Code::kUnsupported, "no target of the artifact runs here: %s", reasons.c_str());
  return best;
}

Result<std::unique_ptr<Program>> Program::open(const std::string& path, const ProgramOptions& options) {
  auto program = std::make_unique<Program>();
  R1_ASSIGN_OR_RETURN(program->reader_, artifact::Reader::open(path));
  auto target = choose_target(program->index(), options.target);
  if (!target.ok())
    return target.status().at(path);
  program->target_ = *target;
  auto device = cpu::open(*program->reader_, *program->target_, options.device);
  if (!device.ok())
    return device.status();
  program->device_ = *std::move(device);
  return program;
}

uint32_t Program::entry_for(artifact::EntryKind kind, int64_t tokens) const {
  const auto& entries = *target_->entries();
  uint32_t best = UINT32_MAX;
  for (uint32_t i = 0; i < entries.size(); ++i) {
    if (entries.Get(i)->kind() != kind)
      continue;
    if (best == UINT32_MAX) {
      best = i;
      continue;
    }
    int64_t size = entries.Get(i)->max_tokens(), size_of_best = entries.Get(best)->max_tokens();
    bool fits = size >= tokens, best_fits = size_of_best >= tokens;
    if (fits != best_fits ? fits : fits ? size < size_of_best : size > size_of_best)
      best = i;
  }
  return best; // the validator proved that each kind is there
}

} // namespace r1
