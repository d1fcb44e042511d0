// The program as people and scripts meet it: what it prints where, its exit codes, and what it leaves behind.
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/wait.h>

#include "test/unit/runtime/testing/fake_model.h"

namespace r1 {
namespace {

using testing::temporary;

struct Ran {
  int code; // exit code, or 128 + signal as a shell tells it
  std::string out, err;
};

std::string text_of(const std::string& path) {
  auto bytes = testing::read_file(path);
  return {bytes.begin(), bytes.end()};
}

// `arguments` go through the shell; `input` to standard input.
Ran run(const std::string& arguments, const std::string& input = "", const std::string& before = "") {
  std::string in = temporary("stdin"), out = temporary("stdout"), err = temporary("stderr");
  testing::write_file(in, {reinterpret_cast<const uint8_t*>(input.data()), input.size()});
  int status =
      system((before + std::string(R1RUN) + " " + arguments + " <" + in + " >" + out + " 2>" + err).c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), text_of(out), text_of(err)};
}

bool exists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

void expect_error(const Ran& ran, int code, const char* part) {
  EXPECT_EQ(ran.code, code) << ran.err;
  EXPECT_EQ(ran.err.rfind("r1run: error: ", 0), 0u) << ran.err;
  EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
  EXPECT_NE(ran.err.find(part), std::string::npos) << ran.err;
}

struct R1run : ::testing::Test {
  static inline std::string model;
  static void SetUpTestSuite() {
    model = temporary("model.r1a");
    testing::write_fake_model(model, {.text = true});
  }
};

TEST_F(R1run, CommandLineMistakesAreTwo) {
  expect_error(run(""), 2, "no command");
  expect_error(run("generate " + model), 2, "--prompt");
  expect_error(run("generate " + model + " --prompt x --threads 0"), 2, "threads");
  expect_error(run("frobnicate"), 2, "frobnicate");
  expect_error(run("bench " + model + " --batch -1"), 2, "batch");
  EXPECT_EQ(run("--help").code, 0);
  EXPECT_EQ(run("generate --help").code, 0);
  EXPECT_EQ(run("--version").out.rfind("r1run ", 0), 0u);
}

TEST_F(R1run, BadArtifactsAreOne) {
  expect_error(run("generate /nothing.r1a --prompt x"), 1, "/nothing.r1a");
  auto bytes = testing::read_file(model);
  bytes[bytes.size() - 100] ^= 1;
  testing::write_file(temporary("bad.r1a"), bytes);
  for (const char* command : {"generate --prompt x", "chat", "logits --tokens x --out y", "bench", "check",
                              "info", "tokenize", "render"}) {
    Ran ran = run(std::string(command) + " " + temporary("bad.r1a"));
    expect_error(ran, 1, "damaged");
  }
}

TEST_F(R1run, GenerateIsTheModelsText) {
  Ran a = run("generate " + model + " --prompt hi --max-tokens 20 --temperature 0");
  EXPECT_EQ(a.code, 0) << a.err;
  EXPECT_NE(a.err.find("20 new"), std::string::npos) << a.err;
  EXPECT_NE(a.err.find("stopped by token limit"), std::string::npos) << a.err;
  EXPECT_EQ(run("generate " + model + " --prompt hi --max-tokens 20 --temperature 0 --threads 1").out, a.out);
  Ran raw =
      run("generate " + model + " --raw --prompt '[user]hi[assistant]' --max-tokens 20 --temperature 0");
  EXPECT_EQ(raw.out, a.out);
  EXPECT_EQ(run("generate " + model + " --prompt - --max-tokens 20 --temperature 0", "hi").out, a.out);
  std::string sampled = " --prompt hi --max-tokens 20 --temperature 1 --top-p 0.9 --seed ";
  Ran seven = run("generate " + model + sampled + "7");
  EXPECT_EQ(run("generate " + model + sampled + "7").out, seven.out);
  EXPECT_NE(run("generate " + model + sampled + "8").out, seven.out);
  EXPECT_NE(seven.err.find("seed 7"), std::string::npos) << seven.err;
  Ran full = run("generate " + model + " --prompt hi --ignore-eos");
  EXPECT_EQ(full.code, 0);
  EXPECT_NE(full.err.find("context full"), std::string::npos) << full.err;
  expect_error(run("generate " + model + " --prompt " + std::string(300, 'x')), 1, "context");
}

TEST_F(R1run, ChatKeepsTheConversation) {
  Ran ran = run("chat " + model + " --max-tokens 5 --temperature 0", "one\ntwo\n\n");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.err.find("from the cache"), std::string::npos) << ran.err;
}

TEST_F(R1run, LogitsByEveryWayAreTheSame) {
  std::string tokens = temporary("ids.json"), out = temporary("out.npy"), json = "[";
  for (int i = 0; i < 100; ++i)
    json += (i ? "," : "") + std::to_string(i * 37 % testing::kVocab);
  json += "]";
  testing::write_file(tokens, {reinterpret_cast<const uint8_t*>(json.data()), json.size()});
  std::string command = "logits " + model + " --tokens " + tokens + " --out " + out;
  Ran first = run(command);
  EXPECT_EQ(first.code, 0) << first.err;
  std::string bytes = text_of(out);
  size_t data = bytes.size() - 100 * testing::kVocab * 4;
  std::vector<int32_t> ids;
  for (int i = 0; i < 100; ++i) {
    ids.push_back(i * 37 % testing::kVocab);
    float value;
    memcpy(&value, bytes.data() + data + (size_t(i) * testing::kVocab + 11) * 4, 4);
    ASSERT_EQ(value, testing::expected_logit(ids, 11)) << "row " << i;
  }
  for (const char* more : {" --chunk 1", " --chunk 7", " --decode-from 0", " --decode-from 99",
                           " --decode-from 100", " --threads 2"}) {
    EXPECT_EQ(run(command + more).code, 0) << more;
    EXPECT_EQ(text_of(out), bytes) << more;
  }
}

TEST_F(R1run, LogitsAreComparedWithWhatIsExpected) {
  std::string tokens = temporary("ids.json"), out = temporary("expected.npy"), json = "[5,6,7]";
  testing::write_file(tokens, {reinterpret_cast<const uint8_t*>(json.data()), json.size()});
  std::string command = "logits " + model + " --tokens " + tokens;
  expect_error(run(command), 1, "--expect");
  expect_error(run(command + " --out " + out + " --tolerance 0.5"), 2, "--expect");
  ASSERT_EQ(run(command + " --out " + out).code, 0);
  Ran same = run(command + " --decode-from 1 --expect " + out);
  EXPECT_EQ(same.code, 0) << same.err;
  EXPECT_NE(same.out.find("3 rows differ"), std::string::npos) << same.out;
  const std::string bytes = text_of(out);
  const auto expect = [&](float value, const char* tolerance, int code) {
    std::string changed = bytes;
    memcpy(changed.data() + changed.size() - 4, &value, 4);
    testing::write_file(out, {reinterpret_cast<const uint8_t*>(changed.data()), changed.size()});
    Ran ran = run(command + " --expect " + out + " --tolerance " + tolerance);
    EXPECT_EQ(ran.code, code) << ran.err;
    EXPECT_NE((code ? ran.err : ran.out).find("at position 2"), std::string::npos) << ran.err;
  };
  float last;
  memcpy(&last, bytes.data() + bytes.size() - 4, 4);
  expect(last * 2 + 1, "0", 1);
  expect(last * 2 + 1, "1", 0);
  expect(NAN, "1", 1);
  testing::write_file(tokens, {reinterpret_cast<const uint8_t*>("[1,2]"), 5});
  expect_error(run(command + " --expect " + out), 1, "shape (2, ");
}

TEST_F(R1run, LogitsRefusesWithoutLeavingAFile) {
  std::string tokens = temporary("ids.json"), out = temporary("never.npy");
  for (const char* json : {"[]", "{", "[1.5]", "[320]", "[-1]", "[\"1\"]", "1", "[1,2,"}) {
    testing::write_file(tokens, {reinterpret_cast<const uint8_t*>(json), strlen(json)});
    expect_error(run("logits " + model + " --tokens " + tokens + " --out " + out), 1, "ids.json");
    EXPECT_FALSE(exists(out)) << json;
  }
  testing::write_file(tokens, {reinterpret_cast<const uint8_t*>("[1,2]"), 5});
  expect_error(run("logits " + model + " --tokens " + tokens + " --out " + out + " --decode-from 3"), 1,
               "--decode-from");
  expect_error(run("logits " + model + " --tokens " + tokens + " --out /dev/full"), 1, "No space left");
  expect_error(run("logits " + model + " --tokens " + tokens + " --out /no/such/folder/x.npy"), 1,
               "/no/such/folder/x.npy");
  EXPECT_FALSE(exists(out));
}

TEST_F(R1run, TextCommandsSpeakJsonLines) {
  EXPECT_EQ(run("tokenize " + model, "{\"text\": \"hé\"}\n{\"text\": \"<think>\"}\n").out,
            "{\"ids\":[104,195,169]}\n{\"ids\":[256]}\n");
  EXPECT_EQ(run("detokenize " + model, "{\"ids\": [104,195,169]}").out, "{\"text\":\"hé\"}\n");
  Ran rendered = run("render " + model,
                     R"({"messages": [{"role": "user", "content": "x"}], "add_generation_prompt": true})");
  auto json = nlohmann::json::parse(rendered.out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << rendered.out << rendered.err;
  EXPECT_EQ(json["rendered"], "[user]x[assistant]");
  EXPECT_EQ(json["ids"].size(), 18u);
  Ran bad = run("tokenize " + model, "{\"text\": \"a\"}\n\nnot json\n");
  EXPECT_EQ(bad.out, "{\"ids\":[97]}\n");
  expect_error(bad, 1, "line 3");
  expect_error(run("detokenize " + model, "{\"ids\": [5000]}"), 1, "line 1");
  expect_error(run("tokenize " + model, std::string(100000, '[')), 1, "line 1");
}

TEST_F(R1run, OutputThatNobodyReadsOrThatIsFull) {
  std::string pipe = std::string(R1RUN) + " generate " + model + " --prompt hi --ignore-eos 2>" +
                     temporary("stderr") + " | head -c 1 >" + temporary("stdout");
  EXPECT_EQ(system(("bash -c 'set -o pipefail; " + pipe + "'").c_str()), 0) << text_of(temporary("stderr"));
  std::string full =
      std::string(R1RUN) + " generate " + model + " --prompt hi >/dev/full 2>" + temporary("stderr");
  int status = system(full.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_NE(text_of(temporary("stderr")).find("No space left"), std::string::npos);
}

TEST_F(R1run, InterruptedWhileItWaitsForALine) {
  std::string fifo = temporary("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  // Open for both reading and writing, so that the line never comes and the input never ends.
  std::string command = "timeout -k 5 --preserve-status -s INT 0.5 " + std::string(R1RUN) + " chat " + model +
                        " <>" + fifo + " >/dev/null 2>&1";
  int status = system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 130);
}

TEST_F(R1run, BenchPrintsJson) {
  testing::write_fake_model(temporary("none.r1a"), {.weights = false});
  expect_error(run("bench " + temporary("none.r1a")), 1, "--random-weights");
  Ran ran = run(
      "bench " + temporary("none.r1a") +
      " --random-weights 1 --prompt-tokens 20 --new-tokens 5 --json --profile --threads 1 --stream-mib 64");
  auto json = nlohmann::json::parse(ran.out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << ran.out << ran.err;
  for (const char* key : {"prefill_tokens_per_second", "decode_tokens_per_second", "bandwidth", "matrix_rate",
                          "decode_bandwidth_ratio", "prefill_matrix_ratio", "bytes_per_token"})
    EXPECT_TRUE(json[key].is_number()) << key;
  EXPECT_FALSE(json["profile"].empty());
}

TEST_F(R1run, CheckAndInfo) {
  Ran check = run("check " + model);
  EXPECT_EQ(check.code, 0) << check.err;
  EXPECT_NE(check.out.find("sound"), std::string::npos);
  EXPECT_NE(run("info " + model).out.find("runs here, chosen"), std::string::npos);
  auto json = nlohmann::json::parse(run("info --json " + model).out, nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["model"]["vocab_size"], testing::kVocab);
}

// libsimcuda.so lies beside r1run, so nothing but the target's name is needed.
TEST_F(R1run, ASimulatedGpuGivesTheCpusText) {
  using artifact::Device;
  std::string both = temporary("both.r1a");
  testing::write_fake_model(both, {.text = true, .devices = {Device::Cpu, Device::Sim}});
  std::string command = " " + both + " --prompt hi --max-tokens 20 --temperature 0";
  Ran cpu = run("generate" + command), gpu = run("generate --target sim:sm_90a" + command);
  EXPECT_EQ(gpu.code, 0) << gpu.err;
  EXPECT_EQ(gpu.out, cpu.out);
  EXPECT_NE(run("info " + both).out.find("sim:sm_90a (sm_90a), 6 kernels"), std::string::npos);
  EXPECT_EQ(run("check " + both).code, 0);
  Ran bench =
      run("bench --target sim:sm_90a --prompt-tokens 5 --new-tokens 2 --stream-mib 16 --profile " + both);
  EXPECT_EQ(bench.code, 0) << bench.err;
  EXPECT_EQ(bench.out.find("GFLOP/s    ("), std::string::npos)
      << "a matrix rate that nobody measured: " << bench.out;
  std::string simulated = "generate --target sim:sm_90a" + command;
  expect_error(run(simulated, "", "R1_SIMCUDA=chip=80 "), 1, "--target sim:sm_80");
  expect_error(run(simulated, "", "R1_SIMCUDA=memory=1KiB "), 1, "of GPU memory");
  expect_error(run(simulated, "", "R1_SIMCUDA=launch_fails=9 "), 1, "a kernel failed on the GPU");
  expect_error(run(simulated, "", "R1_SIMCUDA=devices=0 "), 1, "no GPU");
  expect_error(run(simulated, "", "R1_CUDA_LIBRARY=/no/libcuda.so "), 1, "/no/libcuda.so");
}

} // namespace
} // namespace r1
