// generate and chat: text to standard output as it comes, statistics to standard error.
#include "runtime/program/conversation.h"
#include "tools/r1run/commands.h"
#include "tools/r1run/output.h"

namespace r1run {

using namespace r1;

namespace {

// Shows the thinking apart: dim on a terminal, plain elsewhere, or not at all.
class Printer {
public:
  explicit Printer(bool hide_thinking) : hide_(hide_thinking), colour_(output_is_terminal()) {}

  // The prompt opened <think> itself, so the model's own text will not.
  Status open_thinking() { return show(Part::kThinking, "<think>\n"); }

  Status show(Part part, std::string_view text) {
    if (part == Part::kThinking && hide_) {
      skip_blank_ = true;
      return Status();
    }
    if (part == Part::kAnswer && skip_blank_) { // the empty lines between the hidden thinking and the answer
      size_t first = text.find_first_not_of(" \n");
      if (first == text.npos)
        return Status();
      text.remove_prefix(first);
      skip_blank_ = false;
    }
    std::string out;
    if (colour_ && dim_ != (part == Part::kThinking)) {
      dim_ = part == Part::kThinking;
      out = dim_ ? "\033[2m" : "\033[0m";
    }
    out += text;
    ended_ = text.ends_with('\n');
    return print(out);
  }

  Status finish() { return print(std::string(dim_ ? "\033[0m" : "") + (ended_ ? "" : "\n")); }

private:
  const bool hide_, colour_;
  bool dim_ = false, ended_ = false, skip_blank_ = false;
};

GenerateOptions options_of(const Program& program, const GenerateArgs& args) {
  const artifact::Generation& g = *program.index().generation();
  GenerateOptions o;
  // The makers' sampling unless told otherwise; a temperature alone means plain sampling at that temperature.
  if (g.do_sample() && !args.temperature)
    o.sampling.temperature = g.temperature();
  if (g.do_sample())
    o.sampling.top_p = g.top_p(), o.sampling.top_k = g.top_k();
  if (args.temperature)
    o.sampling.temperature = *args.temperature;
  if (args.top_p)
    o.sampling.top_p = *args.top_p;
  if (args.top_k)
    o.sampling.top_k = *args.top_k;
  o.sampling.seed = args.seed ? *args.seed : os::entropy() & 0xffffffff;
  o.max_tokens = args.max_tokens;
  o.stop = args.stop;
  if (!args.ignore_eos)
    for (int32_t id : *g.eos_tokens())
      o.end_ids.push_back(id);
  return o;
}

void statistics(const Generated& g, size_t prompt_tokens, size_t reused, double load_seconds,
                const Sampling& sampling) {
  size_t computed = prompt_tokens - reused, steps = g.ids.empty() ? 0 : g.ids.size() - 1;
  std::string line = format("r1run: %zu prompt tokens", prompt_tokens);
  if (reused)
    line += format(" (%zu from the cache)", reused);
  line += format(" in %.3f s (%.1f/s), %zu new in %.3f s (%.1f/s), stopped by %s", g.prefill_seconds,
                 double(computed) / g.prefill_seconds, g.ids.size(), g.decode_seconds,
                 steps && g.decode_seconds > 0 ? double(steps) / g.decode_seconds : 0.0,
                 std::string(stop_reason_text(g.reason)).c_str());
  if (load_seconds > 0)
    line += format(", loaded in %.3f s", load_seconds);
  if (sampling.temperature > 0)
    line += format(", seed %llu", (unsigned long long)sampling.seed);
  note(line);
}

Status cancelled() { return fail(Code::kCancelled, "interrupted"); }

// The whole of standard input.
Result<std::string> read_input() {
  std::string text;
  for (size_t got = 1; got > 0;) {
    size_t had = text.size();
    text.resize(had + 65536);
    R1_ASSIGN_OR_RETURN(got, os::read_some(0, {reinterpret_cast<uint8_t*>(text.data()) + had, 65536}));
    text.resize(had + got);
  }
  return text;
}

} // namespace

Status generate(const GenerateArgs& args) {
  double begin = os::now();
  R1_ASSIGN_OR_RETURN(auto program, open_program(args, 1));
  R1_ASSIGN_OR_RETURN(Prompt prompt, Prompt::open(program->index()));
  GenerateOptions options = options_of(*program, args);
  std::string text = args.prompt;
  if (text == "-") {
    R1_ASSIGN_OR_RETURN(text, read_input());
  }
  Result<std::vector<int32_t>> ids = std::vector<int32_t>();
  if (args.raw || !prompt.has_template()) {
    ids = prompt.encode_plain(text);
  } else {
    std::vector<Message> messages;
    if (!args.system.empty())
      messages.push_back({"system", args.system});
    messages.push_back({"user", text});
    R1_ASSIGN_OR_RETURN(text, prompt.render(messages, true));
    ids = prompt.encode_rendered(text);
  }
  R1_RETURN_IF_ERROR(ids.status());
  options.thinking = ends_in_thinking(text);
  double loaded = os::now() - begin;

  Session session(*program);
  Interruptible guard(session);
  R1_ASSIGN_OR_RETURN(int sequence, session.open_sequence());
  Printer printer(args.hide_thinking);
  if (options.thinking && !args.raw)
    R1_RETURN_IF_ERROR(printer.open_thinking());
  R1_ASSIGN_OR_RETURN(Generated g, r1::generate(session, sequence, prompt.tokenizer(), *ids, options,
                                                [&](Part part, std::string_view piece) {
                                                  return printer.show(part, piece);
                                                }));
  R1_RETURN_IF_ERROR(printer.finish());
  statistics(g, ids->size(), 0, loaded, options.sampling);
  return g.reason == StopReason::kCancelled ? cancelled() : Status();
}

Status chat(const GenerateArgs& args) {
  R1_ASSIGN_OR_RETURN(auto program, open_program(args, 1));
  R1_ASSIGN_OR_RETURN(Prompt prompt, Prompt::open(program->index()));
  if (!prompt.has_template())
    return fail(Code::kUnsupported, "the artifact has no chat template; use r1run generate --raw");
  GenerateOptions options = options_of(*program, args);
  Session session(*program);
  Interruptible guard(session);
  R1_ASSIGN_OR_RETURN(auto conversation, Conversation::open(session, prompt));
  if (!args.system.empty())
    conversation->set_system(args.system);
  Lines lines;
  std::string line = args.prompt;
  bool more = !line.empty();
  if (notes_are_terminal() && !more)
    note("r1run: a line is a turn; an empty line or Ctrl-D ends");
  while (true) {
    if (!more) {
      if (output_is_terminal())
        R1_RETURN_IF_ERROR(print("> "));
      R1_ASSIGN_OR_RETURN(more, lines.next(line));
      if (interrupted)
        return cancelled();
      if (!more || line.empty())
        return Status();
    }
    more = false;
    Printer printer(args.hide_thinking);
    bool opened = false;
    auto sink = [&](Part part, std::string_view piece) -> Status {
      if (!opened && part == Part::kThinking && piece != "<think>")
        R1_RETURN_IF_ERROR(printer.open_thinking());
      opened = true;
      return printer.show(part, piece);
    };
    auto g = conversation->reply(line, options, sink);
    if (!g.ok() && g.status().code() == Code::kContextFull) {
      note("r1run: the conversation has grown too long: " + g.status().message());
      return Status();
    }
    R1_RETURN_IF_ERROR(g.status());
    R1_RETURN_IF_ERROR(printer.finish());
    statistics(*g, conversation->prompt_tokens(), conversation->reused_tokens(), 0, options.sampling);
    if (g->reason == StopReason::kCancelled)
      return cancelled();
    ++options.sampling.seed; // another turn, other draws
  }
}

} // namespace r1run
