// The normalizers that an artifact's tokenizer asks for, applied to text before it is cut into pieces.
#pragma once
#include "runtime/base/status.h"
#include "runtime/text/regex.h"

#include <span>
#include <string>
#include <vector>

namespace r1::text {

// Unicode canonical composition, from the tables in the artifact, which must outlive it.
class CanonicalComposer {
public:
  static Result<CanonicalComposer> open(const artifact::Canonical* canonical);
  std::string compose(std::string_view text) const;

private:
  void decompose(uint32_t code, std::vector<uint32_t>& out) const;
  uint32_t combining_class(uint32_t code) const;
  uint32_t pair(uint32_t first, uint32_t second) const; // 0: does not compose

  struct Pair {
    uint32_t first, second, code;
  };
  std::span<const artifact::Decomposition> decompositions_;
  std::span<const artifact::CombiningRange> combining_;
  std::vector<Pair> pairs_; // sorted by first, then second
};

class Normalizer {
public:
  // `regexes` are the tokenizer's, opened.
  static Result<Normalizer> open(const artifact::Tokenizer* source, const std::vector<Regex>& regexes);

  bool empty() const { return steps_.empty(); }
  Result<std::string> normalize(std::string_view text, const std::vector<Regex>& regexes,
                                RegexScratch& scratch) const;

private:
  struct Step {
    artifact::NormalizerKind kind;
    uint32_t regex;
    std::string_view text;
  };
  std::vector<Step> steps_;
  CanonicalComposer composer_;
};

} // namespace r1::text
