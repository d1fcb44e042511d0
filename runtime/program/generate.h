// From a prompt's ids to a stream of text: prefill, then decode and filter, until something ends it.
#pragma once
#include <string>
#include <string_view>

#include "runtime/program/session.h"
#include "runtime/text/text_filter.h"
#include "runtime/text/tokenizer.h"

namespace r1 {

enum class Part { kThinking, kAnswer };
// Text as it comes: whole characters, the tags <think> and </think> belonging to the thinking. An error ends generation.
using TextSink = std::function<Status(Part part, std::string_view text)>;

struct GenerateOptions {
  Sampling sampling;
  int64_t max_tokens = 0;        // 0: until the context is full
  std::vector<std::string> stop; // ends before the first of these; never shown, not even in part
  std::vector<int32_t> end_ids;  // ids that end the text, such as the artifact's eos_tokens
  bool thinking = false;         // the prompt ends inside <think>
};

enum class StopReason { kEndOfText, kStopString, kMaxTokens, kContextFull, kCancelled };
std::string_view stop_reason_text(StopReason reason);

struct Generated {
  StopReason reason = StopReason::kEndOfText;
  std::vector<int32_t> ids; // without the one that ended it
  std::string text;         // all that the sink got
  double prefill_seconds = 0;
  double decode_seconds = 0; // of the steps after the first token
};

// Appends `prompt` (at least one id) to the sequence and generates. The last id generated is not yet in the cache: the
// sequence has grown by the prompt and by ids.size() - 1 at most. A prompt that does not fit is kContextFull; a context
// that fills later, or a cancelled session, is a reason to stop.
Result<Generated> generate(Session& session, int sequence, const text::Tokenizer& tokenizer,
                           std::span<const int32_t> prompt, const GenerateOptions& options,
                           const TextSink& sink);

// True where <think> was opened and not closed.
bool ends_in_thinking(std::string_view text);

// Cuts a stream of text into thinking and answer.
class ThinkFilter {
public:
  explicit ThinkFilter(bool thinking) : part_(thinking ? Part::kThinking : Part::kAnswer) {}
  Status add(std::string_view piece, const TextSink& sink);
  Status finish(const TextSink& sink);

private:
  Status emit(TextFilter::Found found, const TextSink& sink);
  Part part_;
  TextFilter tags_{{"<think>", "</think>"}};
};

} // namespace r1
