// Compiles text sources, packs them, and opens what the runtime makes of them.
#pragma once
#include "compiler/import/TextAssets.h"
#include "runtime/text/chat_template.h"
#include "runtime/text/tokenizer.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace r1::compiler {

using Json = nlohmann::ordered_json;

inline std::optional<std::string> readFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::vector<Json> readLines(const std::string& path) {
  std::vector<Json> lines;
  std::istringstream text(readFile(path).value_or(""));
  for (std::string line; std::getline(text, line);)
    lines.push_back(Json::parse(line, nullptr, false));
  return lines;
}

inline std::string shared(const std::string& path) {
  const char* folder = std::getenv("R1C_SHARED");
  return std::string(folder ? folder : "") + "/data/" + path;
}

// A tokenizer.json around `model` and `steps`, as small as can be.
inline Json smallTokenizer() {
  return Json{{"version", "1.0"},
              {"added_tokens", Json::array()},
              {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}},
              {"decoder", {{"type", "ByteLevel"}}},
              {"model", {{"type", "BPE"}, {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}}}, {"merges", {"a b"}}}}};
}

// What compileText says is wrong; empty if nothing is.
inline std::string refusal(const TextSources& sources) {
  auto text = compileText(sources);
  return text ? "" : llvm::toString(text.takeError());
}

struct CompiledText {
  explicit CompiledText(const TextSources& sources) {
    auto text = compileText(sources);
    if (!text) {
      ADD_FAILURE() << llvm::toString(text.takeError());
      return;
    }
    builder.Finish(artifact::Text::Pack(builder, text->get()));
    flatbuffers::Verifier verifier(builder.GetBufferPointer(), builder.GetSize());
    EXPECT_TRUE(verifier.VerifyBuffer<artifact::Text>(nullptr));
    table = flatbuffers::GetRoot<artifact::Text>(builder.GetBufferPointer());
    auto opened = text::Tokenizer::open(table);
    EXPECT_TRUE(opened.ok()) << opened.status().message();
    if (opened.ok())
      tokenizer = std::move(*opened);
  }

  std::vector<int32_t> encode(const std::string& text, const text::EncodeOptions& options = {}) const {
    auto ids = tokenizer->encode(text, options);
    EXPECT_TRUE(ids.ok()) << ids.status().message();
    return ids.ok() ? *ids : std::vector<int32_t>();
  }

  flatbuffers::FlatBufferBuilder builder;
  const artifact::Text* table = nullptr;
  std::optional<text::Tokenizer> tokenizer;
};

inline text::Value toValue(const Json& json) {
  using text::Value;
  if (json.is_boolean())
    return Value::boolean(json.get<bool>());
  if (json.is_number_integer())
    return Value::integer(json.get<int64_t>());
  if (json.is_number())
    return Value::real(json.get<double>());
  if (json.is_string())
    return Value::string(json.get<std::string>());
  if (json.is_array()) {
    std::vector<Value> items;
    for (const Json& item : json)
      items.push_back(toValue(item));
    return Value::list(std::move(items));
  }
  if (!json.is_object())
    return Value::none();
  std::vector<std::pair<std::string, Value>> items;
  for (const auto& [key, value] : json.items())
    items.emplace_back(key, toValue(value));
  return Value::dict(std::move(items));
}

// Renders `context`: "messages", "add_generation_prompt" and whatever else the template may ask for.
inline Result<std::string> render(const CompiledText& text, const Json& context) {
  auto chat = text::ChatTemplate::open(text.table);
  if (!chat)
    return chat.status();
  text::ChatTemplate::Variables extra;
  for (const auto& [key, value] : context.items())
    if (key != "messages" && key != "add_generation_prompt")
      extra.emplace_back(key, toValue(value));
  return chat->render(toValue(context["messages"]), context.value("add_generation_prompt", false), extra);
}

} // namespace r1::compiler
