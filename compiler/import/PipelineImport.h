// The steps around the vocabulary in tokenizer.json: normalizer, pre-tokenizer, decoder, post-processor.
#pragma once
#include "runtime/artifact/text_generated.h"
#include "llvm/Support/Error.h"
#include <nlohmann/json.hpp>

namespace r1::compiler {

// Fills regexes, normalizers, canonical and pre_tokenizers; checks that the decoder is one that r1c knows.
llvm::Error importPipeline(const nlohmann::json& tokenizer, artifact::TokenizerT& table);

// Fills prefix and suffix. Wants the vocabulary to be there.
llvm::Error importPostProcessor(const nlohmann::json& processor, artifact::TokenizerT& table);

} // namespace r1::compiler
