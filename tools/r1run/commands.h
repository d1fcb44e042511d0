// The commands of r1run: what each was asked for on the command line, and the function that does it.
#pragma once
#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "runtime/program/session.h"

namespace r1run {

// Every command that opens a model has these.
struct ModelArgs {
  std::string artifact;
  std::string target;
  int threads = 0;
  int64_t context = 0;     // tokens the cache has room for, of each sequence; 0: all that the artifact allows
  uint64_t memory_mib = 0; // 0: what the system has
  bool map = false;
  bool verify = false;
};

struct LogitsArgs : ModelArgs {
  std::string tokens, out, expect;
  double tolerance = 0;
  int64_t chunk = 0;
  int64_t decode_from = -1;
};

struct BenchArgs : ModelArgs {
  std::optional<uint64_t> random_weights;
  int64_t prompt_tokens = 128, new_tokens = 32, batch = 1;
  int repetitions = 3;
  uint64_t stream_mib = 2048;
  double matrix_tflops = 0;
  std::string out;
  bool json = false, profile = false;
};

struct InfoArgs : ModelArgs {
  bool json = false;
};

struct GenerateArgs : ModelArgs {
  std::string prompt, system;
  std::optional<float> temperature, top_p;
  std::optional<int32_t> top_k;
  std::optional<uint64_t> seed;
  int64_t max_tokens = 0;
  std::vector<std::string> stop;
  bool raw = false, hide_thinking = false, ignore_eos = false;
};

struct TextArgs {
  enum Command { kTokenize, kDetokenize, kRender } command;
  std::string artifact;
  bool add_special = false, skip_special = false;
};

r1::Status generate(const GenerateArgs& args);
r1::Status chat(const GenerateArgs& args);
r1::Status text_lines(const TextArgs& args);
r1::Status logits(const LogitsArgs& args);
r1::Status bench(const BenchArgs& args);
r1::Status info(const InfoArgs& args);
r1::Status check(const ModelArgs& args);

// Opens the model with room for `sequences` sequences.
r1::Result<std::unique_ptr<r1::Program>> open_program(const ModelArgs& args, int64_t sequences,
                                                      r1::DeviceOptions device = {});

// The session that Ctrl-C stops, and whether it did. Where there is none, Ctrl-C ends the program at once.
extern std::atomic<r1::Session*> interruptible;
extern std::atomic<bool> interrupted;

// Makes Ctrl-C stop the session for as long as this lives.
class Interruptible {
public:
  explicit Interruptible(r1::Session& session) { interruptible = &session; }
  ~Interruptible() { interruptible = nullptr; }
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;
};

} // namespace r1run
