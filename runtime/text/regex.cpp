#include "runtime/text/regex.h"

#include "runtime/text/utf8.h"

#include <algorithm>

namespace r1::text {
namespace {

using artifact::RegexOp;
constexpr uint32_t kMaxProgram = 4096;

} // namespace

struct Regex::Input {
  size_t pos = 0;
  uint32_t before = kNoClass, after = kNoClass; // kNoClass at the text's ends
};

Result<Regex> Regex::open(const artifact::Regex* source) {
  Regex regex;
  auto corrupt = [&](const char* what) {
    return fail(Code::kCorrupt, "regular expression '%.80s' in the artifact has %s; compile the model again",
                source->source() ? source->source()->c_str() : "", what);
  };
  regex.size_ = source->program()->size();
  regex.ranges_ = source->range_starts()->size();
  regex.words_ = (source->classes() + 63u) / 64;
  if (regex.size_ == 0 || regex.size_ > kMaxProgram)
    return corrupt("no instruction or too many");
  if (source->classes() == 0 || source->classes() > 255)
    return corrupt("no character class or too many");
  if (regex.ranges_ == 0 || regex.ranges_ != source->range_classes()->size() ||
      source->range_starts()->Get(0) != 0)
    return corrupt("a broken table of character classes");
  regex.starts_ = source->range_starts()->data();
  regex.classes_ = source->range_classes()->data();
  for (uint32_t i = 0; i < regex.ranges_; ++i) {
    if (i && regex.starts_[i] <= regex.starts_[i - 1])
      return corrupt("character ranges out of order");
    if (regex.classes_[i] >= source->classes())
      return corrupt("a character class that is not there");
  }
  regex.sets_ = source->sets()->data();
  if (source->sets()->size() > 0 &&
      reinterpret_cast<uintptr_t>(regex.sets_) % 8) // which the verifier does not look at
    return corrupt("character sets that are not aligned");
  regex.program_ = reinterpret_cast<const artifact::RegexInstruction*>(source->program()->Data());
  const uint32_t sets = source->sets()->size() / regex.words_;
  for (uint32_t pc = 0; pc < regex.size_; ++pc) {
    const artifact::RegexInstruction& instruction = regex.program_[pc];
    const RegexOp op = instruction.op();
    if (op > RegexOp::Match)
      return corrupt("an unknown instruction");
    const bool jumps = op == RegexOp::Split || op == RegexOp::Jump;
    if (jumps && (instruction.first() >= regex.size_ || instruction.second() >= regex.size_))
      return corrupt("a jump out of its program");
    const bool reads = op == RegexOp::Class || op == RegexOp::Ahead || op == RegexOp::Behind;
    if (reads && (instruction.set() >= sets || pc + 1 >= regex.size_))
      return corrupt("a set that is not there");
  }
  for (uint32_t code = 0; code < 128; ++code) {
    const uint32_t* end = regex.starts_ + regex.ranges_;
    regex.ascii_[code] = regex.classes_[std::upper_bound(regex.starts_, end, code) - regex.starts_ - 1];
  }
  regex.find_first_classes();
  return regex;
}

uint32_t Regex::class_of(uint32_t code) const {
  if (code < 128)
    return ascii_[code];
  return classes_[std::upper_bound(starts_, starts_ + ranges_, code) - starts_ - 1];
}

void Regex::find_first_classes() {
  std::vector<bool> seen(size_);
  std::vector<uint16_t> stack = {0};
  while (!stack.empty()) {
    const uint16_t pc = stack.back();
    stack.pop_back();
    if (seen[pc])
      continue;
    seen[pc] = true;
    const artifact::RegexInstruction& instruction = program_[pc];
    switch (instruction.op()) {
    case RegexOp::Class:
      for (uint32_t word = 0; word < words_; ++word)
        first_[word] |= sets_[size_t{instruction.set()} * words_ + word];
      break;
    case RegexOp::Split:
      stack.push_back(instruction.second());
      stack.push_back(instruction.first());
      break;
    case RegexOp::Jump:
      stack.push_back(instruction.first());
      break;
    case RegexOp::Ahead:
    case RegexOp::Behind:
      stack.push_back(static_cast<uint16_t>(pc + 1));
      break;
    case RegexOp::Match:
      can_be_empty_ = true;
      break;
    }
  }
}

// Follows everything that takes no character from `pc`, in order of preference.
void Regex::add(uint16_t pc, size_t start, const Input& input, std::vector<RegexScratch::Thread>& list,
                RegexScratch& scratch) const {
  std::vector<uint16_t>& stack = scratch.stack;
  stack.push_back(pc);
  while (!stack.empty()) {
    pc = stack.back();
    stack.pop_back();
    if (scratch.seen[pc] == scratch.mark)
      continue;
    scratch.seen[pc] = scratch.mark;
    const artifact::RegexInstruction& instruction = program_[pc];
    switch (instruction.op()) {
    case RegexOp::Split:
      stack.push_back(instruction.second());
      stack.push_back(instruction.first());
      break;
    case RegexOp::Jump:
      stack.push_back(instruction.first());
      break;
    case RegexOp::Ahead:
    case RegexOp::Behind: {
      const uint32_t side = instruction.op() == RegexOp::Ahead ? input.after : input.before;
      if (side == kNoClass ? instruction.edge() != 0 : in_set(instruction.set(), side))
        stack.push_back(static_cast<uint16_t>(pc + 1));
      break;
    }
    case RegexOp::Class:
    case RegexOp::Match:
      list.push_back({pc, start});
      break;
    }
  }
}

Result<Regex::Match> Regex::find(std::string_view text, size_t from, RegexScratch& scratch) const {
  if (scratch.seen.size() < size_)
    scratch.seen.resize(size_, 0);
  std::vector<RegexScratch::Thread>&now = scratch.now, &next = scratch.next;
  now.clear();
  auto new_mark = [&] {
    if (++scratch.mark == 0) {
      std::fill(scratch.seen.begin(), scratch.seen.end(), 0u);
      scratch.mark = 1;
    }
  };
  Match match;
  Input input;
  input.pos = from;
  if (from > 0) {
    size_t before = from - 1;
    while (before > 0 && (static_cast<uint8_t>(text[before]) & 0xC0) == 0x80)
      --before;
    input.before = class_of(decode_utf8(text, before).code);
  }
  size_t length = 0;
  auto look_ahead = [&] {
    if (input.pos < text.size()) {
      const Decoded decoded = decode_utf8(text, input.pos);
      length = decoded.length;
      input.after = class_of(decoded.code);
    } else {
      length = 0;
      input.after = kNoClass;
    }
  };
  look_ahead();
  new_mark(); // for `now`; each step below marks the threads of `next`, which then becomes `now`
  while (true) {
    const bool may_begin =
        can_be_empty_ || (input.after != kNoClass && (first_[input.after / 64] >> (input.after % 64) & 1));
    if (!match.found && may_begin)
      add(0, input.pos, input, now, scratch);
    if (now.empty() && (match.found || input.after == kNoClass))
      break;
    const uint64_t cost = 1 + now.size();
    if (scratch.budget < cost)
      return fail(Code::kUnsupported,
                  "a regular expression of the tokenizer needs too many steps for this text of %zu bytes; "
                  "split the text",
                  text.size());
    scratch.budget -= cost;
    next.clear();
    new_mark();
    Input ahead;
    // The input after this character, which the assertions of the next threads look at.
    const Input current = input;
    const size_t step = length;
    if (current.after != kNoClass) {
      ahead.before = current.after;
      ahead.pos = input.pos + step;
      input = ahead;
      look_ahead();
    }
    for (const RegexScratch::Thread& thread : now) {
      const artifact::RegexInstruction& instruction = program_[thread.pc];
      if (instruction.op() == RegexOp::Match) {
        match = {true, thread.start, current.pos};
        break; // what follows in the list is less preferred
      }
      if (current.after != kNoClass && in_set(instruction.set(), current.after))
        add(static_cast<uint16_t>(thread.pc + 1), thread.start, input, next, scratch);
    }
    if (current.after == kNoClass)
      break;
    std::swap(now, next);
  }
  return match;
}

Result<Regex::Match> RegexMatches::next() {
  while (from_ <= text_.size()) {
    R1_ASSIGN_OR_RETURN(const Regex::Match match, regex_.find(text_, from_, scratch_));
    if (!match.found)
      break;
    if (match.begin == match.end && match.end == last_end_) {
      from_ += from_ < text_.size() ? decode_utf8(text_, from_).length : 1;
      continue;
    }
    from_ = last_end_ = match.end;
    return match;
  }
  from_ = text_.size() + 1;
  return Regex::Match{};
}

} // namespace r1::text
