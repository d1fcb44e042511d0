// tokenize, detokenize, render: a JSON object a line in, one a line out.
#include <nlohmann/json.hpp>

#include "runtime/program/prompt.h"
#include "runtime/text/value.h"
#include "tools/r1run/commands.h"
#include "tools/r1run/output.h"

namespace r1run {

using namespace r1;
using nlohmann::json;

namespace {

text::Value to_value(const json& j) {
  switch (j.type()) {
  case json::value_t::boolean:
    return text::Value::boolean(j.get<bool>());
  case json::value_t::number_integer:
  case json::value_t::number_unsigned:
    return text::Value::integer(j.get<int64_t>());
  case json::value_t::number_float:
    return text::Value::real(j.get<double>());
  case json::value_t::string:
    return text::Value::string(j.get<std::string>());
  case json::value_t::array: {
    std::vector<text::Value> items;
    for (const json& item : j)
      items.push_back(to_value(item));
    return text::Value::list(std::move(items));
  }
  case json::value_t::object: {
    std::vector<std::pair<std::string, text::Value>> items;
    for (auto& [key, value] : j.items())
      items.emplace_back(key, to_value(value));
    return text::Value::dict(std::move(items));
  }
  default:
    return text::Value::none();
  }
}

int depth(const json& j) {
  int deepest = 0;
  if (j.is_structured())
    for (const json& item : j)
      deepest = std::max(deepest, depth(item));
  return deepest + 1;
}

Result<nlohmann::ordered_json> tokenize_line(const Prompt& prompt, const TextArgs& args, const json& in) {
  if (!in.contains("text") || !in["text"].is_string())
    return fail(Code::kInvalidArgument, "expected {\"text\": \"...\"}");
  R1_ASSIGN_OR_RETURN(auto ids, prompt.tokenizer().encode(in["text"].get_ref<const std::string&>(),
                                                          {.add_special = args.add_special}));
  return nlohmann::ordered_json{{"ids", ids}};
}

Result<nlohmann::ordered_json> detokenize_line(const Prompt& prompt, const TextArgs& args, const json& in) {
  if (!in.contains("ids") || !in["ids"].is_array())
    return fail(Code::kInvalidArgument, "expected {\"ids\": [...]}");
  std::vector<int32_t> ids;
  for (const json& id : in["ids"]) {
    if (!id.is_number_integer() || id < 0 || id >= prompt.tokenizer().vocab_size())
      return fail(Code::kInvalidArgument, "item %zu of ids is %s, expected a token id from 0 to %u",
                  ids.size(), id.dump(-1, ' ', true, json::error_handler_t::replace).c_str(),
                  prompt.tokenizer().vocab_size() - 1);
    ids.push_back(id.get<int32_t>());
  }
  return nlohmann::ordered_json{{"text", prompt.tokenizer().decode(ids, args.skip_special)}};
}

Result<nlohmann::ordered_json> render_line(const Prompt& prompt, const TextArgs&, const json& in) {
  if (!in.contains("messages") || !in["messages"].is_array())
    return fail(Code::kInvalidArgument, "expected {\"messages\": [{\"role\": ..., \"content\": ...}, ...]}");
  bool add_generation_prompt = false;
  text::ChatTemplate::Variables extra;
  for (auto& [key, value] : in.items()) {
    if (key == "add_generation_prompt" && value.is_boolean()) {
      add_generation_prompt = value.get<bool>();
    } else if (key != "messages") {
      extra.emplace_back(key, to_value(value));
    }
  }
  R1_ASSIGN_OR_RETURN(std::string rendered,
                      prompt.render(to_value(in["messages"]), add_generation_prompt, extra));
  R1_ASSIGN_OR_RETURN(auto ids, prompt.encode_rendered(rendered));
  return nlohmann::ordered_json{{"rendered", rendered}, {"ids", ids}};
}

} // namespace

Status text_lines(const TextArgs& args) {
  R1_ASSIGN_OR_RETURN(auto reader, artifact::Reader::open(args.artifact));
  R1_ASSIGN_OR_RETURN(Prompt prompt, Prompt::open(reader->index()));
  auto convert = args.command == TextArgs::kTokenize     ? tokenize_line
                 : args.command == TextArgs::kDetokenize ? detokenize_line
                                                         : render_line;
  Lines lines;
  std::string line;
  for (int64_t number = 1;; ++number) {
    R1_ASSIGN_OR_RETURN(bool more, lines.next(line));
    if (!more)
      return Status();
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    json in = json::parse(line, nullptr, false);
    if (!in.is_object())
      return fail(Code::kInvalidArgument, "line %lld of the input is not a JSON object", (long long)number);
    if (depth(in) > 100)
      return fail(Code::kInvalidArgument, "line %lld of the input is nested too deep", (long long)number);
    auto out = convert(prompt, args, in);
    if (!out.ok())
      return out.status().at(format("line %lld of the input", (long long)number));
    R1_RETURN_IF_ERROR(print(out->dump(-1, ' ', false, json::error_handler_t::replace) + "\n"));
  }
}

} // namespace r1run
