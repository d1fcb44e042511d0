// A turn of a conversation says what a fresh prompt of the whole conversation would, and computes only what is new.
#include "runtime/program/conversation.h"

#include <gtest/gtest.h>

#include "test/unit/runtime/testing/fake_model.h"

namespace r1 {
namespace {

using testing::temporary;

TEST(Conversation, TurnsEqualFreshPrompts) {
  testing::write_fake_model(temporary("chat.r1a"), {.text = true});
  auto program = Program::open(temporary("chat.r1a"));
  ASSERT_TRUE(program.ok()) << program.status().message();
  auto prompt = Prompt::open((*program)->index());
  ASSERT_TRUE(prompt.ok());
  Session session(**program);
  auto chat = Conversation::open(session, *prompt);
  ASSERT_TRUE(chat.ok());
  (*chat)->set_system("be brief");
  GenerateOptions options;
  options.max_tokens = 6;
  auto ignore = [](Part, std::string_view) { return Status(); };
  std::vector<Message> said{{"system", "be brief"}};
  for (const char* user : {"one", "two", "three"}) {
    said.push_back({"user", user});
    std::vector<int32_t> ids = *prompt->encode_rendered(*prompt->render(said, true));
    auto g = (*chat)->reply(user, options, ignore);
    ASSERT_TRUE(g.ok()) << g.status().message();
    EXPECT_EQ((*chat)->prompt_tokens(), ids.size());
    if (said.size() > 2) {
      EXPECT_GT((*chat)->reused_tokens(), 5u);
    }
    for (int32_t id : g->ids) {
      EXPECT_EQ(id, testing::expected_next(ids));
      ids.push_back(id);
    }
    said.push_back({"assistant", g->text});
  }
  EXPECT_EQ((*chat)->messages().size(), said.size());

  // A turn that does not fit leaves the conversation as it was; a shorter one still works.
  std::string long_text(300, 'x');
  EXPECT_EQ((*chat)->reply(long_text, options, ignore).status().code(), Code::kContextFull);
  EXPECT_EQ((*chat)->messages().size(), said.size());
  EXPECT_EQ((*chat)
                ->reply("x", options, [](Part, std::string_view) { return fail(Code::kIo, "no"); })
                .status()
                .code(),
            Code::kIo);
  said.push_back({"user", "four"});
  std::vector<int32_t> ids = *prompt->encode_rendered(*prompt->render(said, true));
  auto g = (*chat)->reply("four", options, ignore);
  ASSERT_TRUE(g.ok()) << g.status().message();
  EXPECT_EQ(g->ids[0], testing::expected_next(ids));
}

} // namespace
} // namespace r1
