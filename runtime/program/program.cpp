#include "runtime/program/program.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "runtime/device/cpu/cpu_device.h"
#include "runtime/device/cuda/cuda_device.h"

namespace r1 {

static bool for_cpu(const artifact::Target& target) { return target.device() == artifact::Device::Cpu; }

Status can_run(const artifact::Artifact& artifact, const artifact::Target& target) {
  return for_cpu(target) ? cpu::can_run(target) : cuda::can_run(artifact, target);
}

Status check_image(const artifact::Reader& reader, const artifact::Target& target) {
  return for_cpu(target) ? cpu::check_image(reader, target) : cuda::check_image(reader, target);
}

Result<const artifact::Target*> choose_target(const artifact::Artifact& artifact, const std::string& name) {
  std::string names;
  std::vector<std::string> reasons; // several targets may have one
  const artifact::Target* best = nullptr;
  auto rank = [](const artifact::Target& t) {
    return std::tuple(!for_cpu(t), for_cpu(t) ? cpu::strength(t) : cuda::strength(t));
  };
  for (const artifact::Target* t : *artifact.targets()) {
    if (!name.empty() && t->name()->str() != name) {
      names += (names.empty() ? "" : ", ") + t->name()->str();
      continue;
    }
    if (name.empty() && t->device() == artifact::Device::Sim) {
      reasons.push_back(t->name()->str() + " is a simulation, which runs only where --target names it");
      continue;
    }
    Status runs = can_run(artifact, *t);
    if (!name.empty()) {
      if (!runs.ok())
        return runs;
      return t;
    }
    if (!runs.ok())
      reasons.push_back(runs.message());
    else if (!best || rank(*t) > rank(*best))
      best = t;
  }
  if (!name.empty())
    return fail(Code::kNotFound, "the artifact has no target %s; it has %s", name.c_str(), names.c_str());
  if (best)
    return best;
  std::string text;
  for (size_t i = 0; i < reasons.size(); ++i)
    if (std::find(reasons.begin(), reasons.begin() + ptrdiff_t(i), reasons[i]) ==
        reasons.begin() + ptrdiff_t(i))
      text += (text.empty() ? "" : "; ") + reasons[i];
  return fail(Code::kUnsupported, "no target of the artifact runs here: %s", text.c_str());
}

// A job of several processes tells each of them how many there are.
static Status check_ranks(const artifact::Target& target) {
  constexpr const char* kCount = "OMPI_COMM_WORLD_SIZE"; // Open MPI's mpirun
  std::string text = os::environment(kCount);
  uint32_t found = 1;
  if (!text.empty()) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), found);
    if (error != std::errc() || end != text.data() + text.size() || found == 0)
      return fail(Code::kInvalidArgument,
                  "%s is '%s', expected the number of processes; start r1run with mpirun, or unset it",
                  kCount, text.c_str());
  }
  if (found == target.ranks())
    return Status();
  std::string name = target.name()->str();
  if (target.ranks() == 1)
    return fail(Code::kUnsupported, "%s is for one process, this is one of %u (%s); start it alone",
                name.c_str(), found, kCount);
  return fail(Code::kUnsupported,
              "%s is spread over %u GPUs with a process each, this is one of %u; start it with mpirun -n %u",
              name.c_str(), target.ranks(), found, target.ranks());
}

Result<std::unique_ptr<Program>> Program::open(const std::string& path, const ProgramOptions& options) {
  auto program = std::make_unique<Program>();
  R1_ASSIGN_OR_RETURN(program->reader_, artifact::Reader::open(path));
  auto target = choose_target(program->index(), options.target);
  if (!target.ok())
    return target.status().at(path);
  program->target_ = *target;
  if (Status ranks = check_ranks(**target); !ranks.ok())
    return ranks.at(path);
  if (int64_t most = program->model().max_context(); options.device.cache_tokens > most)
    return fail(Code::kInvalidArgument,
                "a context of %lld tokens, but the artifact allows %lld; ask for fewer, or compile the model "
                "with "
                "--max-context %lld",
                (long long)options.device.cache_tokens, (long long)most,
                (long long)options.device.cache_tokens)
        .at(path);
  auto open = for_cpu(**target) ? cpu::open : cuda::open;
  auto device = open(*program->reader_, *program->target_, options.device);
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
