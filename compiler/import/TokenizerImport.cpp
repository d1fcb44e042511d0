#include "compiler/import/TokenizerImport.h"

#include "compiler/import/CodePointSet.h"
#include "compiler/import/PipelineImport.h"
#include "compiler/import/TextError.h"
#include "compiler/import/Utf8.h"
#include "llvm/ADT/DenseMap.h"

#include <algorithm>
#include <array>

namespace r1::compiler {
namespace {

using nlohmann::json;
constexpr int64_t kMaxId = (1 << 24) - 1;
constexpr size_t kMaxAddedBytes = 4096;
constexpr unsigned kMaxNesting = 100;

llvm::Error bad(const std::string& what) { return textError("tokenizer.json: " + what); }
// Of what no tokenizers library writes.
llvm::Error damaged(const std::string& what) { return bad(what + "; download the file again"); }

std::string shown(std::string_view text) { return "'" + excerpt(text) + "'"; }

// GPT-2's alphabet: each byte has a printable character, its own where that is printable already.
struct ByteAlphabet {
  std::array<uint32_t, 256> character;
  std::map<uint32_t, uint8_t> byte;
  ByteAlphabet() {
    uint32_t next = 256;
    for (uint32_t b = 0; b < 256; ++b) {
      bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      character[b] = printable ? b : next++;
      byte[character[b]] = static_cast<uint8_t>(b);
    }
  }
};
const ByteAlphabet& byteAlphabet() {
  static const ByteAlphabet alphabet;
  return alphabet;
}

// The bytes that a token stands for: its letters read as bytes if all are in the alphabet, else nullopt.
std::optional<std::string> bytesOfToken(std::string_view token) {
  std::string bytes;
  for (size_t pos = 0; pos < token.size();) {
    auto it = byteAlphabet().byte.find(nextCodePoint(token, pos));
    if (it == byteAlphabet().byte.end())
      return std::nullopt;
    bytes += static_cast<char>(it->second);
  }
  return bytes;
}

class VocabularyImport {
public:
  explicit VocabularyImport(artifact::TokenizerT& table) : table_(table) {}

  llvm::Error model(const json& model);
  llvm::Error addedTokens(const json& added);
  llvm::Error finish(bool ignoreMerges);
  llvm::StringMap<uint32_t> takeIds();

private:
  llvm::Error options(const json& model);
  llvm::Error merges(const json& list);
  llvm::Expected<std::pair<std::string, std::string>> mergeParts(const json& entry);
  std::optional<uint32_t> find(std::string_view token) const;

  artifact::TokenizerT& table_;
  llvm::StringMap<uint32_t> vocabulary_, added_;
  std::map<uint32_t, std::string> addedById_;
  std::map<uint32_t, bool> special_;
};

std::optional<uint32_t> VocabularyImport::find(std::string_view token) const {
  if (auto it = added_.find(token); it != added_.end())
    return it->second;
  if (auto it = vocabulary_.find(token); it != vocabulary_.end())
    return it->second;
  return std::nullopt;
}

llvm::StringMap<uint32_t> VocabularyImport::takeIds() {
  for (const auto& entry : added_)
    vocabulary_[entry.getKey()] = entry.getValue();
  return std::move(vocabulary_);
}

llvm::Error VocabularyImport::options(const json& model) {
  std::string type = model.value("type", json()).is_string() ? model["type"].get<std::string>() : "BPE";
  if (type != "BPE")
    return bad("the model has type " + shown(type) + "; r1c knows byte-level BPE only");
  if (model.contains("byte_fallback") && model["byte_fallback"] == true)
    return bad("byte_fallback is true (a SentencePiece vocabulary); r1c knows byte-level BPE only");
  for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (model.contains(name) && !model[name].is_null() && model[name] != "")
      return bad(std::string(name) + " is set; byte-level BPE has none");
  if (model.contains("dropout") && model["dropout"].is_number() && model["dropout"] != 0)
    return bad("dropout is set, which makes tokens random; set it to null");
  if (!model.contains("vocab") || !model["vocab"].is_object() || model["vocab"].empty())
    return damaged("model.vocab is not an object of tokens and ids");
  return llvm::Error::success();
}

llvm::Error VocabularyImport::model(const json& model) {
  if (!model.is_object())
    return damaged("'model' is not an object");
  if (llvm::Error error = options(model))
    return error;
  std::vector<bool> taken;
  for (const auto& [token, id] : model["vocab"].items()) {
    if (!id.is_number_integer() || id < 0 || id > kMaxId)
      return bad("the id of token " + shown(token) + " is not an integer from 0 to " +
                 std::to_string(kMaxId));
    auto number = id.get<uint32_t>();
    if (number >= taken.size())
      taken.resize(number + 1);
    if (taken[number])
      return bad("token " + shown(token) + " has id " + std::to_string(number) + ", which another token has");
    taken[number] = true;
    vocabulary_[token] = number;
  }
  if (taken.size() > 4 * vocabulary_.size() + 65536)
    return bad("its ids go up to " + std::to_string(taken.size() - 1) + " for " +
               std::to_string(vocabulary_.size()) + " tokens");
  if (model.contains("unk_token") && model["unk_token"].is_string()) {
    auto it = vocabulary_.find(model["unk_token"].get_ref<const std::string&>());
    if (it == vocabulary_.end())
      return bad("unk_token " + shown(model["unk_token"].get_ref<const std::string&>()) +
                 " is not in the vocabulary");
    table_.unk_token = static_cast<int32_t>(it->second);
    table_.fuse_unk = model.contains("fuse_unk") && model["fuse_unk"] == true;
  }
  for (uint32_t byte = 0; byte < 256; ++byte) {
    std::string character;
    appendUtf8(character, byteAlphabet().character[byte]);
    auto it = vocabulary_.find(character);
    table_.byte_tokens.push_back(it == vocabulary_.end() ? -1 : static_cast<int32_t>(it->second));
  }
  if (!model.contains("merges") || !model["merges"].is_array())
    return damaged("model.merges is not a list");
  return merges(model["merges"]);
}

// "a b", or ["a", "b"].
llvm::Expected<std::pair<std::string, std::string>> VocabularyImport::mergeParts(const json& entry) {
  if (entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_string())
    return std::pair(entry[0].get<std::string>(), entry[1].get<std::string>());
  if (entry.is_string()) {
    const auto& line = entry.get_ref<const std::string&>();
    size_t space = line.find(' ');
    if (space != std::string::npos && line.find(' ', space + 1) == std::string::npos)
      return std::pair(line.substr(0, space), line.substr(space + 1));
    return damaged("merge " + shown(line) + " is not two tokens with a space between");
  }
  return damaged("a merge is neither a text nor a list of two texts");
}

llvm::Error VocabularyImport::merges(const json& list) {
  // A pair that comes twice has the rank of its last place.
  std::map<std::pair<uint32_t, uint32_t>, std::pair<uint32_t, uint32_t>> ranks;
  uint32_t rank = 0;
  for (const json& entry : list) {
    if (entry.is_string() && entry.get_ref<const std::string&>().starts_with("#version"))
      continue;
    auto parts = mergeParts(entry);
    if (!parts)
      return parts.takeError();
    auto& [left, right] = *parts;
    auto leftId = vocabulary_.find(left), rightId = vocabulary_.find(right),
         result = vocabulary_.find(left + right);
    if (leftId == vocabulary_.end() || rightId == vocabulary_.end() || result == vocabulary_.end())
      return bad("merge " + std::to_string(rank) + " of " + shown(left) + " and " + shown(right) +
                 ": one of the two or their sum is not in the vocabulary");
    ranks[{leftId->second, rightId->second}] = {result->second, rank};
    ++rank;
  }
  table_.merge_offsets.push_back(0);
  for (const auto& [pair, merge] : ranks) {
    while (table_.merge_offsets.size() <= pair.first)
      table_.merge_offsets.push_back(static_cast<uint32_t>(table_.merges.size()));
    table_.merges.emplace_back(pair.second, merge.first, merge.second);
  }
  return llvm::Error::success();
}

// Ids as the tokenizers package gives them: that of the vocabulary if the token is there, else the next free one.
llvm::Error VocabularyImport::addedTokens(const json& added) {
  if (added.is_null())
    return llvm::Error::success();
  if (!added.is_array())
    return damaged("added_tokens is not a list");
  auto next = static_cast<uint32_t>(vocabulary_.size());
  llvm::DenseMap<uint32_t, llvm::StringRef> taken; // a vocabulary with gaps may reach beyond its size
  for (const auto& entry : vocabulary_)
    taken[entry.getValue()] = entry.getKey();
  bool needsWords = false;
  std::map<std::string, artifact::AddedTokenT, std::less<>> raw, normalized;
  for (const json& entry : added) {
    if (!entry.is_object() || !entry.contains("content") || !entry["content"].is_string())
      return damaged("an added token has no 'content' text");
    std::string content = entry["content"];
    if (content.empty())
      continue;
    if (content.size() > kMaxAddedBytes)
      return bad("added token " + shown(content) + " is longer than " + std::to_string(kMaxAddedBytes) +
                 " bytes");
    auto flag = [&](const char* name, bool otherwise) {
      return entry.contains(name) && entry[name].is_boolean() ? entry[name].get<bool>() : otherwise;
    };
    std::optional<uint32_t> id = find(content);
    if (!id) {
      id = next++;
      if (auto it = taken.find(*id); it != taken.end())
        return bad("added token " + shown(content) + " gets id " + std::to_string(*id) + ", which is token " +
                   shown(it->second.str()) +
                   " of a vocabulary with gaps; number the vocabulary without gaps");
    }
    added_[content] = *id;
    addedById_[*id] = content;
    artifact::AddedTokenT token;
    token.id = *id;
    token.special = flag("special", false);
    token.lstrip = flag("lstrip", false);
    token.rstrip = flag("rstrip", false);
    token.single_word = flag("single_word", false);
    special_[*id] |= token.special;
    needsWords |= token.single_word;
    bool isNormalized = flag("normalized", !token.special);
    token.content.assign(content.begin(), content.end());
    raw.erase(content); // the last of several entries counts
    normalized.erase(content);
    (isNormalized ? normalized : raw).emplace(content, token);
  }
  if (next > kMaxId)
    return bad("it has more than " + std::to_string(kMaxId) + " tokens");
  for (auto& [content, token] : raw)
    table_.added_raw.push_back(std::make_unique<artifact::AddedTokenT>(token));
  for (auto& [content, token] : normalized)
    table_.added_normalized.push_back(std::make_unique<artifact::AddedTokenT>(token));
  const CodePointSet words = needsWords ? rustWordSet() : CodePointSet();
  for (const CodePointSet::Range& range : words.ranges())
    table_.word_ranges.insert(table_.word_ranges.end(), {range.first, range.last});
  return llvm::Error::success();
}

llvm::Error VocabularyImport::finish(bool ignoreMerges) {
  std::vector<std::optional<std::string_view>> byId;
  auto place = [&](uint32_t id, std::string_view token) {
    if (id >= byId.size())
      byId.resize(id + 1);
    byId[id] = token;
  };
  for (const auto& entry : vocabulary_)
    place(entry.getValue(), entry.getKey());
  for (const auto& [id, content] : addedById_)
    place(id, content);
  auto tokens = static_cast<uint32_t>(byId.size());
  table_.token_offsets.push_back(0);
  for (uint32_t id = 0; id < tokens; ++id) {
    int flags = byId[id] ? 0 : 1;
    if (byId[id]) {
      std::string bytes = bytesOfToken(*byId[id]).value_or(std::string(*byId[id]));
      table_.token_bytes.insert(table_.token_bytes.end(), bytes.begin(), bytes.end());
      if (auto special = special_.find(id); special != special_.end() && special->second)
        flags |= 2;
    }
    table_.token_offsets.push_back(static_cast<uint32_t>(table_.token_bytes.size()));
    table_.token_flags.push_back(static_cast<artifact::TokenFlag>(flags));
  }
  table_.merge_offsets.resize(tokens + 1, static_cast<uint32_t>(table_.merges.size()));
  if (!ignoreMerges)
    return llvm::Error::success();
  std::map<std::string, uint32_t> whole;
  for (const auto& entry : vocabulary_)
    if (std::optional<std::string> bytes = bytesOfToken(entry.getKey()); bytes && !bytes->empty())
      whole[*bytes] = entry.getValue();
  for (const auto& [bytes, id] : whole)
    table_.whole_pieces.push_back(id);
  return llvm::Error::success();
}

// JSON that is nested too deep is refused before a tree of it exists.
bool nestedTooDeep(std::string_view text) {
  unsigned depth = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (inString) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        inString = false;
    } else if (c == '"') {
      inString = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxNesting)
        return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

} // namespace

llvm::Expected<json> parseJson(std::string_view text, std::string_view file) {
  std::string name(file);
  if (nestedTooDeep(text))
    return textError(name + ": nested deeper than " + std::to_string(kMaxNesting));
  json value = json::parse(text, nullptr, false);
  if (value.is_discarded())
    return textError(name + ": not JSON (or not UTF-8); download the file again");
  return value;
}

llvm::Expected<ImportedTokenizer> importTokenizer(const json& tokenizer) {
  if (!tokenizer.is_object())
    return damaged("not a JSON object");
  if (tokenizer.contains("version") && tokenizer["version"] != "1.0")
    return bad("its version is not \"1.0\"; save it with a tokenizers library that writes 1.0");
  if (!tokenizer.contains("model"))
    return damaged("it has no 'model'");
  ImportedTokenizer imported;
  imported.table = std::make_unique<artifact::TokenizerT>();
  if (llvm::Error error = importPipeline(tokenizer, *imported.table))
    return error;
  VocabularyImport vocabulary(*imported.table);
  if (llvm::Error error = vocabulary.model(tokenizer["model"]))
    return error;
  if (llvm::Error error = vocabulary.addedTokens(tokenizer.value("added_tokens", json())))
    return error;
  const json& model = tokenizer["model"];
  if (llvm::Error error =
          vocabulary.finish(model.contains("ignore_merges") && model["ignore_merges"] == true))
    return error;
  imported.tokenIds = vocabulary.takeIds();
  if (llvm::Error error = importPostProcessor(tokenizer.value("post_processor", json()), *imported.table))
    return error;
  return imported;
}

} // namespace r1::compiler
