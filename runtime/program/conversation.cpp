#include "runtime/program/conversation.h"

#include <algorithm>

namespace r1 {

Result<std::unique_ptr<Conversation>> Conversation::open(Session& session, const Prompt& prompt) {
  R1_ASSIGN_OR_RETURN(int sequence, session.open_sequence());
  return std::unique_ptr<Conversation>(new Conversation(session, prompt, sequence));
}

Conversation::~Conversation() { session_.close_sequence(sequence_); }

void Conversation::set_system(std::string text) {
  if (messages_.empty() || messages_[0].role != "system")
    messages_.insert(messages_.begin(), Message{"system", ""});
  messages_[0].content = std::move(text);
}

Result<Generated> Conversation::reply(const std::string& user, GenerateOptions options,
                                      const TextSink& sink) {
  messages_.push_back({"user", user});
  Result<Generated> generated = turn(std::move(options), sink);
  if (generated.ok()) {
    messages_.push_back({"assistant", generated->text});
  } else {
    messages_.pop_back();
  }
  return generated;
}

Result<Generated> Conversation::turn(GenerateOptions options, const TextSink& sink) {
  R1_ASSIGN_OR_RETURN(std::string text, prompt_.render(messages_, true));
  R1_ASSIGN_OR_RETURN(std::vector<int32_t> ids, prompt_.encode_rendered(text));
  options.thinking = ends_in_thinking(text);
  // The last id is computed again even where the cache has it: its logits are wanted.
  size_t same =
      size_t(std::mismatch(ids.begin(), ids.end(), cached_.begin(), cached_.end()).first - ids.begin());
  if (same == ids.size() && same > 0)
    --same;
  R1_RETURN_IF_ERROR(session_.truncate(sequence_, int64_t(same)));
  cached_.resize(same);
  prompt_tokens_ = ids.size();
  reused_tokens_ = same;
  Result<Generated> generated =
      generate(session_, sequence_, prompt_.tokenizer(), std::span(ids).subspan(same), options, sink);
  // What the cache holds now is a beginning of prompt and answer, however far it came.
  if (generated.ok())
    ids.insert(ids.end(), generated->ids.begin(), generated->ids.end());
  ids.resize(std::min(ids.size(), size_t(session_.length(sequence_))));
  cached_ = std::move(ids);
  if (!generated.ok()) { // part of an answer may be in the cache that nobody knows the ids of
    R1_RETURN_IF_ERROR(session_.truncate(sequence_, int64_t(cached_.size())));
  }
  return generated;
}

} // namespace r1
