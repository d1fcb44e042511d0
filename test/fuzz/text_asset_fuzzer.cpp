// Any verified buffer as the artifact's text: opened or refused, and what is opened survives encoding, decoding and rendering.
#include "runtime/text/chat_template.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/utf8.h"

#include <cstdlib>
#include <cstring>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace r1;
  std::vector<uint64_t> aligned(size / 8 + 1);
  std::memcpy(aligned.data(), data, size);
  const auto* bytes = reinterpret_cast<const uint8_t*>(aligned.data());
  flatbuffers::Verifier verifier(bytes, size);
  if (!verifier.VerifyBuffer<artifact::Text>(nullptr))
    return 0;
  const auto* text = flatbuffers::GetRoot<artifact::Text>(bytes);
  if (auto tokenizer = text::Tokenizer::open(text); tokenizer.ok()) {
    for (const char* sample : {"Hello, world! 123 \n\n  don't \u4F60\u597D e\u0301", "abababababab", " <s> "})
      if (auto ids = tokenizer->encode(sample, {.add_special = true}); ids.ok()) {
        text::StreamDecoder stream(*tokenizer, false);
        std::string streamed;
        for (int32_t id : *ids)
          streamed += stream.push(id);
        if (streamed + stream.finish() != tokenizer->decode(*ids))
          abort();
      }
  }
  if (text->templates()->size() > 0)
    if (auto chat = text::ChatTemplate::open(text, text->templates()->Get(0)->name()->string_view());
        chat.ok()) {
      using text::Value;
      const Value message = Value::dict({{"role", Value::string("user")}, {"content", Value::string("Hi")}});
      (void)chat->render(Value::list({message, message}), true);
    }
  return 0;
}
