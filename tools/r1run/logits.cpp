// logits: ids in, a matrix out.
#include <nlohmann/json.hpp>

#include "runtime/base/npy.h"
#include "tools/r1run/commands.h"

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

Status logits(const LogitsArgs& args) {
  R1_ASSIGN_OR_RETURN(auto program, open_program(args, 1));
  const artifact::Model& m = program->model();
  R1_ASSIGN_OR_RETURN(std::vector<int32_t> ids, read_tokens(args.tokens, m.vocab_size()));
  size_t prefilled = args.decode_from < 0 ? ids.size() : size_t(args.decode_from);
  if (prefilled > ids.size())
    return fail(Code::kInvalidArgument, "--decode-from is %zu, the list has %zu ids", prefilled, ids.size());
  Session session(*program);
  Interruptible guard(session); // before the file, so that it is removed when interrupted
  R1_ASSIGN_OR_RETURN(int sequence, session.open_sequence());
  R1_ASSIGN_OR_RETURN(NpyWriter out, NpyWriter::create(args.out, ids.size(), m.vocab_size()));
  auto sink = [&](int64_t, int64_t rows, const float* logits) -> Status {
    for (int64_t r = 0; r < rows; ++r)
      R1_RETURN_IF_ERROR(out.append({logits + r * int64_t(m.logits_stride()), m.vocab_size()}));
    return Status();
  };
  Status status = session.prefill(sequence, std::span(ids).first(prefilled), Want::kAll, sink, args.chunk);
  for (size_t i = prefilled; i < ids.size() && status.ok(); ++i) {
    Session::Next next{sequence, ids[i]};
    status = session.decode({&next, 1}, sink);
  }
  R1_RETURN_IF_ERROR(std::move(status));
  return out.finish();
}

} // namespace r1run
