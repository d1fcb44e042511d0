// Any bytes as chat_template.jinja: refused with a message, or a tree that the runtime opens and renders or refuses.
#include "compiler/import/TemplateParser.h"
#include "runtime/text/chat_template.h"
#include "runtime/text/utf8.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace r1;
  auto tree = compiler::compileTemplate("default", {reinterpret_cast<const char*>(data), size});
  if (!tree) {
    if (llvm::toString(tree.takeError()).empty())
      abort();
    return 0;
  }
  artifact::TextT text;
  text.tokenizer = std::make_unique<artifact::TokenizerT>();
  text.templates.push_back(std::move(*tree));
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(artifact::Text::Pack(builder, &text));
  auto chat = text::ChatTemplate::open(flatbuffers::GetRoot<artifact::Text>(builder.GetBufferPointer()));
  if (!chat)
    abort(); // the compiler made what the runtime refuses
  using text::Value;
  const Value call = Value::dict(
      {{"function", Value::dict({{"name", Value::string("f")}, {"arguments", Value::dict({})}})}});
  const Value messages =
      Value::list({Value::dict({{"role", Value::string("user")}, {"content", Value::string("Hi \u00E9")}}),
                   Value::dict({{"role", Value::string("assistant")},
                                {"content", Value::none()},
                                {"tool_calls", Value::list({call})}})});
  auto rendered = chat->render(messages, true, {{"tools", Value::list({call})}, {"n", Value::integer(3)}});
  if (rendered.ok() && !text::is_utf8(*rendered))
    abort();
  if (!rendered.ok() && rendered.status().message().empty())
    abort();
  return 0;
}
