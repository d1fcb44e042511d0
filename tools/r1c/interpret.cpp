// r1c interpret: logits by the references in float, to hold a compiled artifact against.
#include "compiler/pipeline/InterpretFolder.h"
#include "tools/r1c/commands.h"

#include <CLI/CLI.hpp>

namespace r1::tools {
namespace {

struct Flags {
  pipeline::InterpretOptions options;
  std::string after = "import", fusions;
  int64_t decodeFrom = -1;
};

int run(Flags& flags) {
  auto fail = [](llvm::Error error, int code) {
    std::fprintf(stderr, "r1c: error: %s\n", llvm::toString(std::move(error)).c_str());
    return code;
  };
  auto fusions = pipeline::FusionChoice::parse(flags.fusions);
  if (!fusions)
    return fail(fusions.takeError(), kBadCommandLine);
  flags.options.fusions = std::move(*fusions);
  flags.options.after = *pipeline::parsePhase(flags.after);
  if (flags.decodeFrom >= 0)
    flags.options.decodeFrom = flags.decodeFrom;
  if (llvm::Error error = pipeline::interpretFolder(flags.options))
    return fail(std::move(error), kBadInput);
  return 0;
}

} // namespace

void addInterpret(CLI::App& app, int& code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = app.add_subcommand(
      "interpret", "Logits of a checkpoint folder by interpretation in float32, without code generation");
  pipeline::InterpretOptions& o = flags->options;
  command->add_option("folder", o.folder, "Hugging Face folder")->required();
  command->add_option("--tokens", o.tokens, "File with a JSON list of token ids")->required();
  command->add_option("--out", o.out, "float32 .npy, [tokens, vocabulary]")->required();
  command
      ->add_option("--after", flags->after,
                   "import: the model as it is meant; optimize: with fusions and bf16 roundings")
      ->check(CLI::IsMember({"import", "optimize"}))
      ->capture_default_str();
  command->add_option("--fusions", flags->fusions, "With --after=optimize: +name,-name,+all,-all");
  command->add_option(
      "--target", o.target,
      "With --after=optimize: the target whose fusions these are, as of compile; a CPU without it");
  command->add_option("--chunk", o.chunk, "Tokens of a prefill step")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command->add_option("--decode-from", flags->decodeFrom, "Tokens from here on go one by one through decode")
      ->check(CLI::NonNegativeNumber);
  command->callback([flags, &code] { code = run(*flags); });
}

} // namespace r1::tools
