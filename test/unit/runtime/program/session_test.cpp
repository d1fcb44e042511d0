// Pages, chunks, batches and threads never change a logit: the fake model's are known exactly.
#include "runtime/program/session.h"

#include <gtest/gtest.h>
#include <random>

#include "test/unit/runtime/testing/fake_model.h"

namespace r1 {
namespace {

using testing::expected_logit, testing::kVocab, testing::kMaxBatch, testing::kMaxContext, testing::temporary;

std::string fake() {
  static const std::string path = [] {
    std::string p = temporary("session.r1a");
    testing::write_fake_model(p);
    return p;
  }();
  return path;
}

std::unique_ptr<Program> open(int threads, uint32_t sequences = 0, int64_t tokens = 0) {
  ProgramOptions options;
  options.device.threads = threads;
  options.device.cache_sequences = sequences;
  options.device.cache_tokens = tokens;
  auto program = Program::open(fake(), options);
  EXPECT_TRUE(program.ok()) << program.status().message();
  return program.ok() ? *std::move(program) : nullptr;
}

std::vector<int32_t> random_ids(std::mt19937& rng, size_t count) {
  std::vector<int32_t> ids(count);
  for (int32_t& id : ids)
    id = int32_t(rng() % kVocab);
  return ids;
}

// Compares a row with the model's function of `ids`.
void expect_row(const float* row, std::span<const int32_t> ids, const char* what) {
  for (int j = 0; j < kVocab; ++j)
    ASSERT_EQ(row[j], expected_logit(ids, j)) << what << ", after " << ids.size() << " tokens, column " << j;
}

TEST(Session, EveryChunkSizeGivesEveryRow) {
  for (int threads : {1, 3}) {
    auto program = open(threads);
    Session session(*program);
    std::mt19937 rng(7);
    for (int64_t chunk : {0, 1, 7, 48, 64, 1000}) {
      std::vector<int32_t> ids = random_ids(rng, 200);
      int s = *session.open_sequence();
      int64_t seen = 0;
      Status status = session.prefill(
          s, ids, Want::kAll,
          [&](int64_t first, int64_t rows, const float* logits) {
            EXPECT_EQ(first, seen);
            for (int64_t r = 0; r < rows; ++r)
              expect_row(logits + r * kVocab, std::span(ids).first(size_t(first + r + 1)), "prefill");
            seen += rows;
            return Status();
          },
          chunk);
      EXPECT_TRUE(status.ok()) << status.message();
      EXPECT_EQ(seen, 200);
      session.close_sequence(s);
    }
  }
}

TEST(Session, MixedSequencesKeepTheirOwnPast) {
  auto program = open(2);
  Session session(*program);
  std::mt19937 rng(11);
  std::vector<std::vector<int32_t>> past(kMaxBatch);
  std::vector<int> sequence(kMaxBatch, -1);
  for (int round = 0; round < 400; ++round) {
    size_t i = rng() % kMaxBatch;
    if (sequence[i] < 0) {
      sequence[i] = *session.open_sequence();
      past[i] = random_ids(rng, 1 + rng() % 130);
      int calls = 0;
      ASSERT_TRUE(session
                      .prefill(sequence[i], past[i], Want::kLast,
                               [&](int64_t first, int64_t rows, const float* logits) {
                                 EXPECT_EQ(first, int64_t(past[i].size()) - 1);
                                 EXPECT_EQ(rows, 1);
                                 expect_row(logits, past[i], "last");
                                 ++calls;
                                 return Status();
                               })
                      .ok());
      EXPECT_EQ(calls, 1);
    } else if (rng() % 8 == 0) {
      session.close_sequence(sequence[i]);
      sequence[i] = -1;
    } else if (rng() % 8 == 0) {
      past[i].resize(1 + rng() % past[i].size());
      ASSERT_TRUE(session.truncate(sequence[i], int64_t(past[i].size())).ok());
    }
    std::vector<Session::Next> nexts;
    std::vector<size_t> who;
    for (size_t k = 0; k < kMaxBatch; ++k) {
      if (sequence[k] < 0 || past[k].size() >= kMaxContext || rng() % 3 == 0)
        continue;
      past[k].push_back(int32_t(rng() % kVocab));
      nexts.push_back({sequence[k], past[k].back()});
      who.push_back(k);
    }
    size_t seen = 0;
    Status status = session.decode(nexts, [&](int64_t first, int64_t rows, const float* logits) {
      for (int64_t r = 0; r < rows; ++r)
        expect_row(logits + r * kVocab, past[who[size_t(first + r)]], "decode");
      seen += size_t(rows);
      return Status();
    });
    ASSERT_TRUE(status.ok()) << status.message();
    ASSERT_EQ(seen, nexts.size());
  }
}

TEST(Session, ContextFullChangesNothing) {
  auto program = open(1);
  Session session(*program);
  std::mt19937 rng(3);
  int s = *session.open_sequence();
  auto none = [](int64_t, int64_t, const float*) { return Status(); };
  std::vector<int32_t> ids = random_ids(rng, kMaxContext - 1);
  ASSERT_TRUE(session.prefill(s, ids, Want::kLast, none).ok());
  EXPECT_EQ(session.prefill(s, random_ids(rng, 2), Want::kLast, none).code(), Code::kContextFull);
  EXPECT_EQ(session.length(s), kMaxContext - 1);
  Session::Next next{s, 5};
  ids.push_back(5);
  EXPECT_TRUE(
      session
          .decode({&next, 1}, [&](int64_t, int64_t,
                                  const float* row) { return expect_row(row, ids, "last place"), Status(); })
          .ok());
  EXPECT_EQ(session.decode({&next, 1}, none).code(), Code::kContextFull);
}

TEST(Session, PagesRunOutAndComeBack) {
  auto program = open(1, 3, 60); // three pages for all sequences
  Session session(*program);
  std::mt19937 rng(5);
  auto none = [](int64_t, int64_t, const float*) { return Status(); };
  int a = *session.open_sequence(), b = *session.open_sequence();
  ASSERT_TRUE(session.prefill(a, random_ids(rng, 128), Want::kNone, none).ok());
  ASSERT_TRUE(session.prefill(b, random_ids(rng, 64), Want::kNone, none).ok());
  Status full = session.prefill(b, random_ids(rng, 1), Want::kNone, none);
  EXPECT_EQ(full.code(), Code::kContextFull) << full.message();
  EXPECT_EQ(session.length(b), 64);
  ASSERT_TRUE(session.truncate(a, 64).ok());
  EXPECT_TRUE(session.prefill(b, random_ids(rng, 1), Want::kNone, none).ok());
}

TEST(Session, BadCallsAreRefused) {
  auto program = open(1);
  Session session(*program);
  auto none = [](int64_t, int64_t, const float*) { return Status(); };
  int32_t bad = kVocab, good = 0;
  EXPECT_EQ(session.prefill(0, {&good, 1}, Want::kLast, none).code(), Code::kInvalidArgument);
  int s = *session.open_sequence();
  EXPECT_EQ(session.prefill(s, {&bad, 1}, Want::kLast, none).code(), Code::kInvalidArgument);
  Session::Next twice[] = {{s, 0}, {s, 0}};
  EXPECT_EQ(session.decode(twice, none).code(), Code::kInvalidArgument);
  EXPECT_EQ(session.truncate(s, 1).code(), Code::kInvalidArgument);
  for (int i = 1; i < kMaxBatch; ++i)
    EXPECT_TRUE(session.open_sequence().ok());
  EXPECT_EQ(session.open_sequence().status().code(), Code::kContextFull);
  session.cancel();
  EXPECT_EQ(session.prefill(s, {&good, 1}, Want::kLast, none).code(), Code::kCancelled);
  session.reset_cancel();
  EXPECT_TRUE(session.prefill(s, {&good, 1}, Want::kLast, none).ok());
}

TEST(Session, AStepGrowsByTheSinksRefusal) {
  auto program = open(1);
  Session session(*program);
  int s = *session.open_sequence();
  int32_t ids[] = {1, 2, 3};
  Status stop = session.prefill(s, ids, Want::kLast,
                                [](int64_t, int64_t, const float*) { return fail(Code::kIo, "disk full"); });
  EXPECT_EQ(stop.code(), Code::kIo);
}

} // namespace
} // namespace r1
