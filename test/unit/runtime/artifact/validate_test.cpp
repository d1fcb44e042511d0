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

TEST(Validate, RandomIndexBytesNeverCrash) {
  write_fake_model(temporary("sound.r1a"));
  EXPECT_GT(refused_of(3000, temporary("sound.r1a"), 9), 1000);
}

} // namespace
} // namespace r1::artifact
