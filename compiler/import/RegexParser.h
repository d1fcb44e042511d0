// The tree of a regular expression, between RegexParser.cpp and RegexCompiler.cpp.
#pragma once
#include "compiler/import/CodePointSet.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string_view>
#include <vector>

namespace r1::compiler {

struct RegexNode {
  enum class Kind {
    Set,    // one code point of `set`
    Ahead,  // the next code point is in `set`, or there is none and `edge`
    Behind, // the same for the code point before
    Sequence,
    Alternatives,
    Repeat, // children[0], `least` to `most` times
  };
  static constexpr unsigned kUnlimited = ~0u;

  Kind kind = Kind::Sequence;
  CodePointSet set;
  bool edge = false;
  unsigned least = 0, most = 0;
  bool greedy = true;
  std::vector<std::unique_ptr<RegexNode>> children;
};

llvm::Expected<std::unique_ptr<RegexNode>> parseRegex(std::string_view pattern);

} // namespace r1::compiler
