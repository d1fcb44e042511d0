// Runs the regular expressions of the artifact (text.fbs): a Pike machine, so time is linear in the text for any pattern.
//
// A Regex points into the artifact's memory, which must outlive it. One RegexScratch per thread.
#pragma once
#include "runtime/artifact/text_generated.h"
#include "runtime/base/status.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace r1::text {

// Buffers that searches reuse, and what they may still spend: every search lowers `budget` by the threads it steps, and fails
// when it reaches zero. A text of n bytes gets set_budget(n).
struct RegexScratch {
  struct Thread {
    uint16_t pc;
    size_t start;
  };
  void set_budget(size_t text_bytes) { budget = 1'000'000 + 500 * static_cast<uint64_t>(text_bytes); }

  uint64_t budget = 0;
  std::vector<Thread> now, next;
  std::vector<uint16_t> stack;
  std::vector<uint32_t> seen; // seen[pc] == mark: already in the list being built
  uint32_t mark = 0;
};

class Regex {
public:
  // Checks every index of `regex`.
  static Result<Regex> open(const artifact::Regex* regex);

  struct Match {
    bool found = false;
    size_t begin = 0, end = 0;
  };
  // The leftmost match, by the pattern's own order of preference, that begins at `from` or later. `text` is valid UTF-8.
  Result<Match> find(std::string_view text, size_t from, RegexScratch& scratch) const;

private:
  struct Input; // where a search stands: position and the classes on both sides
  static constexpr uint32_t kNoClass = ~0u;

  bool in_set(uint16_t set, uint32_t character_class) const {
    return sets_[size_t{set} * words_ + character_class / 64] >> (character_class % 64) & 1;
  }
  uint32_t class_of(uint32_t code) const;
  void add(uint16_t pc, size_t start, const Input& input, std::vector<RegexScratch::Thread>& list,
           RegexScratch& scratch) const;
  void find_first_classes();

  const artifact::RegexInstruction* program_ = nullptr;
  const uint32_t* starts_ = nullptr;
  const uint8_t* classes_ = nullptr;
  const uint64_t* sets_ = nullptr;
  uint32_t size_ = 0, ranges_ = 0, words_ = 0;
  std::array<uint8_t, 128> ascii_{}; // class of each ASCII character
  std::array<uint64_t, 4> first_{};  // classes that a match can begin with
  bool can_be_empty_ = false;        // a match may need no character: first_ says nothing
};

// The matches of a pattern in a text, one after the other, none overlapping. An empty match right after another match does
// not count, as in Oniguruma's bindings.
class RegexMatches {
public:
  RegexMatches(const Regex& regex, std::string_view text, RegexScratch& scratch)
      : regex_(regex), text_(text), scratch_(scratch) {}
  Result<Regex::Match> next(); // not found: there are no more

private:
  const Regex& regex_;
  std::string_view text_;
  RegexScratch& scratch_;
  size_t from_ = 0;
  size_t last_end_ = ~size_t{0};
};

} // namespace r1::text
