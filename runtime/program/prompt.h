// From messages or plain text to the ids of a prompt, by the tokenizer and the chat template in the artifact.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "runtime/artifact/artifact_generated.h"
#include "runtime/text/chat_template.h"
#include "runtime/text/tokenizer.h"

namespace r1 {

struct Message {
  std::string role, content; // "user", "assistant", "system"
};

// Points into the artifact, which must outlive it. All its functions may be called from several threads.
class Prompt {
public:
  // kUnsupported where the artifact has no tokenizer.
  static Result<Prompt> open(const artifact::Artifact& artifact);

  const text::Tokenizer& tokenizer() const { return tokenizer_; }
  bool has_template() const { return template_.has_value(); }

  // The text of a conversation; kUnsupported where the artifact has no chat template.
  Result<std::string> render(const std::vector<Message>& messages, bool add_generation_prompt) const;
  // The same for messages with whatever the template knows beside role and content.
  Result<std::string> render(const text::Value& messages, bool add_generation_prompt,
                             const text::ChatTemplate::Variables& extra = {}) const;
  // Ids of a rendered text (special tokens in it are special), and of plain text, which gets the tokenizer's own ids
  // such as begin-of-text.
  Result<std::vector<int32_t>> encode_rendered(std::string_view text) const {
    return tokenizer_.encode(text);
  }
  Result<std::vector<int32_t>> encode_plain(std::string_view text) const {
    return tokenizer_.encode(text, {.add_special = true});
  }

private:
  text::Tokenizer tokenizer_;
  std::optional<text::ChatTemplate> template_;
};

} // namespace r1
