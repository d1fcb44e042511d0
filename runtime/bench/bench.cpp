#include "runtime/bench/bench.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "runtime/base/random.h"
#include "runtime/bench/machine.h"

namespace r1::bench {
namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t n = values.size();
  return n == 0 ? 0 : n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

// Share of a launch's weights that `tokens` tokens read: one token activates `fraction` of the experts, and tokens
// choose independently.
double active(double fraction, double tokens) {
  return fraction >= 1 ? 1 : 1 - std::pow(1 - fraction, tokens);
}

struct Runner {
  Session session;
  const Options& options;
  Sampling sampling;
  std::vector<int> sequences;
  std::vector<double> prefills, steps;

  std::vector<int32_t> prompt(uint64_t number) const {
    uint32_t vocab = session.program().model().vocab_size();
    std::vector<int32_t> ids(size_t(options.prompt_tokens));
    uint64_t stream = random_stream(options.seed, number);
    for (size_t i = 0; i < ids.size(); ++i)
      ids[i] = int32_t(random_bits(stream, i) % vocab);
    return ids;
  }

  Status once(bool record) {
    std::vector<Session::Next> nexts;
    std::vector<Choice> choices;
    for (int64_t b = 0; b < options.batch; ++b) {
      R1_ASSIGN_OR_RETURN(int s, session.open_sequence());
      sequences.push_back(s);
      std::vector<int32_t> ids = prompt(uint64_t(b));
      double begin = os::now();
      choices.push_back({sampling, uint64_t(b), 0});
      R1_ASSIGN_OR_RETURN(int32_t first, session.prefill(s, ids, choices.back()));
      if (record)
        prefills.push_back(os::now() - begin);
      nexts.push_back({s, first});
    }
    std::vector<int32_t> ids(nexts.size());
    for (int64_t i = 0; i < options.new_tokens; ++i) {
      for (Choice& c : choices)
        ++c.draw;
      double begin = os::now();
      R1_RETURN_IF_ERROR(session.decode(nexts, choices, ids));
      if (record)
        steps.push_back(os::now() - begin);
      for (size_t b = 0; b < nexts.size(); ++b)
        nexts[b].token = ids[b];
    }
    for (int s : sequences)
      session.close_sequence(s);
    sequences.clear();
    return Status();
  }
};

Measured measured(const std::vector<double>& values) {
  auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {median(values), *low, *high};
}

// As the makers of the model would have it.
Sampling sampling_of(const artifact::Generation& g, uint64_t seed) {
  if (!g.do_sample())
    return {};
  return {g.temperature(), g.top_p(), g.top_k(), seed};
}

} // namespace

Result<Report> run(Program& program, const Options& options) {
  const artifact::Model& m = program.model();
  if (options.prompt_tokens < 1 || options.new_tokens < 1 || options.repetitions < 1)
    return fail(Code::kInvalidArgument, "prompt tokens, new tokens and repetitions must be at least 1");
  if (options.batch < 1 || options.batch > m.max_batch())
    return fail(Code::kInvalidArgument,
                "the batch is %lld, the artifact takes 1 to %u; compile with a larger --max-batch",
                (long long)options.batch, m.max_batch());
  if (options.prompt_tokens + options.new_tokens > m.max_context())
    return fail(
        Code::kContextFull,
        "%lld prompt and %lld new tokens do not fit the context of %u; compile with a larger --max-context",
        (long long)options.prompt_tokens, (long long)options.new_tokens, m.max_context());
  Device& device = program.device();
  Report r;
  R1_ASSIGN_OR_RETURN(Stream stream, Stream::make(device, program.target(), options.stream_bytes));
  r.stream_bytes = stream.bytes();
  std::vector<double> bandwidths, matrix_rates;
  auto measure_machine = [&] {
    bandwidths.push_back(stream.bytes_per_second(device, 5));
    MatrixRate rate = matrix_rate(device, program.target());
    r.matrix_instruction = rate.instruction;
    matrix_rates.push_back(rate.flops_per_second);
  };

  Sampling sampling = sampling_of(*program.index().generation(), options.seed);
  R1_RETURN_IF_ERROR(check_sampling(sampling));
  Runner runner{Session(program), options, sampling, {}, {}, {}};
  R1_RETURN_IF_ERROR(runner.once(false));
  (void)profile(program); // kernels run slower for the first time
  measure_machine();
  for (int i = 0; i < options.repetitions; ++i) {
    R1_RETURN_IF_ERROR(runner.once(true));
    measure_machine();
  }
  r.bandwidth = measured(bandwidths);
  r.matrix_rate = measured(matrix_rates);
  if (r.matrix_rate.median == 0 && options.matrix_rate > 0) {
    r.matrix_rate = {options.matrix_rate, options.matrix_rate, options.matrix_rate};
    r.matrix_instruction = "as given";
  }

  double batch = double(options.batch);
  r.prefill_seconds = median(runner.prefills);
  r.prefill_tokens_per_second = double(options.prompt_tokens) / r.prefill_seconds;
  r.decode_step_seconds = median(runner.steps);
  r.decode_tokens_per_second = batch / r.decode_step_seconds;
  const auto& entries = *program.target().entries();
  for (const artifact::Launch* l :
       *entries.Get(program.entry_for(artifact::EntryKind::Decode, options.batch))->launches())
    r.weight_bytes_per_step += double(l->weight_bytes()) * active(double(l->expert_fraction()), batch);
  // Of the prompt only the last row's logits are wanted; a token attends to itself and those before it.
  double prompt = double(options.prompt_tokens), flops = 0;
  for (const artifact::Launch* l :
       *entries.Get(program.entry_for(artifact::EntryKind::Prefill, options.prompt_tokens))->launches()) {
    bool last = l->rows() == artifact::Dim::LogitRows;
    flops += (last ? 1 : prompt) * double(l->flops_per_token()) +
             (last ? prompt : prompt * (prompt + 1) / 2) * double(l->flops_per_pair());
  }
  r.flops_per_token = flops / prompt;
  double context = double(options.prompt_tokens) + double(options.new_tokens + 1) / 2;
  r.cache_bytes_per_step =
      batch * context * double(m.cache_page_bytes()) / m.page_tokens() * m.cache_layers();
  r.bytes_per_token = (r.weight_bytes_per_step + r.cache_bytes_per_step) / batch;
  if (r.bandwidth.median > 0)
    r.decode_bandwidth_ratio = r.weight_bytes_per_step / r.decode_step_seconds / r.bandwidth.median;
  if (r.matrix_rate.median > 0)
    r.prefill_matrix_ratio = r.flops_per_token * r.prefill_tokens_per_second / r.matrix_rate.median;
  return r;
}

static std::string family_of(std::string_view location) {
  std::string out;
  for (size_t i = 0; i < location.size();) {
    if (location[i] < '0' || location[i] > '9' || (i > 0 && location[i - 1] != '.')) {
      out += location[i++];
      continue;
    }
    while (i < location.size() && location[i] >= '0' && location[i] <= '9')
      ++i;
    out += '*';
  }
  return out;
}

std::vector<ProfileRow> profile(Program& program) {
  std::map<std::tuple<std::string, std::string, std::string>, ProfileRow> rows;
  const artifact::Target& target = program.target();
  for (uint32_t e = 0; e < target.entries()->size(); ++e) {
    const artifact::Entry& entry = *target.entries()->Get(e);
    std::string name = format("%s %u", EnumNameEntryKind(entry.kind()), entry.max_tokens());
    for (const LaunchTime& t : program.device().take_profile(e)) {
      if (t.calls == 0)
        continue;
      const artifact::Launch& l = *entry.launches()->Get(t.launch);
      std::string kernel = target.kernels()->Get(l.kernel())->name()->str(),
                  location = family_of(l.location()->string_view());
      ProfileRow& row = rows[{name, kernel, location}];
      row.entry = name;
      row.kernel = kernel;
      row.location = location;
      row.calls += t.calls;
      row.seconds += t.seconds;
      double calls = double(t.calls), tokens = t.rows / calls;
      row.tokens += t.rows;
      row.weight_bytes += calls * double(l.weight_bytes()) * active(double(l.expert_fraction()), tokens);
      // A decode step's tokens have a context each; a prefill step's share one, and attend to what is before them.
      bool shared = entry.kind() == artifact::EntryKind::Prefill;
      row.cache_bytes += double(l.position_bytes()) * (shared ? t.pairs / tokens : t.pairs);
      double pairs = shared ? t.pairs - t.rows * (tokens - 1) / 2 : t.pairs;
      row.flops += t.rows * double(l.flops_per_token()) + pairs * double(l.flops_per_pair());
    }
  }
  std::vector<ProfileRow> sorted;
  for (auto& [key, row] : rows)
    sorted.push_back(std::move(row));
  std::sort(sorted.begin(), sorted.end(), [](const ProfileRow& a, const ProfileRow& b) {
    return std::tie(b.seconds, a.entry, a.location, a.kernel) <
           std::tie(a.seconds, b.entry, b.location, b.kernel);
  });
  return sorted;
}

double floor_seconds(const ProfileRow& row, double bandwidth, double matrix_rate) {
  double bytes = bandwidth > 0 ? (row.weight_bytes + row.cache_bytes) / bandwidth : 0;
  double flops = matrix_rate > 0 ? row.flops / matrix_rate : 0;
  return std::max(bytes, flops);
}

} // namespace r1::bench
