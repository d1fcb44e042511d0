// Sets of code points as sorted, disjoint ranges, and the sets that regular expressions name (Unicode 16).
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace r1::compiler {

constexpr uint32_t kLastCodePoint = 0x10FFFF;

class CodePointSet {
public:
  struct Range {
    uint32_t first, last;
  };

  CodePointSet() = default;
  static CodePointSet of(uint32_t first, uint32_t last);

  void add(uint32_t first, uint32_t last);
  void add(const CodePointSet& other);
  CodePointSet complement() const;
  bool contains(uint32_t code) const;
  bool empty() const { return ranges_.empty(); }
  const std::vector<Range>& ranges() const { return ranges_; }

private:
  std::vector<Range> ranges_;
};

// A general category or group of them ("L", "Lu", "Letter"), a script that tokenizers use ("Han"), or an Oniguruma class
// name ("alpha", "space"); case, '_', '-' and ' ' in the name do not matter. nullopt: unknown.
std::optional<CodePointSet> propertySet(std::string_view name);
// What \w, \s and \d mean to Oniguruma.
CodePointSet wordSet();
CodePointSet spaceSet();
CodePointSet digitSet();
// What \w means to the Rust regex crate (single_word of added tokens).
CodePointSet rustWordSet();

} // namespace r1::compiler
