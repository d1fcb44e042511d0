// A sound artifact opens; every damage is refused with one clear line, and nothing crashes.
#include "runtime/artifact/reader.h"

#include <gtest/gtest.h>
#include <random>

#include "runtime/base/hash.h"
#include "test/unit/runtime/testing/fake_model.h"

namespace r1::artifact {
namespace {

using testing::read_file, testing::temporary, testing::write_fake_model, testing::write_file;

// Opens and checks everything; the status of the first failure.
Status open_and_check(const std::string& path) {
  auto reader = Reader::open(path);
  return reader.ok() ? (*reader)->check() : reader.status();
}

Status with_bytes(const std::vector<uint8_t>& bytes) {
  std::string path = temporary("damaged.r1a");
  write_file(path, bytes);
  return open_and_check(path);
}

const std::vector<uint8_t>& sound() {
  static const std::vector<uint8_t> bytes = [] {
    std::string path = temporary("sound.r1a");
    write_fake_model(path);
    return read_file(path);
  }();
  return bytes;
}

Status with_change(const std::function<void(ArtifactT&)>& change) {
  std::string path = temporary("changed.r1a");
  write_fake_model(path, {.change = change});
  return open_and_check(path);
}

TEST(Reader, SoundArtifactOpensAndChecks) {
  EXPECT_TRUE(with_bytes(sound()).ok()) << with_bytes(sound()).message();
  uint64_t last = 0;
  write_file(temporary("again.r1a"), sound());
  auto reader = Reader::open(temporary("again.r1a"));
  ASSERT_TRUE(reader.ok());
  EXPECT_TRUE(
      (*reader)->check([&](uint64_t done, uint64_t total) { return last = total - done, true; }).ok());
  EXPECT_EQ(last, 0u);
  EXPECT_EQ((*reader)->check([](uint64_t, uint64_t) { return false; }).code(), Code::kCancelled);
}

// A header's schema version may grow without harm; every other byte of the file matters.
TEST(Reader, EveryFlippedByteIsFound) {
  std::vector<uint8_t> bytes = sound();
  Header header;
  memcpy(&header, bytes.data(), sizeof header);
  std::mt19937 rng(1);
  std::vector<size_t> places;
  for (size_t i = 0; i < sizeof header; ++i)
    places.push_back(i);
  for (int i = 0; i < 300; ++i)
    places.push_back(header.index_offset + rng() % header.index_bytes);
  for (int i = 0; i < 100; ++i)
    places.push_back(rng() % bytes.size());
  places.push_back(bytes.size() - 1);
  for (size_t at : places) {
    if (at >= 8 && at < 12)
      continue;
    bytes[at] ^= uint8_t(1u << rng() % 8);
    Status s = with_bytes(bytes);
    EXPECT_FALSE(s.ok()) << "byte " << at;
    EXPECT_TRUE(s.code() == Code::kCorrupt || s.code() == Code::kVersion) << s.message();
    EXPECT_EQ(s.message().find('\n'), std::string::npos) << s.message();
    bytes[at] = sound()[at];
  }
}

TEST(Reader, EveryLengthButTheRightOneIsRefused) {
  std::mt19937 rng(2);
  for (size_t length : {size_t(0), size_t(1), size_t(63), size_t(64), sound().size() / 2, sound().size() - 1,
                        size_t(rng() % sound().size())})
    EXPECT_EQ(with_bytes({sound().begin(), sound().begin() + long(length)}).code(), Code::kCorrupt) << length;
  std::vector<uint8_t> longer = sound();
  longer.push_back(0);
  EXPECT_EQ(with_bytes(longer).code(), Code::kCorrupt);
}

TEST(Reader, NewerArtifactNamesTheCure) {
  std::vector<uint8_t> bytes = sound();
  Header header;
  memcpy(&header, bytes.data(), sizeof header);
  header.schema_version = header.min_reader_version = kSchemaVersion + 1;
  memcpy(bytes.data(), &header, sizeof header);
  Status s = with_bytes(bytes);
  EXPECT_EQ(s.code(), Code::kVersion);
  EXPECT_NE(s.message().find("use a newer r1run"), std::string::npos) << s.message();
  header.min_reader_version = kSchemaVersion; // newer, but says that this reader will do
  memcpy(bytes.data(), &header, sizeof header);
  EXPECT_TRUE(with_bytes(bytes).ok());
}

TEST(Reader, MissingFileAndFolder) {
  EXPECT_EQ(open_and_check(temporary("absent.r1a")).code(), Code::kNotFound);
  EXPECT_EQ(open_and_check("/").code(), Code::kInvalidArgument);
}

// Each change leaves a sound FlatBuffer with a right hash, so only the semantic checks can refuse it.
TEST(Reader, EveryFieldIsChecked) {
  struct Case {
    const char* what;
    std::function<void(ArtifactT&)> change;
  };
  auto launch = [](ArtifactT& a) -> LaunchT& { return *a.targets[0]->entries[0]->launches[0]; };
  auto last = [](ArtifactT& a) -> LaunchT& { return *a.targets[0]->entries[0]->launches.back(); };
  const std::vector<Case> cases = {
      {"kernel", [&](ArtifactT& a) { launch(a).kernel = 4; }},
      {"arena",
       [&](ArtifactT& a) {
         last(a).arguments[0] = {Space::Arena, 0, a.targets[0]->entries[0]->arena_bytes};
       }},
      {"segment offset",
       [&](ArtifactT& a) { last(a).arguments[3] = {Space::Segment, 0, a.segments[0]->bytes}; }},
      {"segment index", [&](ArtifactT& a) { last(a).arguments[3] = {Space::Segment, 1, 0}; }},
      {"io slot", [&](ArtifactT& a) { launch(a).arguments[0] = {Space::Io, 7, 0}; }},
      {"io offset", [&](ArtifactT& a) { launch(a).arguments[0] = {Space::Io, 0, 4}; }},
      {"cache layer", [&](ArtifactT& a) { launch(a).arguments[4] = {Space::Cache, 2, 0}; }},
      {"space", [&](ArtifactT& a) { launch(a).arguments[0] = {Space(9), 0, 0}; }},
      {"grid zero", [&](ArtifactT& a) { launch(a).grid = {{Dim::Tokens, 0}}; }},
      {"grid dim", [&](ArtifactT& a) { launch(a).grid = {{Dim(5), 1}}; }},
      {"grid dim below", [&](ArtifactT& a) { launch(a).grid = {{Dim(-2), 1}}; }},
      {"grid overflow",
       [&](ArtifactT& a) { launch(a).grid = std::vector<GridFactor>(9, {Dim::Const, UINT32_MAX}); }},
      {"expert fraction", [&](ArtifactT& a) { launch(a).expert_fraction = NAN; }},
      {"weight bytes", [&](ArtifactT& a) { launch(a).weight_bytes = UINT64_MAX; }},
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
  for (const Case& c : cases) {
    Status s = with_change(c.change);
    EXPECT_EQ(s.code(), Code::kCorrupt) << c.what << ": " << s.message();
    EXPECT_EQ(s.message().find('\n'), std::string::npos) << s.message();
  }
  EXPECT_TRUE(with_change([](ArtifactT&) {}).ok());
}

TEST(Reader, SideFileIsFoundAndHashed) {
  std::string path = temporary("side.r1a");
  write_fake_model(path, {.side_file = "side.weights"});
  EXPECT_TRUE(open_and_check(path).ok()) << open_and_check(path).message();
  std::vector<uint8_t> bytes = read_file(temporary("side.weights"));
  bytes[100] ^= 1;
  write_file(temporary("side.weights"), bytes);
  EXPECT_EQ(open_and_check(path).code(), Code::kCorrupt);
  bytes.resize(10);
  write_file(temporary("side.weights"), bytes);
  EXPECT_EQ(open_and_check(path).code(), Code::kCorrupt);
  unlink(temporary("side.weights").c_str());
  EXPECT_EQ(open_and_check(path).code(), Code::kNotFound);
}

// Random bytes in the index under a right hash: the verifier and the semantic checks stand alone.
TEST(Reader, RandomIndexBytesNeverCrash) {
  Header header;
  memcpy(&header, sound().data(), sizeof header);
  std::vector<uint64_t> aligned((header.index_bytes + 7) / 8);
  std::span<uint8_t> index(reinterpret_cast<uint8_t*>(aligned.data()), header.index_bytes);
  std::mt19937 rng(9);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    memcpy(index.data(), sound().data() + header.index_offset, index.size());
    for (int k = 0; k < 1 + i % 4; ++k)
      index[rng() % index.size()] = uint8_t(rng());
    HashBytes digest = hash(index);
    memcpy(header.index_hash, digest.data(), digest.size());
    refused += !check_index(header, sound().size(), index).ok();
  }
  EXPECT_GT(refused, 1000);
}

} // namespace
} // namespace r1::artifact
