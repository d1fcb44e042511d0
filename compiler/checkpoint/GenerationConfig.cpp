#include "compiler/checkpoint/GenerationConfig.h"
#include "compiler/checkpoint/ConfigReader.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using nlohmann::json;

namespace r1::checkpoint {

Expected<GenerationConfig> GenerationConfig::parse(StringRef text, StringRef file,
                                                   const ModelConfig& config) {
  Expected<json> root = parseJson(text, file);
  if (!root)
    return root.takeError();
  if (!root->is_object())
    return fail(Twine(file) +
                ": is not a JSON object, expected generation defaults; correct or remove the file");
  ConfigReader reader(*root, file);
  GenerationConfig generation;
  generation.sample = reader.boolean("do_sample", false);
  generation.temperature = reader.real("temperature", 1, 0, 100);
  generation.topP = reader.real("top_p", 1, 0, 1);
  generation.topK = reader.integer("top_k", 0, 0, 1 << 24);
  if (generation.temperature == 0) // an idiom for greedy
    generation.sample = false;
  if (generation.topP == 0)
    reader.wrong("top_p", "a number above 0");
  auto tokens = [&](StringRef key, std::vector<int64_t> fallback) {
    std::vector<int64_t> kept;
    for (int64_t token : reader.integers(key, std::move(fallback)))
      if (token >= 0 && token < config.vocabSize)
        kept.push_back(token);
      else
        generation.notes.push_back(
            (key + " " + Twine(token) + " lies outside the vocabulary and is ignored").str());
    return kept;
  };
  generation.eos = tokens("eos_token_id", config.eos);
  std::vector<int64_t> bos =
      tokens("bos_token_id", config.bos ? std::vector<int64_t>{*config.bos} : std::vector<int64_t>{});
  if (bos.size() > 1)
    reader.wrong("bos_token_id", "one token");
  if (!bos.empty())
    generation.bos = bos.front();
  if (reader.failed())
    return reader.takeError();
  return generation;
}

Expected<GenerationConfig> GenerationConfig::load(StringRef folder, const ModelConfig& config) {
  SmallString<256> path(folder);
  sys::path::append(path, "generation_config.json");
  if (!sys::fs::exists(path))
    return parse("{}", path, config);
  Expected<std::string> text = readTextFile(path, 1 << 20);
  if (!text)
    return text.takeError();
  return parse(*text, path, config);
}

} // namespace r1::checkpoint
