// A conversation: keeps the messages and what of them the cache already holds, so that a turn computes only what is new.
#pragma once
#include <string>
#include <vector>

#include "runtime/program/generate.h"
#include "runtime/program/prompt.h"

namespace r1 {

class Conversation {
public:
  // `session` and `prompt` must outlive it. Takes one sequence of the session, which the destructor gives back.
  static Result<std::unique_ptr<Conversation>> open(Session& session, const Prompt& prompt);
  ~Conversation();

  void set_system(std::string text);
  // One turn: what the user says, then what the model says, which the sink gets as it comes. Where it fails the
  // conversation is as it was before. GenerateOptions::thinking is found out from the prompt.
  // kContextFull: the conversation has grown too long for the model.
  Result<Generated> reply(const std::string& user, GenerateOptions options, const TextSink& sink);

  const std::vector<Message>& messages() const { return messages_; }
  // Of the last turn: ids in its prompt, and how many of them the cache already held.
  size_t prompt_tokens() const { return prompt_tokens_; }
  size_t reused_tokens() const { return reused_tokens_; }

private:
  Conversation(Session& session, const Prompt& prompt, int sequence)
      : session_(session), prompt_(prompt), sequence_(sequence) {}
  Result<Generated> turn(GenerateOptions options, const TextSink& sink);

  Session& session_;
  const Prompt& prompt_;
  const int sequence_;
  std::vector<Message> messages_;
  std::vector<int32_t> cached_; // the ids in the cache
  size_t prompt_tokens_ = 0, reused_tokens_ = 0;
};

} // namespace r1
