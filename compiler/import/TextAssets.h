// Tokenizer and chat template of a checkpoint folder, compiled to the table r1.artifact.Text.
//
//   tokenizer.json ------------> TokenizerImport: vocabulary, merges, patterns   --\
//   tokenizer_config.json -----> special tokens, chat_template (text or list)    ---> artifact::TextT
//   chat_template.jinja -------> TemplateParser: tree of nodes                   --/
//
// Errors are one line: the file, what was found, what was expected.
#pragma once
#include "runtime/artifact/text_generated.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <optional>
#include <string>

namespace r1::compiler {

// The contents of the files; absent where the folder has none.
struct TextSources {
  std::optional<std::string> tokenizer = {};       // tokenizer.json
  std::optional<std::string> tokenizerConfig = {}; // tokenizer_config.json
  std::optional<std::string> chatTemplate = {};    // chat_template.jinja, which goes before the config's own
};

llvm::Expected<TextSources> readTextSources(llvm::StringRef folder);

// Null where there is no tokenizer.json: such a model takes and gives token ids only.
llvm::Expected<std::unique_ptr<artifact::TextT>> compileText(const TextSources& sources);

} // namespace r1::compiler
