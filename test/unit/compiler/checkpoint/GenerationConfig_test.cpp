// Sampling defaults come from generation_config.json, and from config.json where it is silent.
#include "compiler/checkpoint/GenerationConfig.h"
#include "test/unit/compiler/checkpoint/Support.h"

using namespace r1::checkpoint;
using namespace r1::checkpoint::test;

namespace {

ModelConfig model() {
  ModelConfig config;
  config.vocabSize = 100;
  config.bos = 3;
  config.eos = {4, 5};
  return config;
}

TEST(GenerationConfig, ReadsR1s) {
  auto generation = GenerationConfig::parse(
      R"({"_from_model_config":true,"bos_token_id":0,"eos_token_id":1,"do_sample":true,"temperature":0.6,"top_p":0.95})",
      "file", model());
  ASSERT_TRUE(static_cast<bool>(generation));
  EXPECT_TRUE(generation->sample);
  EXPECT_EQ(generation->temperature, 0.6);
  EXPECT_EQ(generation->topP, 0.95);
  EXPECT_EQ(generation->topK, 0);
  EXPECT_EQ(generation->bos, 0);
  EXPECT_EQ(generation->eos, std::vector<int64_t>{1});
}

TEST(GenerationConfig, FallsBackToTheModels) {
  Folder folder;
  auto absent = GenerationConfig::load(folder.str(), model());
  ASSERT_TRUE(static_cast<bool>(absent));
  EXPECT_FALSE(absent->sample);
  EXPECT_EQ(absent->bos, 3);
  EXPECT_EQ(absent->eos, (std::vector<int64_t>{4, 5}));
  folder.write("generation_config.json",
               R"({"top_k":20,"eos_token_id":[7,100,8],"temperature":0,"do_sample":true})");
  auto partly = GenerationConfig::load(folder.str(), model());
  ASSERT_TRUE(static_cast<bool>(partly));
  EXPECT_EQ(partly->topK, 20);
  EXPECT_EQ(partly->eos, (std::vector<int64_t>{7, 8}));
  EXPECT_FALSE(partly->sample) << "temperature 0 is greedy";
  ASSERT_EQ(partly->notes.size(), 1u);
  expectLine(partly->notes[0], {"eos_token_id 100", "outside the vocabulary"});
}

TEST(GenerationConfig, RefusesBadValues) {
  const std::pair<const char*, const char*> rows[] = {{R"({"temperature":-1})", "temperature is -1"},
                                                      {R"({"top_p":1.5})", "top_p is 1.5"},
                                                      {R"({"top_p":0})", "top_p is 0"},
                                                      {R"({"top_k":-3})", "top_k is -3"},
                                                      {R"({"do_sample":"yes"})", "do_sample"},
                                                      {R"({"eos_token_id":{}})", "eos_token_id"},
                                                      {"[]", "not a JSON object"},
                                                      {"{", "not valid JSON"}};
  for (const auto& [text, message] : rows)
    expectLine(messageOf(GenerationConfig::parse(text, "generation_config.json", model())),
               {"generation_config.json: ", message});
}

} // namespace
