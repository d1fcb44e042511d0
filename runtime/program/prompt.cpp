#include "runtime/program/prompt.h"

namespace r1 {

Result<Prompt> Prompt::open(const artifact::Artifact& artifact) {
  if (!artifact.text())
    return fail(Code::kUnsupported,
                "the artifact has no tokenizer, because the folder it was compiled from had no "
                "tokenizer.json; add one and compile it again");
  Prompt prompt;
  R1_ASSIGN_OR_RETURN(prompt.tokenizer_, text::Tokenizer::open(artifact.text()));
  auto chat = text::ChatTemplate::open(artifact.text());
  if (chat.ok()) {
    prompt.template_ = *std::move(chat);
  } else if (chat.status().code() != Code::kNotFound) {
    return chat.status();
  }
  return prompt;
}

Result<std::string> Prompt::render(const text::Value& messages, bool add_generation_prompt,
                                   const text::ChatTemplate::Variables& extra) const {
  if (!template_)
    return fail(Code::kUnsupported, "the artifact has no chat template; give the prompt as it is (--raw)");
  return template_->render(messages, add_generation_prompt, extra);
}

Result<std::string> Prompt::render(const std::vector<Message>& messages, bool add_generation_prompt) const {
  std::vector<text::Value> list;
  for (const Message& m : messages)
    list.push_back(text::Value::dict(
        {{"role", text::Value::string(m.role)}, {"content", text::Value::string(m.content)}}));
  return render(text::Value::list(std::move(list)), add_generation_prompt);
}

} // namespace r1
