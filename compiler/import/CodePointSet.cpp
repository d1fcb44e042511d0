#include "compiler/import/CodePointSet.h"

#include <algorithm>
#include <array>
#include <string>

namespace r1::compiler {
namespace {

#include "compiler/import/UnicodeCategories.inc"

constexpr std::array<std::string_view, 30> kCategories = {
    "cn", "cc", "cf", "co", "cs", "ll", "lm", "lo", "lt", "lu", "mc", "me", "mn", "nd", "nl",
    "no", "pc", "pd", "pe", "pf", "pi", "po", "ps", "sc", "sk", "sm", "so", "zl", "zp", "zs"};

struct Alias {
  std::string_view name, category;
};
constexpr Alias kAliases[] = {{"letter", "l"},
                              {"mark", "m"},
                              {"number", "n"},
                              {"punctuation", "p"},
                              {"symbol", "s"},
                              {"separator", "z"},
                              {"other", "c"},
                              {"lowercaseletter", "ll"},
                              {"uppercaseletter", "lu"},
                              {"titlecaseletter", "lt"},
                              {"modifierletter", "lm"},
                              {"otherletter", "lo"},
                              {"decimalnumber", "nd"},
                              {"letternumber", "nl"},
                              {"othernumber", "no"},
                              {"nonspacingmark", "mn"},
                              {"spacingmark", "mc"},
                              {"enclosingmark", "me"},
                              {"mathsymbol", "sm"},
                              {"currencysymbol", "sc"},
                              {"modifiersymbol", "sk"},
                              {"othersymbol", "so"},
                              {"control", "cc"},
                              {"spaceseparator", "zs"},
                              {"digit", "nd"}};

struct Script {
  std::string_view name;
  std::vector<CodePointSet::Range> ranges;
};
const std::array<Script, 4>& scripts() {
  static const std::array<Script, 4> table = {{
      {"han",
       {{0x2E80, 0x2E99},   {0x2E9B, 0x2EF3},   {0x2F00, 0x2FD5},   {0x3005, 0x3005},   {0x3007, 0x3007},
        {0x3021, 0x3029},   {0x3038, 0x303B},   {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFA6D},
        {0xFA70, 0xFAD9},   {0x16FE2, 0x16FE3}, {0x16FF0, 0x16FF1}, {0x20000, 0x2A6DF}, {0x2A700, 0x2B739},
        {0x2B740, 0x2B81D}, {0x2B820, 0x2CEA1}, {0x2CEB0, 0x2EBE0}, {0x2EBF0, 0x2EE5D}, {0x2F800, 0x2FA1D},
        {0x30000, 0x3134A}, {0x31350, 0x323AF}}},
      {"hiragana",
       {{0x3041, 0x3096},
        {0x309D, 0x309F},
        {0x1B001, 0x1B11F},
        {0x1B132, 0x1B132},
        {0x1B150, 0x1B152},
        {0x1F200, 0x1F200}}},
      {"katakana",
       {{0x30A1, 0x30FA},
        {0x30FD, 0x30FF},
        {0x31F0, 0x31FF},
        {0x32D0, 0x32FE},
        {0x3300, 0x3357},
        {0xFF66, 0xFF6F},
        {0xFF71, 0xFF9D},
        {0x1AFF0, 0x1AFF3},
        {0x1AFF5, 0x1AFFB},
        {0x1AFFD, 0x1AFFE},
        {0x1B000, 0x1B000},
        {0x1B120, 0x1B122},
        {0x1B155, 0x1B155},
        {0x1B164, 0x1B167}}},
      {"hangul",
       {{0x1100, 0x11FF},
        {0x302E, 0x302F},
        {0x3131, 0x318E},
        {0x3200, 0x321E},
        {0x3260, 0x327E},
        {0xA960, 0xA97C},
        {0xAC00, 0xD7A3},
        {0xD7B0, 0xD7C6},
        {0xD7CB, 0xD7FB},
        {0xFFA0, 0xFFBE},
        {0xFFC2, 0xFFC7},
        {0xFFCA, 0xFFCF},
        {0xFFD2, 0xFFD7},
        {0xFFDA, 0xFFDC}}},
  }};
  return table;
}

// All code points of the categories whose two-letter name begins with `prefix`.
CodePointSet categories(std::string_view prefix) {
  CodePointSet set;
  size_t runs = std::size(kCategoryRuns);
  for (size_t i = 0; i < runs; ++i)
    if (kCategories[kCategoryRuns[i] & 31].starts_with(prefix))
      set.add(kCategoryRuns[i] >> 5, i + 1 < runs ? (kCategoryRuns[i + 1] >> 5) - 1 : kLastCodePoint);
  return set;
}

// Alphabetic, marks, decimal digits, connectors: Unicode's recommendation for \w.
CodePointSet unicodeWordSet() {
  CodePointSet set;
  for (std::string_view category : {"l", "m", "nd", "nl", "pc"})
    set.add(categories(category));
  for (CodePointSet::Range circled :
       {CodePointSet::Range{0x24B6, 0x24E9}, CodePointSet::Range{0x1F130, 0x1F149},
        CodePointSet::Range{0x1F150, 0x1F169}, CodePointSet::Range{0x1F170, 0x1F189}})
    set.add(circled.first, circled.last);
  return set;
}

} // namespace

CodePointSet CodePointSet::of(uint32_t first, uint32_t last) {
  CodePointSet set;
  set.add(first, last);
  return set;
}

void CodePointSet::add(uint32_t first, uint32_t last) {
  // The ranges that the new one touches or overlaps are replaced by their hull.
  auto begin = std::lower_bound(ranges_.begin(), ranges_.end(), first,
                                [](const Range& range, uint32_t code) { return range.last + 1 < code; });
  auto end = begin;
  for (; end != ranges_.end() && end->first <= last + 1; ++end) {
    first = std::min(first, end->first);
    last = std::max(last, end->last);
  }
  begin = ranges_.erase(begin, end);
  ranges_.insert(begin, Range{first, last});
}

void CodePointSet::add(const CodePointSet& other) {
  for (const Range& range : other.ranges_)
    add(range.first, range.last);
}

CodePointSet CodePointSet::complement() const {
  CodePointSet result;
  uint32_t next = 0;
  for (const Range& range : ranges_) {
    if (range.first > next)
      result.ranges_.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLastCodePoint)
    result.ranges_.push_back({next, kLastCodePoint});
  return result;
}

bool CodePointSet::contains(uint32_t code) const {
  auto it = std::lower_bound(ranges_.begin(), ranges_.end(), code,
                             [](const Range& range, uint32_t value) { return range.last < value; });
  return it != ranges_.end() && it->first <= code;
}

CodePointSet spaceSet() {
  CodePointSet set = CodePointSet::of(9, 13);
  set.add(0x85, 0x85);
  set.add(categories("z"));
  return set;
}

CodePointSet digitSet() { return categories("nd"); }

CodePointSet rustWordSet() {
  CodePointSet set = unicodeWordSet();
  set.add(0x200C, 0x200D);
  return set;
}

CodePointSet wordSet() {
  CodePointSet set = unicodeWordSet();
  // Oniguruma's table for code points below 256 calls these word characters as well.
  set.add(0xB2, 0xB3);
  set.add(0xB9, 0xB9);
  set.add(0xBC, 0xBE);
  return set;
}

std::optional<CodePointSet> propertySet(std::string_view name) {
  std::string key;
  for (char c : name)
    if (c != '_' && c != '-' && c != ' ')
      key += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const Alias& alias : kAliases)
    if (key == alias.name)
      key = alias.category;
  if (key.size() == 1 && std::string_view("clmnpsz").find(key[0]) != std::string_view::npos)
    return categories(key);
  if (std::find(kCategories.begin(), kCategories.end(), key) != kCategories.end())
    return categories(key);
  for (const Script& script : scripts())
    if (key == script.name) {
      CodePointSet set;
      for (const CodePointSet::Range& range : script.ranges)
        set.add(range.first, range.last);
      return set;
    }
  if (key == "space" || key == "whitespace")
    return spaceSet();
  if (key == "any")
    return CodePointSet::of(0, kLastCodePoint);
  if (key == "ascii")
    return CodePointSet::of(0, 0x7F);
  return std::nullopt;
}

} // namespace r1::compiler
