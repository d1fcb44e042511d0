// A step's ids are those that the reference chooses from the model's logits, on every device; the words that ask for them are a
// published contract.
#include "runtime/program/sampling.h"

#include <cmath>
#include <gtest/gtest.h>

#include "kernels/registry/params.h"
#include "kernels/sample/reference.h"
#include "runtime/program/session.h"
#include "test/unit/runtime/device/cuda/simulation.h"
#include "test/unit/runtime/testing/fake_model.h"

namespace r1 {
namespace {

using testing::temporary;

static_assert(kChoiceOptionWords == kernels::kSampleOptionWords && kDrawWords == kernels::kSampleDrawWords);

const Sampling kWays[] = {{},
                          {1, 1, 0, 3},
                          {0.6f, 0.95f, 0, 7},
                          {1.5f, 1, 40, 7},
                          {0.7f, 0.5f, 9, 1},
                          {1000, 1, 0, 2},
                          {1e-30f, 0.9f, 0, 2}};

int32_t expected_choice(std::span<const int32_t> past, const Choice& choice) {
  std::vector<float> logits(testing::kVocab);
  for (int j = 0; j < testing::kVocab; ++j)
    logits[size_t(j)] = testing::expected_logit(past, j);
  ChoiceWords words;
  words.add(choice);
  return kernels::reference::sample(logits.data(), testing::kVocab, words.options.data(), words.draws.data());
}

// Sequences that go on with what was chosen, each in its own way, some steps with logits between.
void expect_choices(Program& program) {
  Session session(program);
  std::vector<std::vector<int32_t>> past;
  std::vector<Session::Next> nexts;
  std::vector<Choice> choices;
  for (size_t i = 0; i < 4; ++i) {
    past.push_back(std::vector<int32_t>(1 + 70 * i % 100, int32_t(i + 5)));
    choices.push_back({kWays[i], i, 0});
    nexts.push_back({*session.open_sequence(), 0});
    auto first = session.prefill(nexts[i].sequence, past[i], choices[i]);
    ASSERT_TRUE(first.ok()) << first.status().message();
    EXPECT_EQ(*first, expected_choice(past[i], choices[i]));
    past[i].push_back(nexts[i].token = *first);
  }
  for (size_t step = 1; step < 12; ++step) {
    std::vector<int32_t> ids(nexts.size(), -7);
    for (size_t i = 0; i < nexts.size(); ++i)
      choices[i] = {kWays[(i + step) % std::size(kWays)], i, step};
    Status status = step % 5 == 4 ? session.decode(nexts,
                                                   [&](int64_t first, int64_t rows, const float* logits) {
                                                     for (int64_t r = 0; r < rows; ++r) {
                                                       const size_t i = size_t(first + r);
                                                       EXPECT_EQ(logits[r * testing::kVocab + 9],
                                                                 testing::expected_logit(past[i], 9));
                                                       ids[i] = expected_choice(past[i], choices[i]);
                                                     }
                                                     return Status();
                                                   })
                                  : session.decode(nexts, choices, ids);
    ASSERT_TRUE(status.ok()) << status.message();
    for (size_t i = 0; i < nexts.size(); ++i) {
      EXPECT_EQ(ids[i], expected_choice(past[i], choices[i])) << "sequence " << i << " step " << step;
      past[i].push_back(nexts[i].token = ids[i]);
    }
  }
}

TEST(Sampling, EveryDeviceChoosesAsTheReference) {
  testing::Simulation simulation("seed=3,schedule=shuffle");
  for (artifact::Device device : {artifact::Device::Cpu, artifact::Device::Sim}) {
    std::string path = temporary("choices.r1a");
    testing::write_fake_model(path, {.devices = {device}});
    ProgramOptions options;
    options.target = testing::device_target(device);
    options.device.threads = 2;
    auto program = Program::open(path, options);
    ASSERT_TRUE(program.ok()) << program.status().message();
    SCOPED_TRACE(testing::device_target(device));
    expect_choices(**program);
  }
}

// The kernel says -1 for them (test/unit/kernels/sample), as it does where no id is wanted, which is easier to come by.
TEST(Sampling, ARowWithoutAnIdIsAnError) {
  testing::write_fake_model(temporary("none.r1a"));
  auto program = Program::open(temporary("none.r1a"));
  ASSERT_TRUE(program.ok()) << program.status().message();
  Session session(**program);
  int s = *session.open_sequence();
  std::vector<int32_t> ids{1, 2};
  Status status = session.prefill(s, ids, Choice{{1, 1, -1, 0}}).status();
  EXPECT_EQ(status.code(), Code::kDevice);
  EXPECT_NE(status.message().find("not numbers"), std::string::npos) << status.message();
  EXPECT_EQ(session.prefill(s, {}, Choice{}).status().code(), Code::kInvalidArgument);
  Session::Next next{s, 1};
  EXPECT_EQ(session.decode({&next, 1}, {}, {}).code(), Code::kInvalidArgument);
}

TEST(Sampling, AnOlderArtifactIsNamed) {
  std::string path = temporary("older.r1a");
  testing::write_fake_model(path, {.change = [](artifact::ArtifactT& a) {
                              for (auto& e : a.targets[0]->entries)
                                e->launches.pop_back(), e->chooses = false;
                            }});
  auto program = Program::open(path);
  ASSERT_TRUE(program.ok()) << program.status().message();
  Session session(**program);
  int s = *session.open_sequence();
  std::vector<int32_t> ids{1, 2};
  EXPECT_EQ(session.prefill(s, ids, Choice{}).status().code(), Code::kUnsupported);
  EXPECT_EQ(session.length(s), 0);
  int rows = 0;
  EXPECT_TRUE(session
                  .prefill(s, ids, Want::kAll,
                           [&](int64_t, int64_t n, const float*) {
                             rows += int(n);
                             return Status();
                           })
                  .ok());
  EXPECT_EQ(rows, 2);
}

// A seed gives these words, and so these tokens, on every machine and in every version.
TEST(Sampling, TheContractOfTheSeed) {
  ChoiceWords words;
  for (uint64_t draw : {0, 1})
    words.add({{0.5f, 0.75f, 40, 42}, 0, draw});
  words.add({{0.5f, 0.75f, 40, 42}, 1, 0});
  words.add({{}, 0, 0});
  words.add_none(1);
  EXPECT_EQ(
      words.options,
      (std::vector<int32_t>{0,  0x40000000,  40, -0x40000000, 0, 0x40000000, 40, -0x40000000, 0,  0x40000000,
                            40, -0x40000000, 0,  0,           0, 0,          -1, -1,          -1, -1}));
  EXPECT_EQ(words.draws, (std::vector<int32_t>{2081267942, 701238, -1594596827, 1753827, 1894620852, 839239,
                                               -1511414993, 1368283, 0, 0}));
}

TEST(Sampling, SmallSharesKeepOneToken) {
  ChoiceWords words;
  words.add({{1, 1e-30f, 0, 0}});
  words.add({{1, std::nextafter(1.0f, 0.0f), 0, 0}});
  EXPECT_EQ(words.options[3], 1);
  EXPECT_EQ(uint32_t(words.options[7]), 0xffffff00u);
}

TEST(Sampling, BadOptionsAreNamed) {
  EXPECT_NE(check_sampling({-1, 1, 0, 0}).message().find("temperature"), std::string::npos);
  EXPECT_NE(check_sampling({NAN, 1, 0, 0}).message().find("temperature"), std::string::npos);
  EXPECT_NE(check_sampling({1, 0, 0, 0}).message().find("top-p"), std::string::npos);
  EXPECT_NE(check_sampling({1, 1.5f, 0, 0}).message().find("top-p"), std::string::npos);
  EXPECT_NE(check_sampling({1, 1, -1, 0}).message().find("top-k"), std::string::npos);
  EXPECT_TRUE(check_sampling({0.6f, 0.95f, 50, 0}).ok());
}

} // namespace
} // namespace r1
