// What the index says must fit the file and itself: every field that could lead the runtime astray is checked.
#include <cmath>

#include "test/unit/runtime/artifact/changed_index.h"

namespace r1::artifact {
namespace {

using testing::temporary, testing::write_fake_model;

Status with_change(const std::function<void(ArtifactT&)>& change) {
  std::string path = temporary("changed.r1a");
  write_fake_model(path, {.change = change});
  return Reader::open(path).status();
}

// Each change leaves a sound FlatBuffer with a right hash, so only the semantic checks can refuse it.
TEST(Validate, EveryFieldIsChecked) {
  auto launch = [](ArtifactT& a) -> LaunchT& { return *a.targets[0]->entries[0]->launches[0]; };
  auto last = [](ArtifactT& a) -> LaunchT& { return *a.targets[0]->entries[0]->launches.back(); };
  const std::vector<Case> cases = {
      {"kernel", [&](ArtifactT& a) { launch(a).kernel = 5; }},
      {"arena",
       [&](ArtifactT& a) {
         last(a).arguments[0] = {Space::Arena, 0, a.targets[0]->entries[0]->arena_bytes};
       }},
      {"segment offset",
       [&](ArtifactT& a) { last(a).arguments[3] = {Space::Segment, 0, a.segments[0]->bytes}; }},
      {"segment index", [&](ArtifactT& a) { last(a).arguments[3] = {Space::Segment, 1, 0}; }},
      {"io slot", [&](ArtifactT& a) { launch(a).arguments[0] = {Space::Io, 10, 0}; }},
      {"io offset", [&](ArtifactT& a) { launch(a).arguments[0] = {Space::Io, 0, 4}; }},
      {"cache layer", [&](ArtifactT& a) { launch(a).arguments[4] = {Space::Cache, 2, 0}; }},
      {"space", [&](ArtifactT& a) { launch(a).arguments[0] = {Space(9), 0, 0}; }},
      {"ranks", [&](ArtifactT& a) { a.targets[0]->ranks = 0; }},
      {"ranks of a CPU", [&](ArtifactT& a) { a.targets[0]->ranks = 2; }},
      {"rows", [&](ArtifactT& a) { launch(a).rows = Dim::Context; }},
      {"rows of nothing", [&](ArtifactT& a) { launch(a).rows = Dim::Const; }},
      {"grid zero", [&](ArtifactT& a) { launch(a).grid = {{Dim::Tokens, 0}}; }},
      {"grid dim", [&](ArtifactT& a) { launch(a).grid = {{Dim(5), 1}}; }},
      {"grid dim below", [&](ArtifactT& a) { launch(a).grid = {{Dim(-2), 1}}; }},
      {"grid overflow",
       [&](ArtifactT& a) { launch(a).grid = std::vector<GridFactor>(9, {Dim::Const, UINT32_MAX}); }},
      {"expert fraction", [&](ArtifactT& a) { launch(a).expert_fraction = NAN; }},
      {"weight bytes", [&](ArtifactT& a) { launch(a).weight_bytes = UINT64_MAX; }},
      {"position bytes", [&](ArtifactT& a) { launch(a).position_bytes = UINT64_MAX; }},
      {"target segments", [](ArtifactT& a) { a.targets[0]->segments = {1}; }},
      {"no targets", [](ArtifactT& a) { a.targets.clear(); }},
      {"device", [](ArtifactT& a) { a.targets[0]->device = Device(7); }},
      {"target name", [](ArtifactT& a) { a.targets[0]->name = ""; }},
      {"image range", [](ArtifactT& a) { a.targets[0]->image->bytes += 1u << 30; }},
      {"image alignment",
       [](ArtifactT& a) { a.targets[0]->image->offset += 64, a.targets[0]->image->bytes -= 64; }},
      {"image overflow", [](ArtifactT& a) { a.targets[0]->image->bytes = UINT64_MAX; }},
      {"image empty", [](ArtifactT& a) { a.targets[0]->image->bytes = 0; }},
      {"overlap", [](ArtifactT& a) { a.targets[0]->image->offset = 0; }},
      {"scratch", [](ArtifactT& a) { a.targets[0]->kernels[0]->scratch_bytes = UINT64_MAX; }},
      {"entry kind", [](ArtifactT& a) { a.targets[0]->entries[0]->kind = EntryKind(4); }},
      {"no decode", [](ArtifactT& a) { a.targets[0]->entries.resize(1); }},
      {"two alike",
       [](ArtifactT& a) {
         a.targets[0]->entries[2]->max_tokens = a.targets[0]->entries[2]->max_logit_rows = 1;
       }},
      {"max tokens", [](ArtifactT& a) { a.targets[0]->entries[0]->max_tokens = 0; }},
      {"max rows", [](ArtifactT& a) { a.targets[0]->entries[0]->max_logit_rows = 49; }},
      {"decode wider than batch", [](ArtifactT& a) { a.targets[0]->entries[2]->max_tokens = 6; }},
      {"a choice without a launch", [](ArtifactT& a) { a.targets[0]->entries[1]->launches.pop_back(); }},
      {"arena size", [](ArtifactT& a) { a.targets[0]->entries[0]->arena_bytes = UINT64_MAX; }},
      {"vocab", [](ArtifactT& a) { a.model->vocab_size = 0; }},
      {"logits stride", [](ArtifactT& a) { a.model->logits_stride = a.model->vocab_size - 1; }},
      {"page tokens", [](ArtifactT& a) { a.model->page_tokens = 0; }},
      {"page bytes", [](ArtifactT& a) { a.model->cache_page_bytes = 0; }},
      {"cache size",
       [](ArtifactT& a) {
         a.model->max_context = 1u << 24, a.model->max_batch = 1u << 16, a.model->cache_page_bytes = 1u << 30;
       }},
      {"max batch", [](ArtifactT& a) { a.model->max_batch = 0; }},
      {"eos", [](ArtifactT& a) { a.generation->eos_tokens = {320}; }},
      {"eos below", [](ArtifactT& a) { a.generation->eos_tokens = {-1}; }},
      {"top p", [](ArtifactT& a) { a.generation->top_p = NAN; }},
      {"temperature", [](ArtifactT& a) { a.generation->temperature = -1; }},
      {"tensor range", [](ArtifactT& a) { a.segments[0]->tensors[0]->bytes = a.segments[0]->bytes; }},
      {"tensor segment", [](ArtifactT& a) { a.segments[0]->tensors[0]->segment = 1; }},
      {"tensor type", [](ArtifactT& a) { a.segments[0]->tensors[0]->type = DataType(6); }},
      {"tensor shape", [](ArtifactT& a) { a.segments[0]->tensors[0]->shape = {UINT64_MAX, UINT64_MAX}; }},
      {"random scale", [](ArtifactT& a) { a.segments[0]->tensors[0]->random_scale = INFINITY; }},
      {"segment bytes", [](ArtifactT& a) { a.segments[0]->bytes += 64; }},
      {"side path", [](ArtifactT& a) { a.segments[0]->side_file = "../weights"; }},
      {"remark",
       [](ArtifactT& a) {
         a.remarks.push_back(std::make_unique<RemarkT>());
         a.remarks[0]->kind = RemarkKind(3);
       }},
  };
  expect_refused(cases, with_change);
  EXPECT_TRUE(with_change([](ArtifactT&) {}).ok());
}

TEST(Validate, RangesInACheckpoint) {
  // The segment's own bytes, and behind them two ranges of a shard.
  auto in_place = [](ArtifactT& a) {
    SegmentT& s = *a.segments[0];
    a.checkpoint = "../model";
    a.provenance->inputs.push_back(std::make_unique<InputFileT>());
    a.provenance->inputs[0]->name = "part/model.safetensors";
    a.provenance->inputs[0]->hash = std::make_unique<Hash>();
    s.hash = std::make_unique<Hash>();
    s.ranges = {Range(s.bytes, 100, 64, 0), Range(s.bytes + 100, 28, 8, 0)};
    s.bytes += 128;
  };
  auto changed = [&](const std::function<void(ArtifactT&)>& change) {
    return with_change([&](ArtifactT& a) { in_place(a), change(a); });
  };
  EXPECT_TRUE(with_change(in_place).ok()) << with_change(in_place).message();
  auto first = [](ArtifactT& a, auto change) {
    const Range r = a.segments[0]->ranges[0];
    uint64_t offset = r.offset(), bytes = r.bytes(), at = r.file_offset();
    uint32_t file = r.file();
    change(offset, bytes, at, file);
    a.segments[0]->ranges[0] = Range(offset, bytes, at, file);
  };
  const std::vector<Case> cases = {
      {"no folder", [](ArtifactT& a) { a.checkpoint.clear(); }},
      {"folder with a zero", [](ArtifactT& a) { a.checkpoint += '\0'; }},
      {"no hash", [](ArtifactT& a) { a.segments[0]->hash.reset(); }},
      {"no section", [](ArtifactT& a) { a.segments[0]->section.reset(); }},
      {"overlap", [&](ArtifactT& a) { first(a, [](auto&, auto& bytes, auto&, auto&) { ++bytes; }); }},
      {"order", [](ArtifactT& a) { std::swap(a.segments[0]->ranges[0], a.segments[0]->ranges[1]); }},
      {"empty range", [&](ArtifactT& a) { first(a, [](auto&, auto& bytes, auto&, auto&) { bytes = 0; }); }},
      {"huge range",
       [&](ArtifactT& a) { first(a, [](auto&, auto& bytes, auto&, auto&) { bytes = UINT64_MAX; }); }},
      {"far range",
       [&](ArtifactT& a) { first(a, [](auto& offset, auto&, auto&, auto&) { offset = UINT64_MAX - 50; }); }},
      {"beyond the segment",
       [](ArtifactT& a) { a.segments[0]->ranges.emplace_back(a.segments[0]->bytes, 1, 0, 0); }},
      {"a range less", [](ArtifactT& a) { a.segments[0]->ranges.pop_back(); }},
      {"file", [&](ArtifactT& a) { first(a, [](auto&, auto&, auto&, auto& file) { file = 1; }); }},
      {"place in the file",
       [&](ArtifactT& a) { first(a, [](auto&, auto&, auto& at, auto&) { at = UINT64_MAX; }); }},
      {"absolute name", [](ArtifactT& a) { a.provenance->inputs[0]->name = "/etc/passwd"; }},
      {"name that leaves", [](ArtifactT& a) { a.provenance->inputs[0]->name = "part/../../key"; }},
      {"name that ends outside", [](ArtifactT& a) { a.provenance->inputs[0]->name = "part/.."; }},
      {"no name", [](ArtifactT& a) { a.provenance->inputs[0]->name.clear(); }},
  };
  expect_refused(cases, changed);
}

TEST(Validate, RandomIndexBytesNeverCrash) {
  write_fake_model(temporary("sound.r1a"));
  EXPECT_GT(refused_of(3000, temporary("sound.r1a"), 9), 1000);
}

} // namespace
} // namespace r1::artifact
