#include "test/unit/runtime/testing/fake_model.h"

#include <cstdio>
#include <gtest/gtest.h>
#include <unistd.h>

#include "kernels/registry/sample_scratch.h"
#include "runtime/artifact/writer.h"

namespace r1::testing {

using namespace artifact;

static float weight(int column) { return float(column % 7) / 64; }

float expected_logit(std::span<const int32_t> ids, int column) {
  uint32_t a = 17, c = 17;
  for (int32_t id : ids) {
    a = a * 31 + uint32_t(id);
    c = c * 31 + uint32_t(id ^ 0x5a5a);
  }
  uint32_t h = (a ^ c * 2654435761u) + uint32_t(column) * 40503u;
  h ^= h >> 15;
  h *= 2246822519u;
  return float(h >> 20) / 4096 + weight(column);
}

int32_t expected_next(std::span<const int32_t> ids) {
  int32_t best = 0;
  for (int j = 1; j < kVocab; ++j)
    if (expected_logit(ids, j) > expected_logit(ids, best))
      best = j;
  return best;
}

std::string temporary(const std::string& name) {
  static const std::string folder = [] {
    std::string f = ::testing::TempDir() + "r1run-test-XXXXXX";
    return std::string(mkdtemp(f.data()));
  }();
  return folder + "/" + name;
}

std::vector<uint8_t> read_file(const std::string& path) {
  std::vector<uint8_t> bytes;
  FILE* f = fopen(path.c_str(), "rb");
  if (!f) {
    ADD_FAILURE() << "cannot read " << path;
    return bytes;
  }
  uint8_t buffer[65536];
  for (size_t got; (got = fread(buffer, 1, sizeof buffer, f)) > 0;)
    bytes.insert(bytes.end(), buffer, buffer + got);
  fclose(f);
  return bytes;
}

void write_file(const std::string& path, std::span<const uint8_t> bytes) {
  FILE* f = fopen(path.c_str(), "wb");
  ASSERT_NE(f, nullptr) << path;
  EXPECT_EQ(fwrite(bytes.data(), 1, bytes.size(), f), bytes.size());
  fclose(f);
}

static Argument arena(uint64_t offset) { return {Space::Arena, 0, offset}; }
static Argument io(IoSlot slot) { return {Space::Io, uint16_t(slot), 0}; }
static Argument cache(uint16_t layer) { return {Space::Cache, layer, 0}; }

static std::unique_ptr<LaunchT> launch(uint32_t kernel, std::vector<Argument> arguments,
                                       std::vector<GridFactor> grid, bool after, const char* location) {
  auto l = std::make_unique<LaunchT>();
  l->kernel = kernel;
  l->arguments = std::move(arguments);
  l->grid = std::move(grid);
  l->after = after;
  l->location = location;
  l->weight_bytes = kernel == 3 ? kVocab * 4 : 0;
  l->flops_per_token = 1000;
  l->rows = kernel >= 3 ? Dim::LogitRows : Dim::Tokens;
  return l;
}

const char* device_target(Device device) {
  return device == Device::Cpu ? "cpu:x86-64" : device == Device::Cuda ? "sm_90a" : "sim:sm_90a";
}

static std::unique_ptr<EntryT> entry(EntryKind kind, uint32_t tokens) {
  auto e = std::make_unique<EntryT>();
  e->kind = kind;
  e->max_tokens = e->max_logit_rows = tokens;
  e->arena_bytes = 1024 + 4 * kPrefill;
  std::vector<Argument> append = {io(IoSlot::TokenIds), io(IoSlot::Positions), io(IoSlot::Slots),
                                  io(IoSlot::PageTable)};
  for (uint16_t layer : {0, 1}) {
    std::vector<Argument> arguments = append;
    arguments.push_back(cache(layer));
    e->launches.push_back(launch(layer, arguments, {{Dim::Tokens, 1}}, layer == 0, "layers.append"));
  }
  for (uint16_t layer : {0, 1})
    e->launches.push_back(launch(
        2,
        {io(IoSlot::Positions), io(IoSlot::Slots), io(IoSlot::PageTable), cache(layer), arena(layer * 1024u)},
        {{Dim::Tokens, 1}}, layer == 0, "layers.scan"));
  e->launches.push_back(
      launch(3, {arena(0), arena(1024), io(IoSlot::LogitRows), {Space::Segment, 0, 64}, io(IoSlot::Logits)},
             {{Dim::LogitRows, 1}, {Dim::Const, kVocab / 64}}, true, "lm_head"));
  e->launches.push_back(
      launch(4, {io(IoSlot::Logits), io(IoSlot::ChoiceOptions), io(IoSlot::Draws), io(IoSlot::Chosen)},
             {{Dim::LogitRows, 1}}, true, "sample"));
  e->chooses = true;
  return e;
}

// One token a byte. The template is
//   {% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}
static std::unique_ptr<TextT> text() {
  auto out = std::make_unique<TextT>();
  out->tokenizer = std::make_unique<TokenizerT>();
  TokenizerT& t = *out->tokenizer;
  t.token_offsets = {0};
  const char* tags[] = {"<think>", "</think>"};
  for (int id = 0; id < kVocab; ++id) {
    if (id < 256) {
      t.token_bytes.push_back(uint8_t(id));
      t.byte_tokens.push_back(id);
    } else if (id < 258) {
      std::string_view tag = tags[id - 256];
      t.token_bytes.insert(t.token_bytes.end(), tag.begin(), tag.end());
    }
    t.token_offsets.push_back(uint32_t(t.token_bytes.size()));
    t.token_flags.push_back(id < 258 ? TokenFlag(0) : TokenFlag::Absent);
  }
  t.merge_offsets.assign(kVocab + 1, 0);
  for (int i : {1, 0}) { // sorted by content
    auto token = std::make_unique<AddedTokenT>();
    token->content.assign(tags[i], tags[i] + strlen(tags[i]));
    token->id = uint32_t(256 + i);
    t.added_raw.push_back(std::move(token));
  }
  auto chat = std::make_unique<TemplateT>();
  chat->name = "default";
  chat->strings = {"messages", "m", "[", "role", "]", "content", "add_generation_prompt", "[assistant]"};
  chat->lists = {3, 5, 6, 8, 0, 0, 0, 10, 13};
  chat->nodes = {
      {NodeKind::None, 0, 0, 0, 0},  {NodeKind::Name, 0, 0, 0, 0},      {NodeKind::Name, 1, 0, 0, 0},
      {NodeKind::Text, 2, 0, 0, 0},  {NodeKind::Attribute, 2, 3, 0, 0}, {NodeKind::Output, 4, 0, 0, 0},
      {NodeKind::Text, 4, 0, 0, 0},  {NodeKind::Attribute, 2, 5, 0, 0}, {NodeKind::Output, 7, 0, 0, 0},
      {NodeKind::Block, 0, 4, 0, 0}, {NodeKind::For, 2, 1, 9, 4},       {NodeKind::Name, 6, 0, 0, 0},
      {NodeKind::Text, 7, 0, 0, 0},  {NodeKind::If, 11, 12, 0, 0},      {NodeKind::Block, 7, 2, 0, 0}};
  chat->root = 14;
  out->templates.push_back(std::move(chat));
  return out;
}

// The kernels of a GPU are two modules, one after the other in the image.
static std::unique_ptr<TargetT> target(Writer& writer, Device device) {
  auto target = std::make_unique<TargetT>();
  target->name = device_target(device);
  target->device = device;
  std::vector<uint8_t> code = read_file(device == Device::Cpu ? R1C_FAKE_IMAGE : R1C_FAKE_CACHE_MODULE);
  uint64_t first = code.size(), second = 0;
  for (const char* name : {"append_a", "append_b", "scan", "logits", "sample"}) {
    auto k = std::make_unique<KernelT>();
    k->name = k->family = name;
    k->scratch_bytes = k->name == "sample" ? kernels::sample_scratch(kVocab).bytes : 64;
    target->kernels.push_back(std::move(k));
  }
  if (device == Device::Cpu) {
    target->processor = "x86-64";
    target->features = {"sse2"};
  } else {
    target->processor = "sm_90a";
    target->fill_kernel = 5;
    target->kernels.push_back(std::make_unique<KernelT>());
    target->kernels[5]->name = target->kernels[5]->family = "fill";
    std::vector<uint8_t> more = read_file(R1C_FAKE_LOGITS_MODULE);
    code.insert(code.end(), more.begin(), more.end());
    second = more.size();
    for (size_t i = 0; i < target->kernels.size(); ++i) {
      KernelT& k = *target->kernels[i];
      k.symbol = "fake_" + k.name;
      k.code_offset = i < 3 ? 0 : first;
      k.code_bytes = i < 3 ? first : second;
      k.threads = i < 3 ? 32 : i == 4 ? 256 : 64;
      k.shared_bytes = i == 3   ? 64 << 10
                       : i == 4 ? 8 << 10
                                : 0; // 64 KiB are more than the driver gives unasked
    }
  }
  auto image = writer.write_section(kImageAlignment, code);
  if (!image.ok()) {
    ADD_FAILURE() << image.status().message();
    return target;
  }
  target->image = std::make_unique<SectionT>(*std::move(image));
  target->entries.push_back(entry(EntryKind::Prefill, kPrefill));
  target->entries.push_back(entry(EntryKind::Decode, 1));
  target->entries.push_back(entry(EntryKind::Decode, 3));
  target->segments = {0};
  return target;
}

void write_fake_model(const std::string& path, const FakeOptions& options) {
  auto writer = Writer::create(path);
  ASSERT_TRUE(writer.ok()) << writer.status().message();
  ArtifactT a;
  a.model = std::make_unique<ModelT>();
  a.model->name = "fake";
  a.model->model_type = "fake";
  a.model->hidden_size = 8;
  a.model->layers = a.model->cache_layers = 2;
  a.model->vocab_size = a.model->logits_stride = kVocab;
  a.model->max_context = kMaxContext;
  a.model->max_batch = kMaxBatch;
  a.model->prefill_chunk = kPrefill;
  a.model->page_tokens = 64;
  a.model->cache_page_bytes = 64 * 4;
  a.generation = std::make_unique<GenerationT>();
  a.generation->eos_tokens = {1};
  a.provenance = std::make_unique<ProvenanceT>();
  a.provenance->tool = "test";

  for (Device device : options.devices)
    a.targets.push_back(target(*writer, device));

  auto segment = std::make_unique<SegmentT>();
  std::vector<uint8_t> weights(64 + kVocab * 4);
  for (int j = 0; j < kVocab; ++j) {
    float w = weight(j);
    memcpy(weights.data() + 64 + 4 * j, &w, 4);
  }
  segment->bytes = weights.size();
  auto tensor = std::make_unique<TensorT>();
  tensor->name = "lm_head.weight";
  tensor->shape = {kVocab};
  tensor->offset = 64;
  tensor->bytes = kVocab * 4;
  tensor->layout = "rows";
  tensor->random_scale = 0.5f;
  segment->tensors.push_back(std::move(tensor));
  if (options.weights) {
    if (options.side_file.empty()) {
      auto section = writer->write_section(kSegmentAlignment, weights);
      ASSERT_TRUE(section.ok()) << section.status().message();
      segment->section = std::make_unique<SectionT>(*std::move(section));
    } else {
      write_file(path.substr(0, path.rfind('/') + 1) + options.side_file, weights);
      segment->side_file = options.side_file;
      segment->section = std::make_unique<SectionT>();
      segment->section->bytes = weights.size();
      HashBytes digest = hash(weights);
      segment->section->hash =
          std::make_unique<Hash>(flatbuffers::span<const uint8_t, 32>(digest.data(), digest.size()));
    }
  }
  a.segments.push_back(std::move(segment));
  if (options.text)
    a.text = text();
  if (options.change)
    options.change(a);
  Status finished = writer->finish(a);
  ASSERT_TRUE(finished.ok()) << finished.message();
}

} // namespace r1::testing
