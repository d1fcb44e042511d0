// A model whose logits are a known function of every token of its sequence, in an artifact with a real CPU image. What
// the runtime makes of pages, chunks, batches and threads can be compared with that function exactly.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "runtime/artifact/artifact_generated.h"

namespace r1::testing {

inline constexpr int kVocab = 320, kMaxContext = 250, kMaxBatch = 5, kPrefill = 48;

// Logit `column` after the tokens `ids`.
float expected_logit(std::span<const int32_t> ids, int column);
// The greedy choice after `ids`.
int32_t expected_next(std::span<const int32_t> ids);

struct FakeOptions {
  bool text =
      false; // a tokenizer of bytes, 256 "<think>", 257 "</think>", and the template of fake_model.cpp
  bool weights = true;        // false: as --weights=none
  std::string side_file = {}; // weights in a file of this name beside the artifact
  // A target for each, named as device_target() says. Those for GPUs run on simcuda: their images are built for the host.
  std::vector<artifact::Device> devices = {artifact::Device::Cpu};
  std::function<void(artifact::ArtifactT&)> change = {}; // before the index is written
};

// Writes the artifact; fails the running test where it cannot.
void write_fake_model(const std::string& path, const FakeOptions& options = {});

// "cpu:x86-64", "sm_90a", "sim:sm_90a".
const char* device_target(artifact::Device device);

// A path in the test's own temporary folder.
std::string temporary(const std::string& name);
std::vector<uint8_t> read_file(const std::string& path);
void write_file(const std::string& path, std::span<const uint8_t> bytes);

} // namespace r1::testing
