// From the tree of a regular expression to the program of a Pike machine, over classes of code points that no set of the
// pattern tells apart.
#include "compiler/import/RegexCompiler.h"

#include "compiler/import/RegexParser.h"
#include "compiler/import/TextError.h"
#include "compiler/import/Utf8.h"

#include <algorithm>
#include <map>

namespace r1::compiler {
namespace {

using artifact::RegexInstruction;
using artifact::RegexOp;
constexpr size_t kMaxProgram = 4096; // runtime/text/regex.cpp refuses longer ones
constexpr size_t kMaxVisits = 16 * kMaxProgram;
constexpr size_t kMaxClasses = 255;
constexpr size_t kMaxPattern = 16384;

class Emitter {
public:
  bool emit(const RegexNode& node) {
    if (++visits_ > kMaxVisits) // repetitions of nothing at all, which add no instruction
      return false;
    switch (node.kind) {
    case RegexNode::Kind::Set:
      push(RegexOp::Class, 0, setNumber(node.set));
      break;
    case RegexNode::Kind::Ahead:
      push(RegexOp::Ahead, node.edge, setNumber(node.set));
      break;
    case RegexNode::Kind::Behind:
      push(RegexOp::Behind, node.edge, setNumber(node.set));
      break;
    case RegexNode::Kind::Sequence:
      for (const auto& child : node.children)
        if (!emit(*child))
          return false;
      break;
    case RegexNode::Kind::Alternatives:
      return emitAlternatives(node);
    case RegexNode::Kind::Repeat:
      return emitRepeat(node);
    }
    return program_.size() < kMaxProgram;
  }

  void finish(artifact::RegexT& regex) {
    push(RegexOp::Match, 0, 0);
    regex.program = std::move(program_);
    sortIntoClasses(regex);
  }

private:
  size_t push(RegexOp op, bool edge, size_t set) {
    program_.emplace_back(op, edge ? 1 : 0, static_cast<uint16_t>(set), 0, 0);
    return program_.size() - 1;
  }
  uint16_t here() const { return static_cast<uint16_t>(program_.size()); }
  // `preferred` is tried first.
  void patch(size_t at, uint16_t preferred, uint16_t other) {
    program_[at] =
        RegexInstruction(program_[at].op(), program_[at].edge(), program_[at].set(), preferred, other);
  }

  bool emitAlternatives(const RegexNode& node) {
    std::vector<size_t> jumps;
    for (size_t i = 0; i < node.children.size(); ++i) {
      bool last = i + 1 == node.children.size();
      size_t split = last ? 0 : push(RegexOp::Split, false, 0);
      if (!emit(*node.children[i]))
        return false;
      if (last)
        break;
      jumps.push_back(push(RegexOp::Jump, false, 0));
      patch(split, static_cast<uint16_t>(split + 1), here());
    }
    for (size_t jump : jumps)
      patch(jump, here(), 0);
    return program_.size() < kMaxProgram;
  }

  bool emitRepeat(const RegexNode& node) {
    const RegexNode& body = *node.children[0];
    for (unsigned i = 0; i < node.least; ++i)
      if (!emit(body))
        return false;
    if (node.most == RegexNode::kUnlimited) {
      size_t split = push(RegexOp::Split, false, 0);
      if (!emit(body))
        return false;
      patch(push(RegexOp::Jump, false, 0), static_cast<uint16_t>(split), 0);
      patchSplit(split, node.greedy);
      return program_.size() < kMaxProgram;
    }
    std::vector<size_t> splits;
    for (unsigned i = node.least; i < node.most; ++i) {
      splits.push_back(push(RegexOp::Split, false, 0));
      if (!emit(body))
        return false;
    }
    for (size_t split : splits)
      patchSplit(split, node.greedy);
    return program_.size() < kMaxProgram;
  }
  void patchSplit(size_t split, bool greedy) {
    auto body = static_cast<uint16_t>(split + 1);
    greedy ? patch(split, body, here()) : patch(split, here(), body);
  }

  size_t setNumber(const CodePointSet& set) {
    std::vector<uint32_t> key;
    for (const CodePointSet::Range& range : set.ranges())
      key.insert(key.end(), {range.first, range.last});
    auto [it, inserted] = numbers_.try_emplace(std::move(key), sets_.size());
    if (inserted)
      sets_.push_back(set);
    return it->second;
  }

  // Cuts the code points at every border of a set; pieces that lie in the same sets are one class.
  void sortIntoClasses(artifact::RegexT& regex) {
    std::vector<uint32_t> borders = {0};
    for (const CodePointSet& set : sets_)
      for (const CodePointSet::Range& range : set.ranges()) {
        borders.push_back(range.first);
        if (range.last < kLastCodePoint)
          borders.push_back(range.last + 1);
      }
    std::sort(borders.begin(), borders.end());
    borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
    std::map<std::vector<bool>, size_t> classes;
    for (uint32_t border : borders) {
      std::vector<bool> members;
      for (const CodePointSet& set : sets_)
        members.push_back(set.contains(border));
      size_t number = classes.try_emplace(std::move(members), classes.size()).first->second;
      if (!regex.range_classes.empty() && regex.range_classes.back() == number)
        continue;
      regex.range_starts.push_back(border);
      regex.range_classes.push_back(static_cast<uint8_t>(std::min<size_t>(number, 255)));
    }
    regex.classes = static_cast<uint16_t>(std::min<size_t>(classes.size(), kMaxClasses + 1));
    size_t words = (classes.size() + 63) / 64;
    regex.sets.assign(sets_.size() * words, 0);
    for (const auto& [members, number] : classes)
      for (size_t set = 0; set < sets_.size(); ++set)
        if (members[set])
          regex.sets[set * words + number / 64] |= uint64_t{1} << (number % 64);
  }

  size_t visits_ = 0;
  std::vector<RegexInstruction> program_;
  std::vector<CodePointSet> sets_;
  std::map<std::vector<uint32_t>, size_t> numbers_;
};

} // namespace

llvm::Expected<std::unique_ptr<artifact::RegexT>> compileRegex(std::string_view pattern) {
  std::string shown = excerpt(pattern, 200);
  if (pattern.size() > kMaxPattern)
    return textError("regular expression '" + shown + "' is longer than " + std::to_string(kMaxPattern) +
                     " bytes, which r1c does not support");
  auto tree = parseRegex(pattern);
  if (!tree)
    return tree.takeError();
  auto regex = std::make_unique<artifact::RegexT>();
  Emitter emitter;
  if (!emitter.emit(**tree))
    return textError("regular expression '" + shown + "' needs more than " + std::to_string(kMaxProgram) +
                     " instructions, which r1c does not support");
  emitter.finish(*regex);
  if (regex->classes > kMaxClasses)
    return textError("regular expression '" + shown + "' tells more than " + std::to_string(kMaxClasses) +
                     " classes of characters apart, which r1c does not support");
  regex->source = std::string(pattern);
  return regex;
}

std::string escapeRegex(std::string_view text) {
  std::string escaped;
  for (char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos)
      escaped += '\\';
    escaped += c;
  }
  return escaped;
}

} // namespace r1::compiler
