// r1run: runs what r1c compiled. This file knows the command line and nothing else.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "tools/r1run/commands.h"
#include "tools/r1run/output.h"

namespace r1run {

std::atomic<r1::Session*> interruptible{nullptr};
std::atomic<bool> interrupted{false};

namespace {

// Stops what is running cleanly; at once where nothing needs cleaning up, or where it was asked for before.
void on_interrupt(int signal) {
  r1::Session* session = interruptible.load();
  if (!session || interrupted.exchange(true)) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    return;
  }
  session->cancel();
}

// Not restarted: a read that waits for a line must end too.
void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

void add_model(CLI::App& app, ModelArgs& args) {
  app.add_option("artifact", args.artifact, "the artifact (.r1a)")->required();
  app.add_option("--target", args.target, "a target of the artifact; default: the best that runs here");
  app.add_option("--threads", args.threads, "threads; default: one for each core")
      ->check(CLI::Range(1, 1024));
  app.add_option("--context", args.context,
                 "tokens a sequence may grow to; default: what the artifact allows")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 24));
  app.add_option("--memory-limit", args.memory_mib, "MiB of memory to use at most; default: what is free")
      ->check(CLI::Range(uint64_t(1), uint64_t(1) << 40));
  app.add_flag("--mmap", args.map, "map the weights instead of reading them into huge pages");
  app.add_flag("--verify", args.verify, "check the hash of the weights before use, however large");
}

void add_generate(CLI::App& app, GenerateArgs& args) {
  add_model(app, args);
  app.add_option("--prompt", args.prompt, "what to say; - reads standard input");
  app.add_option("--system", args.system, "the system message");
  app.add_option("--max-tokens", args.max_tokens, "new tokens at most; default: until the context is full")
      ->check(CLI::Range(1, 1 << 30));
  app.add_option("--temperature", args.temperature,
                 "0: the most probable token; default: as the model's makers chose")
      ->check(CLI::Range(0.0, 1000.0));
  app.add_option("--top-p", args.top_p, "of the most probable tokens that reach this share")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--top-k", args.top_k, "of so many most probable tokens; 0: all")
      ->check(CLI::Range(0, 1 << 30));
  app.add_option("--seed", args.seed,
                 "equal seeds give equal texts; default: a new one every time, which is told");
  app.add_option("--stop", args.stop, "end before this text; may be given several times")
      ->allow_extra_args(false);
  app.add_flag("--hide-thinking", args.hide_thinking, "show the answer alone");
  app.add_flag("--ignore-eos", args.ignore_eos, "do not end at the model's end of text");
}

int exit_code(const r1::Status& status) {
  if (status.ok())
    return 0;
  if (status.code() == r1::Code::kCancelled)
    return interrupted ? 130 : 0; // else: nobody reads the output any more
  return status.code() == r1::Code::kInternal ? 70 : 1;
}

int run(int argc, char** argv) {
  CLI::App app("Runs models that r1c compiled.", "r1run");
  app.require_subcommand(0, 1); // its own message for none would hide a misspelt one
  app.set_version_flag("--version", "r1run " R1C_VERSION);
  r1::Status status;

  GenerateArgs generate_args, chat_args;
  CLI::App* command = app.add_subcommand(
      "generate", "continue a prompt: text to standard output, statistics to standard error");
  add_generate(*command, generate_args);
  command->get_option("--prompt")->required();
  command->add_flag("--raw", generate_args.raw, "the prompt as it is, without the chat template");
  command->callback([&] { status = generate(generate_args); });

  command = app.add_subcommand("chat", "a conversation, a line a turn");
  add_generate(*command, chat_args);
  command->callback([&] { status = chat(chat_args); });

  LogitsArgs logits_args;
  command = app.add_subcommand("logits", "logits at every position, as a .npy file");
  add_model(*command, logits_args);
  command->add_option("--tokens", logits_args.tokens, "a JSON list of token ids")->required();
  command->add_option("--out", logits_args.out, "float32 [tokens, vocab]");
  CLI::Option* expect = command->add_option("--expect", logits_args.expect,
                                            "compare with what another run wrote; fails beyond --tolerance");
  command
      ->add_option("--tolerance", logits_args.tolerance,
                   "norm of the difference over the norm of what is expected; default: 0")
      ->check(CLI::Range(0.0, 1.0))
      ->needs(expect);
  command->add_option("--chunk", logits_args.chunk, "prefill at most so many tokens a step")
      ->check(CLI::Range(1, 1 << 30));
  command
      ->add_option("--decode-from", logits_args.decode_from, "feed the ids from this one on through decode")
      ->check(CLI::Range(0, 1 << 30));
  command->callback([&] { status = logits(logits_args); });

  BenchArgs bench_args;
  command = app.add_subcommand("bench", "speeds, beside what this machine can do");
  add_model(*command, bench_args);
  command->add_option("--random-weights", bench_args.random_weights, "fill absent weights from this seed");
  command->add_option("--prompt-tokens", bench_args.prompt_tokens, "tokens of the prompt")
      ->check(CLI::Range(1, 1 << 30));
  command->add_option("--new-tokens", bench_args.new_tokens, "tokens decoded after it")
      ->check(CLI::Range(1, 1 << 30));
  command->add_option("--batch", bench_args.batch, "sequences decoded together")
      ->check(CLI::Range(1, 1 << 30));
  command->add_option("--repetitions", bench_args.repetitions, "runs that the medians are taken of")
      ->check(CLI::Range(1, 1000));
  command
      ->add_option("--stream-mib", bench_args.stream_mib,
                   "memory streamed to measure bandwidth; default: 2048 MiB")
      ->check(CLI::Range(16, 1 << 20));
  command
      ->add_option("--matrix-tflops", bench_args.matrix_tflops,
                   "10^12 matrix operations a second, for ratios; a GPU's are not measured here")
      ->check(CLI::Range(0.0, 1e6));
  command->add_flag("--json", bench_args.json, "one JSON object on standard output");
  command->add_option("--out", bench_args.out, "that object into this file, beside the table");
  command->add_flag("--profile", bench_args.profile, "time of every launch, summed by kernel and place");
  command->callback([&] { status = bench(bench_args); });

  TextArgs text_args[3] = {{TextArgs::kTokenize, {}}, {TextArgs::kDetokenize, {}}, {TextArgs::kRender, {}}};
  const char* text_commands[3][2] = {
      {"tokenize", "JSON lines: {\"text\"} to {\"ids\"}"},
      {"detokenize", "JSON lines: {\"ids\"} to {\"text\"}"},
      {"render", "JSON lines: {\"messages\", \"add_generation_prompt\"} to {\"rendered\", \"ids\"}"}};
  for (int i = 0; i < 3; ++i) {
    command = app.add_subcommand(text_commands[i][0], text_commands[i][1]);
    command->add_option("artifact", text_args[i].artifact, "the artifact (.r1a)")->required();
    command->callback([&, i] { status = text_lines(text_args[i]); });
    if (text_args[i].command == TextArgs::kTokenize)
      command->add_flag("--add-special", text_args[i].add_special,
                        "with the tokenizer's own ids, such as begin-of-text");
    if (text_args[i].command == TextArgs::kDetokenize)
      command->add_flag("--skip-special", text_args[i].skip_special, "leave special tokens out");
  }

  ModelArgs check_args;
  command = app.add_subcommand("check", "verify all that the loader verifies, and every hash");
  command->add_option("artifact", check_args.artifact, "the artifact (.r1a)")->required();
  command->callback([&] { status = check(check_args); });

  InfoArgs info_args;
  command = app.add_subcommand("info", "what is inside, and whether it runs here");
  command->add_option("artifact", info_args.artifact, "the artifact (.r1a)")->required();
  command->add_flag("--json", info_args.json, "one JSON object on standard output");
  command->callback([&] { status = info(info_args); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0)
      return app.exit(error); // --help, --version
    note(std::string("r1run: error: ") + error.what() + " (r1run --help)");
    return 2;
  }
  if (app.get_subcommands().empty()) {
    note("r1run: error: no command given; expected generate, chat, logits, bench, check, info, tokenize, "
         "detokenize or "
         "render (r1run --help)");
    return 2;
  }
  if (!status.ok() && status.code() != r1::Code::kCancelled)
    note("r1run: error: " + status.message());
  return exit_code(status);
}

} // namespace
} // namespace r1run

int main(int argc, char** argv) {
  std::signal(
      SIGPIPE,
      SIG_IGN); // a closed pipe is an error of the write, so that files are removed and statistics printed
  r1run::catch_interrupts();
  try {
    return r1run::run(argc, argv);
  } catch (const std::exception& error) {
    r1run::note(std::string("r1run: error: this is a defect of r1run: ") + error.what());
    return 70;
  }
}
