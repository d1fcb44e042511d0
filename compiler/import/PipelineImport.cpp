#include "compiler/import/PipelineImport.h"

#include "compiler/import/RegexCompiler.h"
#include "compiler/import/TextError.h"

#include <optional>

namespace r1::compiler {
namespace {

#include "compiler/import/UnicodeCanonical.inc"

using nlohmann::json;
constexpr size_t kMaxSteps = 64; // runtime/text refuses more

// The pattern that ByteLevel with use_regex applies (GPT-2's).
constexpr const char* kByteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

llvm::Error bad(const std::string& what) { return textError("tokenizer.json: " + what); }

std::string typeOf(const json& step) {
  return step.is_object() && step.contains("type") && step["type"].is_string()
             ? step["type"].get<std::string>()
             : std::string("?");
}

bool flag(const json& step, const char* name, bool otherwise) {
  return step.contains(name) && step[name].is_boolean() ? step[name].get<bool>() : otherwise;
}

// Calls `visit` on each step of nested Sequences in order. `list` is the member that holds a Sequence's steps.
template <class Visit> llvm::Error forEachStep(const json& step, const char* list, Visit visit) {
  if (step.is_null())
    return llvm::Error::success();
  if (typeOf(step) != "Sequence")
    return visit(step);
  if (!step.contains(list) || !step[list].is_array())
    return bad(std::string("a Sequence has no list '") + list + "'");
  for (const json& inner : step[list])
    if (llvm::Error error = forEachStep(inner, list, visit))
      return error;
  return llvm::Error::success();
}

llvm::Expected<uint32_t> addRegex(const std::string& pattern, artifact::TokenizerT& table) {
  for (size_t i = 0; i < table.regexes.size(); ++i)
    if (table.regexes[i]->source == pattern)
      return static_cast<uint32_t>(i);
  auto regex = compileRegex(pattern);
  if (!regex)
    return bad(llvm::toString(regex.takeError()));
  table.regexes.push_back(std::move(*regex));
  return static_cast<uint32_t>(table.regexes.size() - 1);
}

// {"Regex": "..."} or {"String": "..."}.
llvm::Expected<uint32_t> addPattern(const json& step, artifact::TokenizerT& table) {
  const json pattern = step.value("pattern", json());
  if (pattern.is_object() && pattern.contains("Regex") && pattern["Regex"].is_string())
    return addRegex(pattern["Regex"], table);
  if (pattern.is_object() && pattern.contains("String") && pattern["String"].is_string())
    return addRegex(escapeRegex(pattern["String"].get_ref<const std::string&>()), table);
  return bad("the pattern of a " + typeOf(step) + " is neither {\"Regex\": text} nor {\"String\": text}");
}

llvm::Error importNormalizer(const json& step, artifact::TokenizerT& table) {
  std::string type = typeOf(step);
  artifact::NormalizerStepT result;
  auto text = [&](const char* name) {
    return step.contains(name) && step[name].is_string() ? std::optional(step[name].get<std::string>())
                                                         : std::nullopt;
  };
  if (type == "NFC") {
    result.kind = artifact::NormalizerKind::Nfc;
    if (!table.canonical) {
      table.canonical = std::make_unique<artifact::CanonicalT>();
      for (size_t i = 0; i < std::size(kDecompositions); i += 4)
        table.canonical->decompositions.emplace_back(kDecompositions[i], kDecompositions[i + 1],
                                                     kDecompositions[i + 2], kDecompositions[i + 3]);
      for (size_t i = 0; i < std::size(kCombiningRanges); i += 3)
        table.canonical->combining.emplace_back(kCombiningRanges[i], kCombiningRanges[i + 1],
                                                kCombiningRanges[i + 2]);
    }
  } else if (type == "Prepend" && text("prepend")) {
    result.kind = artifact::NormalizerKind::Prepend;
    result.text = *text("prepend");
  } else if (type == "Replace" && text("content")) {
    result.kind = artifact::NormalizerKind::Replace;
    result.text = *text("content");
    auto regex = addPattern(step, table);
    if (!regex)
      return regex.takeError();
    result.regex = *regex;
  } else {
    return bad("the normalizer has type '" + type +
               "'; r1c knows NFC, Prepend, Replace and Sequence of them");
  }
  if (result.text.size() > 4096)
    return bad("the text of a normalizer is longer than 4096 bytes");
  table.normalizers.push_back(std::make_unique<artifact::NormalizerStepT>(result));
  return llvm::Error::success();
}

llvm::Error addSplit(llvm::Expected<uint32_t> regex, artifact::SplitBehavior behavior, bool invert,
                     artifact::TokenizerT& table) {
  if (!regex)
    return regex.takeError();
  artifact::PreTokenizerStepT step;
  step.regex = *regex;
  step.behavior = behavior;
  step.invert = invert;
  table.pre_tokenizers.push_back(std::make_unique<artifact::PreTokenizerStepT>(step));
  return llvm::Error::success();
}

llvm::Error importSplit(const json& step, artifact::TokenizerT& table) {
  std::string name =
      step.contains("behavior") && step["behavior"].is_string() ? step["behavior"].get<std::string>() : "";
  auto count = static_cast<uint8_t>(artifact::SplitBehavior::MAX);
  for (uint8_t i = 0; i <= count; ++i) {
    auto behavior = static_cast<artifact::SplitBehavior>(i);
    if (name == artifact::EnumNameSplitBehavior(behavior))
      return addSplit(addPattern(step, table), behavior, flag(step, "invert", false), table);
  }
  return bad("the behavior of a Split is '" + name +
             "'; expected Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous");
}

llvm::Error importPreTokenizer(const json& step, artifact::TokenizerT& table, bool& byteLevel) {
  std::string type = typeOf(step);
  if (byteLevel)
    return bad("the pre-tokenizer " + type + " comes after ByteLevel, which must be the last");
  if (type == "Split")
    return importSplit(step, table);
  if (type == "Digits")
    return addSplit(addRegex("\\p{N}", table),
                    flag(step, "individual_digits", false) ? artifact::SplitBehavior::Isolated
                                                           : artifact::SplitBehavior::Contiguous,
                    false, table);
  if (type != "ByteLevel")
    return bad("the pre-tokenizer has type '" + type +
               "'; r1c knows Split, Digits, ByteLevel and Sequence of them");
  byteLevel = true;
  if (flag(step, "add_prefix_space", true)) {
    artifact::PreTokenizerStepT prefix;
    prefix.kind = artifact::PreTokenizerKind::PrefixSpace;
    table.pre_tokenizers.push_back(std::make_unique<artifact::PreTokenizerStepT>(prefix));
  }
  if (flag(step, "use_regex", true))
    return addSplit(addRegex(kByteLevelPattern, table), artifact::SplitBehavior::Isolated, false, table);
  return llvm::Error::success();
}

// Appends the ids of the special token `name` as the processor's own table gives them.
llvm::Error appendSpecial(const json& processor, const json& name, std::vector<uint32_t>& out) {
  const json table = processor.value("special_tokens", json::object());
  if (!name.is_string() || !table.is_object() || !table.contains(name.get<std::string>()))
    return bad("the post-processor names a special token that its own table does not have");
  const json entry = table[name.get<std::string>()];
  if (!entry.is_object() || !entry.contains("ids") || !entry["ids"].is_array())
    return bad("a special token of the post-processor has no list 'ids'");
  for (const json& id : entry["ids"]) {
    if (!id.is_number_unsigned())
      return bad("an id of a special token is not a number from 0");
    out.push_back(id.get<uint32_t>());
  }
  return llvm::Error::success();
}

llvm::Error importTemplate(const json& processor, std::vector<uint32_t>& before,
                           std::vector<uint32_t>& after) {
  const json single = processor.value("single", json());
  if (!single.is_array())
    return bad("the TemplateProcessing post-processor has no list 'single'");
  bool seen = false;
  for (const json& piece : single) {
    if (piece.is_object() && piece.contains("Sequence")) {
      if (seen)
        return bad("the TemplateProcessing post-processor repeats its text");
      seen = true;
    } else if (piece.is_object() && piece.contains("SpecialToken") && piece["SpecialToken"].is_object()) {
      if (llvm::Error error =
              appendSpecial(processor, piece["SpecialToken"].value("id", json()), seen ? after : before))
        return error;
    } else {
      return bad("a piece of the TemplateProcessing post-processor is neither Sequence nor SpecialToken");
    }
  }
  return llvm::Error::success();
}

llvm::Error importProcessor(const json& processor, artifact::TokenizerT& table) {
  std::string type = typeOf(processor);
  std::vector<uint32_t> before, after;
  if (type == "TemplateProcessing") {
    if (llvm::Error error = importTemplate(processor, before, after))
      return error;
  } else if (type != "ByteLevel") { // which moves offsets only
    return bad("the post-processor has type '" + type +
               "'; r1c knows ByteLevel, TemplateProcessing and Sequence of them");
  }
  table.prefix.insert(table.prefix.begin(), before.begin(), before.end());
  table.suffix.insert(table.suffix.end(), after.begin(), after.end());
  return llvm::Error::success();
}

} // namespace

llvm::Error importPipeline(const json& tokenizer, artifact::TokenizerT& table) {
  if (llvm::Error error = forEachStep(tokenizer.value("normalizer", json()), "normalizers",
                                      [&](const json& step) { return importNormalizer(step, table); }))
    return error;
  bool byteLevel = false;
  if (llvm::Error error =
          forEachStep(tokenizer.value("pre_tokenizer", json()), "pretokenizers",
                      [&](const json& step) { return importPreTokenizer(step, table, byteLevel); }))
    return error;
  if (!byteLevel)
    return bad("its pre-tokenizer has no ByteLevel; r1c knows byte-level BPE only");
  if (table.pre_tokenizers.size() > kMaxSteps || table.normalizers.size() > kMaxSteps)
    return bad("it has more than " + std::to_string(kMaxSteps) + " normalizers or pre-tokenizers");
  return forEachStep(tokenizer.value("decoder", json()), "decoders", [](const json& step) -> llvm::Error {
    if (typeOf(step) != "ByteLevel")
      return bad("the decoder has type '" + typeOf(step) + "'; r1c knows ByteLevel only");
    return llvm::Error::success();
  });
}

llvm::Error importPostProcessor(const json& processor, artifact::TokenizerT& table) {
  if (llvm::Error error = forEachStep(processor, "processors",
                                      [&](const json& step) { return importProcessor(step, table); }))
    return error;
  for (const std::vector<uint32_t>* ids : {&table.prefix, &table.suffix})
    for (uint32_t id : *ids)
      if (id >= table.token_flags.size())
        return bad("the post-processor adds id " + std::to_string(id) + ", but there are only " +
                   std::to_string(table.token_flags.size()) + " tokens");
  return llvm::Error::success();
}

} // namespace r1::compiler
