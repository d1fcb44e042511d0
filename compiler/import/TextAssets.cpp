#include "compiler/import/TextAssets.h"

#include "compiler/import/TemplateParser.h"
#include "compiler/import/TextError.h"
#include "compiler/import/TokenizerImport.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <algorithm>

namespace r1::compiler {
namespace {

using nlohmann::json;

llvm::Error readIfThere(llvm::StringRef folder, llvm::StringRef name, std::optional<std::string>& out) {
  llvm::SmallString<256> path(folder);
  llvm::sys::path::append(path, name);
  if (!llvm::sys::fs::exists(path))
    return llvm::Error::success();
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return textError(path.str().str() + ": cannot be read: " + buffer.getError().message());
  out = (*buffer)->getBuffer().str();
  return llvm::Error::success();
}

// A special token is written as text, as an object with 'content', or null.
std::string specialToken(const json& config, const char* name) {
  if (!config.contains(name))
    return {};
  const json& token = config[name];
  if (token.is_string())
    return token;
  if (token.is_object() && token.contains("content") && token["content"].is_string())
    return token["content"];
  return {};
}

// add_bos_token and add_eos_token of tokenizer_config.json, where they are given, decide over the post-processor.
void applyAddFlag(const json& config, const char* flag, const std::string& content,
                  const ImportedTokenizer& imported, std::vector<uint32_t>& ids) {
  auto it = imported.tokenIds.find(content);
  if (!config.contains(flag) || !config[flag].is_boolean() || content.empty() ||
      it == imported.tokenIds.end())
    return;
  auto present = std::find(ids.begin(), ids.end(), it->second);
  if (config[flag] == true && present == ids.end())
    ids.push_back(it->second);
  if (config[flag] == false && present != ids.end())
    ids.erase(present);
}

llvm::Error addTemplate(const std::string& name, const std::string& source, artifact::TextT& text) {
  auto compiled = compileTemplate(name, source);
  if (!compiled)
    return compiled.takeError();
  bool isDefault = name == "default";
  text.templates.insert(isDefault ? text.templates.begin() : text.templates.end(), std::move(*compiled));
  return llvm::Error::success();
}

// chat_template: a text, or a list of {"name", "template"}.
llvm::Error addConfigTemplates(const json& config, bool skipDefault, artifact::TextT& text) {
  if (!config.contains("chat_template") || config["chat_template"].is_null())
    return llvm::Error::success();
  const json& source = config["chat_template"];
  if (source.is_string())
    return skipDefault ? llvm::Error::success() : addTemplate("default", source, text);
  auto bad = [] {
    return textError(
        "tokenizer_config.json: chat_template is neither a text nor a list of {\"name\", \"template\"}");
  };
  if (!source.is_array())
    return bad();
  for (const json& entry : source) {
    if (!entry.is_object() || !entry.contains("name") || !entry["name"].is_string() ||
        !entry.contains("template") || !entry["template"].is_string())
      return bad();
    if (skipDefault && entry["name"] == "default")
      continue;
    if (llvm::Error error = addTemplate(entry["name"], entry["template"], text))
      return error;
  }
  return llvm::Error::success();
}

} // namespace

llvm::Expected<TextSources> readTextSources(llvm::StringRef folder) {
  TextSources sources;
  if (llvm::Error error = readIfThere(folder, "tokenizer.json", sources.tokenizer))
    return error;
  if (llvm::Error error = readIfThere(folder, "tokenizer_config.json", sources.tokenizerConfig))
    return error;
  if (llvm::Error error = readIfThere(folder, "chat_template.jinja", sources.chatTemplate))
    return error;
  return sources;
}

llvm::Expected<std::unique_ptr<artifact::TextT>> compileText(const TextSources& sources) {
  if (!sources.tokenizer)
    return std::unique_ptr<artifact::TextT>();
  json config = json::object();
  if (sources.tokenizerConfig) {
    auto parsed = parseJson(*sources.tokenizerConfig, "tokenizer_config.json");
    if (!parsed)
      return parsed.takeError();
    config = std::move(*parsed);
    if (!config.is_object())
      return textError("tokenizer_config.json: not a JSON object");
  }
  auto tokenizer = parseJson(*sources.tokenizer, "tokenizer.json");
  if (!tokenizer)
    return tokenizer.takeError();
  auto imported = importTokenizer(*tokenizer);
  if (!imported)
    return imported.takeError();
  auto text = std::make_unique<artifact::TextT>();
  text->bos_token = specialToken(config, "bos_token");
  text->eos_token = specialToken(config, "eos_token");
  text->unk_token = specialToken(config, "unk_token");
  text->pad_token = specialToken(config, "pad_token");
  applyAddFlag(config, "add_bos_token", text->bos_token, *imported, imported->table->prefix);
  applyAddFlag(config, "add_eos_token", text->eos_token, *imported, imported->table->suffix);
  text->tokenizer = std::move(imported->table);
  if (sources.chatTemplate)
    if (llvm::Error error = addTemplate("default", *sources.chatTemplate, *text))
      return error;
  if (llvm::Error error = addConfigTemplates(config, sources.chatTemplate.has_value(), *text))
    return error;
  return text;
}

} // namespace r1::compiler
