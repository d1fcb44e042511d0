#include "runtime/device/plan.h"

#include <algorithm>

namespace r1 {

using artifact::IoSlot;

static constexpr uint64_t kAlwaysVerified = uint64_t(32) << 20; // bytes of weights in all

TargetSizes sizes_of(const artifact::Artifact& artifact, const artifact::Target& target,
                     const DeviceOptions& options) {
  const artifact::Model& m = *artifact.model();
  TargetSizes sizes;
  uint32_t a_sequence = (m.max_context() + m.page_tokens() - 1) / m.page_tokens();
  uint32_t sequences = options.cache_sequences ? options.cache_sequences : m.max_batch();
  uint32_t room = a_sequence;
  if (options.cache_tokens > 0)
    room = uint32_t(
        std::min<int64_t>(a_sequence, (options.cache_tokens + m.page_tokens() - 1) / m.page_tokens()));
  sizes.pages = room * std::min(sequences, m.max_batch());
  sizes.cache = uint64_t(sizes.pages) * m.cache_page_bytes() * m.cache_layers();
  for (uint32_t s : *target.segments())
    sizes.segments += artifact.segments()->Get(s)->bytes();
  for (const artifact::Entry* e : *target.entries()) {
    sizes.arena = std::max(sizes.arena, e->arena_bytes());
    sizes.tokens = std::max<uint64_t>(sizes.tokens, e->max_tokens());
    sizes.rows = std::max<uint64_t>(sizes.rows, e->max_logit_rows());
  }
  for (IoSlot s : {IoSlot::TokenIds, IoSlot::Positions, IoSlot::Slots})
    sizes.io_bytes[int(s)] = sizes.tokens * 4;
  sizes.io_bytes[int(IoSlot::PageTable)] = uint64_t(m.max_batch()) * a_sequence * 4;
  sizes.io_bytes[int(IoSlot::LogitRows)] = sizes.rows * 4;
  sizes.io_bytes[int(IoSlot::Logits)] = sizes.rows * m.logits_stride() * 4;
  sizes.io_bytes[int(IoSlot::ChoiceOptions)] = sizes.rows * kChoiceOptionWords * 4;
  sizes.io_bytes[int(IoSlot::Draws)] = sizes.rows * kDrawWords * 4;
  sizes.io_bytes[int(IoSlot::Chosen)] = sizes.rows * 4;
  sizes.io_bytes[int(IoSlot::Hidden)] = sizes.tokens * m.hidden_size() * 4;
  return sizes;
}

Status check_step(const artifact::Artifact& artifact, const artifact::Target& target, uint32_t entry,
                  const StepShape& shape) {
  const artifact::Entry& e = *target.entries()->Get(entry);
  if (shape.tokens >= 1 && shape.tokens <= e.max_tokens() && shape.logit_rows >= 0 &&
      shape.logit_rows <= e.max_logit_rows() && shape.context >= 1 &&
      shape.context <= artifact.model()->max_context())
    return Status();
  return fail(Code::kInternal,
              "a step of %lld tokens, %lld logit rows and context %lld does not fit entry %u",
              (long long)shape.tokens, (long long)shape.logit_rows, (long long)shape.context, entry);
}

void LaunchTime::add(const artifact::Launch& l, const StepShape& shape, double time) {
  double of_step = double(l.rows() == artifact::Dim::LogitRows ? shape.logit_rows : shape.tokens);
  seconds += time;
  ++calls;
  rows += of_step;
  pairs += of_step * double(shape.context);
}

std::vector<LaunchTime> take(std::vector<LaunchTime>& times) {
  std::vector<LaunchTime> taken = times;
  for (LaunchTime& t : times)
    t = {t.launch, 0, 0};
  return taken;
}

Status check_write(IoSlot slot, uint64_t first, uint64_t count, uint64_t bytes) {
  uint64_t room = bytes / 4;
  if (first <= room && count <= room - first)
    return Status();
  return fail(Code::kInternal, "%llu values at %llu do not fit input %s of %llu", (unsigned long long)count,
              (unsigned long long)first, EnumNameIoSlot(slot), (unsigned long long)room);
}

Status check_memory(const MemoryPlan& memory, uint64_t available, const char* where,
                    const DeviceOptions& options) {
  if (memory.total() <= available) {
    if (options.report_memory)
      options.report_memory(memory, available, where);
    return Status();
  }
  auto mib = [](uint64_t bytes) { return double(bytes) / (1 << 20); };
  return fail(Code::kOutOfMemory,
              "the model needs %.0f MiB of %s (weights %.0f, cache %.0f, activations %.0f, other %.0f) "
              "and %.0f MiB are available; free some memory, or use a smaller --context or a model compiled "
              "with a smaller --max-batch",
              mib(memory.total()), where, mib(memory.weights), mib(memory.cache), mib(memory.arena),
              mib(memory.other), mib(available));
}

bool hashes_weights(const artifact::Artifact& artifact, const artifact::Target& target,
                    const DeviceOptions& options) {
  uint64_t total = 0;
  for (uint32_t s : *target.segments())
    total += artifact.segments()->Get(s)->bytes();
  return options.verify_weights || total <= kAlwaysVerified;
}

Status no_weights(const artifact::Reader& reader) {
  return fail(Code::kUnsupported,
              "%s holds no weights (it was compiled with --weights=none); compile it with weights, or use "
              "r1run bench --random-weights SEED",
              reader.file().path().c_str());
}

Status segment_mismatch(const os::File& file, uint32_t segment) {
  return fail(Code::kCorrupt,
              "%s: weight segment %u does not match its hash; the file is damaged, copy or compile it again",
              file.path().c_str(), segment);
}

} // namespace r1
