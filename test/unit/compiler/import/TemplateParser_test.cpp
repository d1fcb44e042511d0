// Templates render as Jinja rendered them (TemplateLexer, TemplateBuilder), and wrong ones are refused with their line.
#include "TextFixture.h"

namespace r1::compiler {
namespace {

TextSources withTemplate(const std::string& source) {
  return {.tokenizer = smallTokenizer().dump(), .tokenizerConfig = std::nullopt, .chatTemplate = source};
}

TEST(TemplateParser, RendersAsJinjaDoes) {
  std::vector<Json> lines = readLines("test/unit/compiler/import/templates.golden.jsonl");
  ASSERT_GT(lines.size(), 200u);
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::string source = lines[i]["template"];
    const TextSources sources = withTemplate(source);
    if (lines[i]["rendered"].is_null() && !refusal(sources).empty())
      continue; // Jinja found an error, and so did we
    CompiledText text(sources);
    const auto rendered = render(text, lines[0]["context"]);
    EXPECT_EQ(rendered.ok(), lines[i]["rendered"].is_string())
        << source << ": " << rendered.status().message();
    if (rendered.ok() && lines[i]["rendered"].is_string()) {
      EXPECT_EQ(*rendered, lines[i]["rendered"].get<std::string>()) << source;
    }
  }
}

// Templates that models ship, on random conversations with tool calls, missing and null contents.
TEST(TemplateParser, RendersWholeConversations) {
  if (!readFile(shared("conformance/llama_cpp_templates/Kimi-K2-Thinking.jinja")))
    GTEST_SKIP() << "R1C_SHARED names no folder with data/conformance";
  for (const Json& line : readLines("test/unit/compiler/import/conversations.golden.jsonl")) {
    const std::string name = line["template"];
    const auto source = readFile(shared("conformance/llama_cpp_templates/" + name));
    ASSERT_TRUE(source) << name;
    CompiledText text(withTemplate(*source));
    const auto rendered = render(text, line["context"]);
    EXPECT_EQ(rendered.ok(), line["rendered"].is_string()) << name << ": " << rendered.status().message();
    if (rendered.ok() && line["rendered"].is_string()) {
      EXPECT_EQ(*rendered, line["rendered"].get<std::string>()) << name << ' ' << line["context"];
    }
  }
}

TEST(TemplateParser, WrongTemplatesAreRefusedWithTheirLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"a\n{% if x %}", "line 2: found the end, expected 'endif'"},
      {"{{ x", "line 1: a tag that is not closed"},
      {"{% endif %}", "the tag 'endif'"},
      {"{% include 'x' %}", "the tag 'include'"},
      {"\n\n{{ 1 + }}", "line 3: found '}}', expected a value"},
      {"{{ 'a }}", "a string that is not closed"},
      {"{# a", "a comment that is not closed"},
      {"{% raw %} a", "a 'raw' block that is not closed"},
      {"{{ a ? b }}", "the character '?'"},
      {"{% set 1 = 2 %}", "expected a name"},
      {"{% set true = 2 %}", "an assignment to 'true'"},
      {"{{ 99999999999999999999 }}", "does not fit in 64 bits"},
      {"\xFF", "not UTF-8"},
  };
  for (const auto& [source, expected] : cases) {
    const std::string message = refusal(withTemplate(source));
    EXPECT_NE(message.find(expected), std::string::npos) << source << ": " << message;
  }
}

TEST(TemplateParser, DeepNestingIsRefusedNotRun) {
  auto repeat = [](const std::string& unit, int times) {
    std::string text;
    for (int i = 0; i < times; ++i)
      text += unit;
    return text;
  };
  for (const char* unit : {"(", "[", "{1:", "not ", "-", "a[", "a(", "a|d(", "1 if ", "a.b|x is "})
    EXPECT_NE(refusal(withTemplate("{{ " + repeat(unit, 100000))), "") << unit;
  EXPECT_NE(refusal(withTemplate("{{ " + repeat("1+", 100000) + "1 }}")), "");
  EXPECT_NE(refusal(withTemplate(repeat("{% if a %}", 100000))), "");
  EXPECT_NE(refusal(withTemplate("{% if a %}" + repeat("{% elif a %}", 100000) + "{% endif %}")), "");
  EXPECT_EQ(refusal(withTemplate(repeat("{% if a %}", 60) + repeat("{% endif %}", 60))), "");
}

TEST(TemplateParser, EndlessTemplatesAreStopped) {
  for (const char* source :
       {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% for a in range(100000) %}{% for b in range(100000) %}{% for c in range(100000) %}{% endfor %}{% "
        "endfor %}{% endfor %}",
        "{% set ns = namespace(x='ab') %}{% for a in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set l = [] %}{% set _ = l.append(l) %}{{ l|tojson }}", "{{ 'x' * 10000000000 }}"}) {
    CompiledText text(withTemplate(source));
    EXPECT_FALSE(render(text, Json{{"messages", Json::array()}}).ok()) << source;
  }
}

TEST(TemplateParser, TemplatesCannotChangeMessages) {
  CompiledText text(withTemplate("{% set _ = messages.append(1) %}"));
  EXPECT_FALSE(render(text, Json{{"messages", Json::array()}}).ok());
}

} // namespace
} // namespace r1::compiler
