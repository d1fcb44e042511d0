// Times a program: prefill, decode, and what the machine could have done in the same minute.
#pragma once
#include <string>
#include <vector>

#include "runtime/program/session.h"

namespace r1::bench {

struct Options {
  int64_t prompt_tokens = 128;
  int64_t new_tokens = 32;
  int64_t batch = 1;
  int repetitions = 3;
  uint64_t seed = 0;                         // of the prompts and of what follows them
  uint64_t stream_bytes = uint64_t(2) << 30; // memory streamed to measure bandwidth
  double matrix_rate = 0; // operations a second, where they cannot be measured here: on a GPU
};

struct Measured {
  double median = 0, lowest = 0, highest = 0;
};

// All times and rates are medians: of prefill over repetitions, of decode over every step.
struct Report {
  double prefill_seconds = 0, prefill_tokens_per_second = 0;    // of one sequence
  double decode_step_seconds = 0, decode_tokens_per_second = 0; // all sequences together

  double weight_bytes_per_step =
      0; // read by one decode step; routed experts: expected number of distinct ones
  double cache_bytes_per_step = 0; // read by one decode step at the mean context
  double bytes_per_token = 0;      // both, over the batch
  double flops_per_token = 0;      // of prefill, on average: all that is computed, attention included

  uint64_t stream_bytes = 0;
  // What the machine can do, measured before the first repetition and after each, because it wanders: medians, lowest and highest.
  Measured bandwidth; // bytes a second
  std::string matrix_instruction;
  Measured matrix_rate; // operations a second

  double decode_bandwidth_ratio = 0; // weight bytes a second of decode / bandwidth
  double prefill_matrix_ratio = 0;   // operations a second of prefill / matrix rate
};

Result<Report> run(Program& program, const Options& options);

// Time by launch, for a program opened with DeviceOptions::profile. Sums over the calls.
struct ProfileRow {
  std::string entry, kernel, location; // location with numbers replaced: "layers.*.mlp"
  uint64_t calls = 0;
  double seconds = 0;
  double tokens = 0;
  double weight_bytes = 0; // read: routed experts, the expected number of distinct ones
  double cache_bytes = 0;  // read
  double flops = 0;
};
// What has run since the last call, largest first. run() leaves its measured repetitions.
std::vector<ProfileRow> profile(Program& program);
// The least time these calls could have taken on a machine of those rates: bytes and operations overlap at best. 0: unknown.
double floor_seconds(const ProfileRow& row, double bandwidth, double matrix_rate);

} // namespace r1::bench
