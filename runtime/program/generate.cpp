#include "runtime/program/generate.h"

#include <algorithm>

namespace r1 {

static constexpr std::string_view kOpen = "<think>", kClose = "</think>";

std::string_view stop_reason_text(StopReason reason) {
  switch (reason) {
  case StopReason::kEndOfText:
    return "end of text";
  case StopReason::kStopString:
    return "stop string";
  case StopReason::kMaxTokens:
    return "token limit";
  case StopReason::kContextFull:
    return "context full";
  case StopReason::kCancelled:
    return "interrupted";
  }
  return "";
}

bool ends_in_thinking(std::string_view text) {
  size_t open = text.rfind(kOpen), close = text.rfind(kClose);
  return open != text.npos && (close == text.npos || close < open);
}

Status ThinkFilter::emit(TextFilter::Found found, const TextSink& sink) {
  if (!found.text.empty())
    R1_RETURN_IF_ERROR(sink(part_, found.text));
  if (found.match < 0)
    return Status();
  R1_RETURN_IF_ERROR(sink(Part::kThinking, found.match == 0 ? kOpen : kClose));
  part_ = found.match == 0 ? Part::kThinking : Part::kAnswer;
  return Status();
}

Status ThinkFilter::add(std::string_view piece, const TextSink& sink) {
  for (TextFilter::Found found = tags_.add(piece);; found = tags_.add("")) {
    int match = found.match;
    R1_RETURN_IF_ERROR(emit(std::move(found), sink));
    if (match < 0)
      return Status();
  }
}

Status ThinkFilter::finish(const TextSink& sink) {
  for (TextFilter::Found found = tags_.flush();; found = tags_.flush()) {
    int match = found.match;
    R1_RETURN_IF_ERROR(emit(std::move(found), sink));
    if (match < 0)
      return Status();
  }
}

namespace {

// Everything between a sampled id and the caller's sink.
class Output {
public:
  Output(const text::Tokenizer& tokenizer, const GenerateOptions& options, const TextSink& sink,
         std::string& all)
      : tokenizer_(tokenizer), decoder_(tokenizer), stop_(options.stop), think_(options.thinking),
        open_(tokenizer.find_token(kOpen)), close_(tokenizer.find_token(kClose)),
        sink_([&sink, &all](Part part, std::string_view text) {
          all += text;
          return sink(part, text);
        }) {}

  // True where a stop string was found.
  Result<bool> push(int32_t id) {
    if (id != open_ && id != close_)
      return text(decoder_.push(id));
    // Some checkpoints mark the tags as special, and special tokens have no text; the tags are wanted all the same.
    std::string piece = decoder_.finish();
    decoder_ = text::StreamDecoder(tokenizer_);
    return text(piece + std::string(id == open_ ? kOpen : kClose));
  }

  Status finish(bool stopped) {
    if (!stopped) {
      R1_ASSIGN_OR_RETURN(bool found, text(decoder_.finish()));
      if (!found)
        R1_RETURN_IF_ERROR(think_.add(stop_.flush().text, sink_));
    }
    return think_.finish(sink_);
  }

private:
  Result<bool> text(std::string_view piece) {
    TextFilter::Found found = stop_.add(piece);
    R1_RETURN_IF_ERROR(think_.add(found.text, sink_));
    return found.match >= 0;
  }

  const text::Tokenizer& tokenizer_;
  text::StreamDecoder decoder_;
  TextFilter stop_;
  ThinkFilter think_;
  std::optional<int32_t> open_, close_;
  TextSink sink_;
};

} // namespace

Result<Generated> generate(Session& session, int sequence, const text::Tokenizer& tokenizer,
                           std::span<const int32_t> prompt, const GenerateOptions& options,
                           const TextSink& sink) {
  if (prompt.empty())
    return fail(Code::kInvalidArgument, "the prompt is empty; give at least one token");
  R1_RETURN_IF_ERROR(check_sampling(options.sampling));
  Generated out;
  Choice choice{options.sampling};
  int32_t next = -1;
  double begin = os::now();
  Result<int32_t> first = session.prefill(sequence, prompt, choice);
  out.prefill_seconds = os::now() - begin;
  Status status = first.status();
  if (first.ok())
    next = *first;
  if (!status.ok() && status.code() != Code::kCancelled)
    return status;

  Output output(tokenizer, options, sink, out.text);
  bool stopped = false;
  begin = os::now();
  while (status.ok()) {
    if (std::find(options.end_ids.begin(), options.end_ids.end(), next) != options.end_ids.end())
      break;
    out.ids.push_back(next);
    R1_ASSIGN_OR_RETURN(stopped, output.push(next));
    if (stopped) {
      out.reason = StopReason::kStopString;
      break;
    }
    if (options.max_tokens > 0 && int64_t(out.ids.size()) >= options.max_tokens) {
      out.reason = StopReason::kMaxTokens;
      break;
    }
    Session::Next step{sequence, next};
    ++choice.draw;
    status = session.decode({&step, 1}, {&choice, 1}, {&next, 1});
  }
  out.decode_seconds = os::now() - begin;
  if (status.code() == Code::kContextFull) {
    out.reason = StopReason::kContextFull;
  } else if (status.code() == Code::kCancelled) {
    out.reason = StopReason::kCancelled;
  } else if (!status.ok()) {
    return status;
  }
  R1_RETURN_IF_ERROR(output.finish(stopped));
  return out;
}

} // namespace r1
