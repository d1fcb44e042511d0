// logits: ids in, a matrix out, or compared with one.
#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/base/npy.h"
#include "tools/r1run/commands.h"
#include "tools/r1run/output.h"

namespace r1run {

using namespace r1;

static Result<std::vector<int32_t>> read_tokens(const std::string& path, uint32_t vocab) {
  R1_ASSIGN_OR_RETURN(os::File file, os::File::open(path));
  std::string text(file.bytes(), '\0');
  R1_RETURN_IF_ERROR(file.read(0, {reinterpret_cast<uint8_t*>(text.data()), text.size()}));
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_array() || json.empty())
    return fail(Code::kInvalidArgument, "%s: not a JSON list of token ids, such as [1, 2, 3]", path.c_str());
  std::vector<int32_t> ids;
  for (const nlohmann::json& item : json) {
    if (!item.is_number_integer() || item < 0 || item >= vocab)
      return fail(Code::kInvalidArgument, "%s: item %zu is %s, expected a token id from 0 to %u",
                  path.c_str(), ids.size(),
                  item.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace).c_str(), vocab - 1);
    ids.push_back(item.get<int32_t>());
  }
  return ids;
}

// The difference from what is expected, over all logits: NaN is never lost.
class Comparison {
public:
  Comparison(std::vector<float> expected, size_t columns)
      : expected_(std::move(expected)), columns_(columns) {}

  void add(const float* row) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < columns_; ++i) {
      double e = expected_[rows_ * columns_ + i], d = double(row[i]) - e;
      difference += d * d;
      size += e * e;
    }
    if (double error = std::sqrt(difference / size); !(error <= worst_))
      worst_ = error, worst_row_ = rows_;
    difference_ += difference;
    size_ += size;
    ++rows_;
  }

  Status finish(const std::string& name, double tolerance) const {
    double error = std::sqrt(difference_ / size_);
    std::string text = format("%zu rows differ from %s by %.3g of its norm, at worst %.3g at position %zu",
                              rows_, name.c_str(), error, worst_, worst_row_);
    if (!(error <= tolerance))
      return fail(Code::kInvalidArgument, "%s; %.3g is allowed", text.c_str(), tolerance);
    return print(text + "\n");
  }

private:
  std::vector<float> expected_;
  size_t columns_, rows_ = 0, worst_row_ = 0;
  double difference_ = 0, size_ = 0, worst_ = 0;
};

Status logits(const LogitsArgs& args) {
  if (args.out.empty() && args.expect.empty())
    return fail(Code::kInvalidArgument, "logits are asked for by --out, --expect or both");
  R1_ASSIGN_OR_RETURN(auto program, open_program(args, 1));
  const artifact::Model& m = program->model();
  R1_ASSIGN_OR_RETURN(std::vector<int32_t> ids, read_tokens(args.tokens, m.vocab_size()));
  size_t prefilled = args.decode_from < 0 ? ids.size() : size_t(args.decode_from);
  if (prefilled > ids.size())
    return fail(Code::kInvalidArgument, "--decode-from is %zu, the list has %zu ids", prefilled, ids.size());
  Session session(*program);
  Interruptible guard(session); // before the file, so that it is removed when interrupted
  R1_ASSIGN_OR_RETURN(int sequence, session.open_sequence());
  std::optional<NpyWriter> out;
  if (!args.out.empty()) {
    R1_ASSIGN_OR_RETURN(NpyWriter writer, NpyWriter::create(args.out, ids.size(), m.vocab_size()));
    out.emplace(std::move(writer));
  }
  std::optional<Comparison> comparison;
  if (!args.expect.empty()) {
    R1_ASSIGN_OR_RETURN(std::vector<float> expected, read_npy(args.expect, ids.size(), m.vocab_size()));
    comparison.emplace(std::move(expected), m.vocab_size());
  }
  auto sink = [&](int64_t, int64_t rows, const float* logits) -> Status {
    for (int64_t r = 0; r < rows; ++r) {
      const float* row = logits + r * int64_t(m.logits_stride());
      if (out)
        R1_RETURN_IF_ERROR(out->append({row, m.vocab_size()}));
      if (comparison)
        comparison->add(row);
    }
    return Status();
  };
  Status status = session.prefill(sequence, std::span(ids).first(prefilled), Want::kAll, sink, args.chunk);
  for (size_t i = prefilled; i < ids.size() && status.ok(); ++i) {
    Session::Next next{sequence, ids[i]};
    status = session.decode({&next, 1}, sink);
  }
  R1_RETURN_IF_ERROR(std::move(status));
  if (out)
    R1_RETURN_IF_ERROR(out->finish());
  return comparison ? comparison->finish(args.expect, args.tolerance) : Status();
}

} // namespace r1run
