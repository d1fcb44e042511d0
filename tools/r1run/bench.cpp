// bench: a table for people, one JSON object for programs.
#include <nlohmann/json.hpp>

#include "runtime/base/os.h"
#include "runtime/bench/bench.h"
#include "tools/r1run/commands.h"
#include "tools/r1run/output.h"

namespace r1run {

using namespace r1;

static nlohmann::ordered_json to_json(const Program& program, const BenchArgs& args, const bench::Report& r) {
  return {{"model", program.model().name()->str()},
          {"target", program.target().name()->str()},
          {"threads", program.device().threads()},
          {"batch", args.batch},
          {"prompt_tokens", args.prompt_tokens},
          {"new_tokens", args.new_tokens},
          {"repetitions", args.repetitions},
          {"prefill_tokens_per_second", r.prefill_tokens_per_second},
          {"prefill_seconds", r.prefill_seconds},
          {"decode_tokens_per_second", r.decode_tokens_per_second},
          {"decode_step_seconds", r.decode_step_seconds},
          {"weight_bytes_per_step", r.weight_bytes_per_step},
          {"cache_bytes_per_step", r.cache_bytes_per_step},
          {"bytes_per_token", r.bytes_per_token},
          {"flops_per_token", r.flops_per_token},
          {"stream_bytes", r.stream_bytes},
          {"bandwidth", r.bandwidth.median},
          {"bandwidth_lowest", r.bandwidth.lowest},
          {"bandwidth_highest", r.bandwidth.highest},
          {"matrix_instruction", r.matrix_instruction},
          {"matrix_rate", r.matrix_rate.median},
          {"matrix_rate_lowest", r.matrix_rate.lowest},
          {"matrix_rate_highest", r.matrix_rate.highest},
          {"decode_bandwidth_ratio", r.decode_bandwidth_ratio},
          {"prefill_matrix_ratio", r.prefill_matrix_ratio}};
}

static std::string table(const Program& program, const BenchArgs& args, const bench::Report& r) {
  std::string text = format(
      "%s, %s, %d threads, batch %lld, %lld prompt and %lld new tokens, medians of %d runs\n",
      program.model().name()->c_str(), program.target().name()->c_str(), program.device().threads(),
      (long long)args.batch, (long long)args.prompt_tokens, (long long)args.new_tokens, args.repetitions);
  text +=
      format("prefill    %10.1f tokens/s   %.3g GFLOP/token   %.1f GFLOP/s   ", r.prefill_tokens_per_second,
             r.flops_per_token / 1e9, r.flops_per_token * r.prefill_tokens_per_second / 1e9);
  text += r.matrix_rate.median > 0
              ? format("%5.1f %% of %s\n", 100 * r.prefill_matrix_ratio, r.matrix_instruction.c_str())
              : "matrix rate unknown\n";
  text += format("decode     %10.1f tokens/s   %.3f MB/token      %.2f GB/s      %5.1f %% of the stream\n",
                 r.decode_tokens_per_second, r.bytes_per_token / 1e6,
                 r.weight_bytes_per_step / r.decode_step_seconds / 1e9, 100 * r.decode_bandwidth_ratio);
  text += format("bandwidth  %10.2f GB/s       (%.2f to %.2f, %s streamed)\n", r.bandwidth.median / 1e9,
                 r.bandwidth.lowest / 1e9, r.bandwidth.highest / 1e9, size(double(r.stream_bytes)).c_str());
  if (r.matrix_rate.median > 0)
    text += format("matrix     %10.1f GFLOP/s    (%.1f to %.1f, %s)\n", r.matrix_rate.median / 1e9,
                   r.matrix_rate.lowest / 1e9, r.matrix_rate.highest / 1e9, r.matrix_instruction.c_str());
  return text;
}

static Status write_file(const std::string& path, const std::string& text) {
  R1_ASSIGN_OR_RETURN(os::OutputFile file, os::OutputFile::create(path));
  R1_RETURN_IF_ERROR(file.write({reinterpret_cast<const uint8_t*>(text.data()), text.size()}));
  return file.commit();
}

static nlohmann::ordered_json to_json(const bench::ProfileRow& row, const bench::Report& r) {
  return {{"entry", row.entry},
          {"location", row.location},
          {"kernel", row.kernel},
          {"calls", row.calls},
          {"seconds", row.seconds},
          {"tokens", row.tokens},
          {"weight_bytes", row.weight_bytes},
          {"cache_bytes", row.cache_bytes},
          {"flops", row.flops},
          {"floor_seconds", bench::floor_seconds(row, r.bandwidth.median, r.matrix_rate.median)}};
}

// Bytes are those of weights and cache, the floor is the time that they, or the operations, take at the machine's rates.
static std::string table(const std::vector<bench::ProfileRow>& rows, const bench::Report& r) {
  double total = 0;
  for (const bench::ProfileRow& row : rows)
    total += row.seconds;
  std::string text = "\n  share      us/call     calls    MB/call      GB/s  GFLOP/call   TFLOP/s  of floor  "
                     "entry, place, kernel\n";
  for (const bench::ProfileRow& row : rows) {
    double calls = double(row.calls), bytes = row.weight_bytes + row.cache_bytes;
    text += format("%6.1f %% %12.1f %9llu %10.3f %9.1f %11.4f %9.2f %7.1f %%  %s  %s  %s\n",
                   100 * row.seconds / total, 1e6 * row.seconds / calls, (unsigned long long)row.calls,
                   bytes / calls / 1e6, bytes / row.seconds / 1e9, row.flops / calls / 1e9,
                   row.flops / row.seconds / 1e12,
                   100 * bench::floor_seconds(row, r.bandwidth.median, r.matrix_rate.median) / row.seconds,
                   row.entry.c_str(), row.location.c_str(), row.kernel.c_str());
  }
  return text;
}

Status bench(const BenchArgs& args) {
  DeviceOptions device;
  device.random_weights = args.random_weights.has_value();
  device.random_seed = args.random_weights.value_or(0);
  device.profile = args.profile;
  R1_ASSIGN_OR_RETURN(auto program, open_program(args, args.batch, device));
  bench::Options options;
  options.prompt_tokens = args.prompt_tokens;
  options.new_tokens = args.new_tokens;
  options.batch = args.batch;
  options.repetitions = args.repetitions;
  options.seed = args.random_weights.value_or(0);
  options.stream_bytes = args.stream_mib << 20;
  options.matrix_rate = args.matrix_tflops * 1e12;
  R1_ASSIGN_OR_RETURN(bench::Report report, bench::run(*program, options));
  std::vector<bench::ProfileRow> rows;
  if (args.profile)
    rows = bench::profile(*program);
  nlohmann::ordered_json json = to_json(*program, args, report);
  for (const bench::ProfileRow& row : rows)
    json["profile"].push_back(to_json(row, report));
  std::string object = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (!args.out.empty())
    R1_RETURN_IF_ERROR(write_file(args.out, object));
  if (args.json)
    return print(object);
  std::string text = table(*program, args, report);
  if (!rows.empty())
    text += table(rows, report);
  return print(text);
}

} // namespace r1run
