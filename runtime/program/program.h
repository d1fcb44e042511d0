// An opened artifact on a device: the model, ready to run steps.
#pragma once
#include <memory>
#include <string>

#include "runtime/device/device.h"

namespace r1 {

struct ProgramOptions {
  std::string target; // name of a target of the artifact; empty: the best that this machine runs
  DeviceOptions device;
};

// One thread at a time may use a Program.
class Program {
public:
  static Result<std::unique_ptr<Program>> open(const std::string& path, const ProgramOptions& options = {});

  const artifact::Reader& reader() const { return *reader_; }
  const artifact::Artifact& index() const { return reader_->index(); }
  const artifact::Model& model() const { return *index().model(); }
  const artifact::Target& target() const { return *target_; }
  Device& device() const { return *device_; }

  // The entry of a kind that runs `tokens` tokens with the least waste: the smallest that holds them, else the largest.
  uint32_t entry_for(artifact::EntryKind kind, int64_t tokens) const;

private:
  std::unique_ptr<artifact::Reader> reader_;
  const artifact::Target* target_ = nullptr;
  std::unique_ptr<Device> device_;
};

// Ok where this machine runs the target; else kUnsupported, with cause and cure.
Status can_run(const artifact::Artifact& artifact, const artifact::Target& target);

// Loads the code of a target that can run here and finds every kernel in it.
Status check_image(const artifact::Reader& reader, const artifact::Target& target);

// The named target, or with an empty name the best of those that this machine runs: a GPU before the CPU, a simulation never.
Result<const artifact::Target*> choose_target(const artifact::Artifact& artifact, const std::string& name);

} // namespace r1
