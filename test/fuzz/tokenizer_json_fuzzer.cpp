// Any bytes as tokenizer.json: refused with a message, or a table that the runtime opens and that gives back valid UTF-8.
#include "compiler/import/TextAssets.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/utf8.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace r1;
  compiler::TextSources sources;
  sources.tokenizer.emplace(reinterpret_cast<const char*>(data), size);
  auto text = compiler::compileText(sources);
  if (!text) {
    if (llvm::toString(text.takeError()).empty())
      abort();
    return 0;
  }
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(artifact::Text::Pack(builder, text->get()));
  flatbuffers::Verifier verifier(builder.GetBufferPointer(), builder.GetSize());
  if (!verifier.VerifyBuffer<artifact::Text>(nullptr))
    abort();
  auto tokenizer = text::Tokenizer::open(flatbuffers::GetRoot<artifact::Text>(builder.GetBufferPointer()));
  if (!tokenizer)
    abort(); // the compiler made what the runtime refuses
  for (const char* sample :
       {"Hello, world! 123 \n\n  don't \u4F60\u597D e\u0301", "", "aaaaaaaaaaaaaaaa", "<s>\xFF"})
    if (auto ids = tokenizer->encode(sample, {.add_special = true}); ids.ok())
      if (!text::is_utf8(tokenizer->decode(*ids)))
        abort();
  return 0;
}
