// A program opens on the best target that this machine runs, or says why not.
#include "runtime/program/program.h"

#include <gtest/gtest.h>

#include "test/unit/runtime/testing/fake_model.h"

namespace r1 {
namespace {

using artifact::ArtifactT;
using testing::temporary, testing::write_fake_model;

TEST(Program, UnknownTargetListsWhatThereIs) {
  write_fake_model(temporary("program.r1a"));
  ProgramOptions options;
  options.target = "cpu:z80";
  Status s = Program::open(temporary("program.r1a"), options).status();
  EXPECT_EQ(s.code(), Code::kNotFound);
  EXPECT_NE(s.message().find("cpu:x86-64"), std::string::npos) << s.message();
}

TEST(Program, TheStrongestTargetIsChosen) {
  flatbuffers::FlatBufferBuilder builder;
  ArtifactT a;
  a.model = std::make_unique<artifact::ModelT>();
  a.generation = std::make_unique<artifact::GenerationT>();
  a.provenance = std::make_unique<artifact::ProvenanceT>();
  for (auto [name, features] : std::initializer_list<std::pair<const char*, std::vector<std::string>>>{
           {"cpu:plain", {"sse2"}}, {"cpu:better", {"sse2", "sse3"}}, {"cpu:impossible", {"avx9000"}}}) {
    auto t = std::make_unique<artifact::TargetT>();
    t->name = name;
    t->features = features;
    t->image = std::make_unique<artifact::SectionT>();
    t->image->hash = std::make_unique<artifact::Hash>();
    a.targets.push_back(std::move(t));
  }
  builder.Finish(artifact::CreateArtifact(builder, &a));
  auto chosen = choose_target(*artifact::GetArtifact(builder.GetBufferPointer()), "");
  ASSERT_TRUE(chosen.ok()) << chosen.status().message();
  EXPECT_EQ((*chosen)->name()->str(), "cpu:better");
}

TEST(Program, EntriesFitWithTheLeastWaste) {
  write_fake_model(temporary("entries.r1a")); // prefill 48, decode 1, decode 3
  auto program = Program::open(temporary("entries.r1a"));
  ASSERT_TRUE(program.ok()) << program.status().message();
  using artifact::EntryKind;
  EXPECT_EQ((*program)->entry_for(EntryKind::Prefill, 1), 0u);
  EXPECT_EQ((*program)->entry_for(EntryKind::Prefill, 100), 0u);
  EXPECT_EQ((*program)->entry_for(EntryKind::Decode, 1), 1u);
  EXPECT_EQ((*program)->entry_for(EntryKind::Decode, 2), 2u);
  EXPECT_EQ((*program)->entry_for(EntryKind::Decode, 5), 2u);
}

} // namespace
} // namespace r1
