// Generation gives the fake model's own greedy text, whole characters at a time, and ends for every reason it names.
#include "runtime/program/generate.h"

#include <gtest/gtest.h>

#include "runtime/program/prompt.h"
#include "test/unit/runtime/testing/fake_model.h"

namespace r1 {
namespace {

using testing::expected_next, testing::kMaxContext, testing::temporary;

struct Generate : ::testing::Test {
  std::unique_ptr<Program> program;
  std::optional<Prompt> prompt;
  std::vector<int32_t> ids{'a', 'b', 'c'};

  void SetUp() override {
    testing::write_fake_model(temporary("generate.r1a"), {.text = true});
    auto opened = Program::open(temporary("generate.r1a"));
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    program = *std::move(opened);
    auto p = Prompt::open(program->index());
    ASSERT_TRUE(p.ok()) << p.status().message();
    prompt = *std::move(p);
  }
  std::vector<int32_t> greedy(size_t count) const {
    std::vector<int32_t> all = ids, out;
    for (size_t i = 0; i < count; ++i) {
      out.push_back(expected_next(all));
      all.push_back(out.back());
    }
    return out;
  }
  Result<Generated> run(const GenerateOptions& options, std::vector<std::string>* pieces = nullptr) {
    Session session(*program);
    int s = *session.open_sequence();
    auto g = generate(session, s, prompt->tokenizer(), ids, options, [&](Part, std::string_view piece) {
      if (pieces)
        pieces->push_back(std::string(piece));
      return Status();
    });
    if (g.ok() && !g->ids.empty()) {
      EXPECT_LE(session.length(s), int64_t(ids.size() + g->ids.size()));
    }
    return g;
  }
};

TEST_F(Generate, GreedyIdsAreTheModels) {
  GenerateOptions options;
  options.max_tokens = 40;
  std::vector<std::string> pieces;
  auto g = run(options, &pieces);
  ASSERT_TRUE(g.ok()) << g.status().message();
  EXPECT_EQ(g->reason, StopReason::kMaxTokens);
  EXPECT_EQ(g->ids, greedy(40));
  EXPECT_EQ(g->text, prompt->tokenizer().decode(g->ids));
  std::string joined;
  for (const std::string& piece : pieces) {
    joined += piece;
    EXPECT_NE(uint8_t(piece[0]) & 0xc0, 0x80) << "a piece begins inside a character";
  }
  EXPECT_EQ(joined, g->text);
}

TEST_F(Generate, EndsAtAnEndId) {
  GenerateOptions options;
  options.end_ids = {greedy(10)[7]};
  auto g = run(options);
  ASSERT_TRUE(g.ok());
  EXPECT_EQ(g->reason, StopReason::kEndOfText);
  EXPECT_LE(g->ids.size(), 7u);
  EXPECT_EQ(g->ids, greedy(g->ids.size()));
}

TEST_F(Generate, EndsBeforeAStopString) {
  GenerateOptions options;
  options.max_tokens = 40;
  std::string all = run(options)->text;
  std::string stop = all.substr(all.size() / 2, 5);
  options.stop = {"not there", stop};
  auto g = run(options);
  ASSERT_TRUE(g.ok());
  EXPECT_EQ(g->reason, StopReason::kStopString);
  EXPECT_EQ(g->text, all.substr(0, all.find(stop)));
}

TEST_F(Generate, EndsWhenTheContextIsFull) {
  auto g = run({});
  ASSERT_TRUE(g.ok()) << g.status().message();
  EXPECT_EQ(g->reason, StopReason::kContextFull);
  EXPECT_EQ(g->ids, greedy(kMaxContext - 3 + 1)) << "the last one needs no place of its own";
}

TEST_F(Generate, APromptThatDoesNotFitIsAnError) {
  ids.assign(kMaxContext + 1, 'x');
  EXPECT_EQ(run({}).status().code(), Code::kContextFull);
  ids.clear();
  EXPECT_EQ(run({}).status().code(), Code::kInvalidArgument);
}

TEST_F(Generate, EqualSeedsGiveEqualTexts) {
  GenerateOptions options;
  options.max_tokens = 30;
  options.sampling = {1.0f, 0.9f, 0, 7};
  auto a = run(options), b = run(options);
  EXPECT_EQ(a->ids, b->ids);
  options.sampling.seed = 8;
  EXPECT_NE(run(options)->ids, a->ids);
}

TEST_F(Generate, TheSinkAndCancelStopIt) {
  Session session(*program);
  int s = *session.open_sequence();
  int calls = 0;
  auto failed = generate(session, s, prompt->tokenizer(), ids, {}, [&](Part, std::string_view) {
    return ++calls < 3 ? Status() : fail(Code::kIo, "disk full");
  });
  EXPECT_EQ(failed.status().code(), Code::kIo);
  EXPECT_EQ(calls, 3);
  ASSERT_TRUE(session.truncate(s, 0).ok());
  auto cancelled = generate(session, s, prompt->tokenizer(), ids, {}, [&](Part, std::string_view) {
    session.cancel();
    return Status();
  });
  ASSERT_TRUE(cancelled.ok());
  EXPECT_EQ(cancelled->reason, StopReason::kCancelled);
}

TEST(ThinkFilter, CutsAtTheTagsWhateverThePieces) {
  std::string text = "<think>one < two</think>\n\nthree</thin";
  for (size_t length = 1; length < text.size(); ++length) {
    std::string thinking, answer;
    TextSink sink = [&](Part part, std::string_view piece) {
      (part == Part::kThinking ? thinking : answer) += piece;
      return Status();
    };
    ThinkFilter filter(false);
    for (size_t at = 0; at < text.size(); at += length)
      ASSERT_TRUE(filter.add(text.substr(at, length), sink).ok());
    ASSERT_TRUE(filter.finish(sink).ok());
    EXPECT_EQ(thinking, "<think>one < two</think>");
    EXPECT_EQ(answer, "\n\nthree</thin");
  }
  EXPECT_TRUE(ends_in_thinking("a<think>\n"));
  EXPECT_FALSE(ends_in_thinking("a<think></think>"));
  EXPECT_FALSE(ends_in_thinking("a"));
}

} // namespace
} // namespace r1
