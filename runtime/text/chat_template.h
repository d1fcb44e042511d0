// Renders messages to the text that a model was trained on, with the template that r1c compiled from Jinja.
//
// A ChatTemplate points into the artifact's memory, which must outlive it. render() may be called from several threads.
#pragma once
#include "runtime/artifact/text_generated.h"
#include "runtime/base/status.h"
#include "runtime/text/value.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace r1::text {

class ChatTemplate {
public:
  // The template of that name; kNotFound where the artifact has none. Checks every index in it once.
  static Result<ChatTemplate> open(const artifact::Text* text, std::string_view name = "default");

  using Variables = std::vector<std::pair<std::string, Value>>;
  // `messages`: a list of dicts with "role" and "content". `extra`: more variables ("tools", "thinking"); they go before
  // bos_token and the like. What the template refuses (raise_exception, an undefined variable) is kInvalidArgument.
  Result<std::string> render(const Value& messages, bool add_generation_prompt,
                             const Variables& extra = {}) const;

private:
  const artifact::Text* text_ = nullptr;
  const artifact::Template* tree_ = nullptr;
};

} // namespace r1::text
