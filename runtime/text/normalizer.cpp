#include "runtime/text/normalizer.h"

#include "runtime/text/utf8.h"

#include <algorithm>
#include <array>

namespace r1::text {
namespace {

// Hangul syllables are composed by arithmetic (Unicode standard, section 3.12).
constexpr uint32_t kSBase = 0xAC00, kLBase = 0x1100, kVBase = 0x1161, kTBase = 0x11A7;
constexpr uint32_t kLCount = 19, kVCount = 21, kTCount = 28, kSCount = kLCount * kVCount * kTCount;
constexpr int kMaxDecompositions = 8; // a character's first part decomposes again, at most a few times
constexpr size_t kMaxText = size_t{1} << 28;

} // namespace

Result<CanonicalComposer> CanonicalComposer::open(const artifact::Canonical* canonical) {
  CanonicalComposer composer;
  composer.decompositions_ = {
      reinterpret_cast<const artifact::Decomposition*>(canonical->decompositions()->Data()),
      canonical->decompositions()->size()};
  composer.combining_ = {reinterpret_cast<const artifact::CombiningRange*>(canonical->combining()->Data()),
                         canonical->combining()->size()};
  uint32_t previous = 0;
  for (const artifact::Decomposition& entry : composer.decompositions_) {
    if (entry.code() <= previous)
      return fail(Code::kCorrupt,
                  "the artifact's canonical decompositions are out of order; compile the model again");
    previous = entry.code();
    if (entry.composes())
      composer.pairs_.push_back({entry.first(), entry.second(), entry.code()});
  }
  uint32_t next = 0;
  for (const artifact::CombiningRange& range : composer.combining_) {
    if (range.first() < next || range.last() < range.first() || range.last() > 0x10FFFF)
      return fail(Code::kCorrupt,
                  "the artifact's combining classes are out of order; compile the model again");
    next = range.last() + 1;
  }
  std::sort(composer.pairs_.begin(), composer.pairs_.end(), [](const Pair& a, const Pair& b) {
    return a.first != b.first ? a.first < b.first : a.second < b.second;
  });
  return composer;
}

void CanonicalComposer::decompose(uint32_t code, std::vector<uint32_t>& out) const {
  if (code - kSBase < kSCount) {
    const uint32_t index = code - kSBase;
    out.push_back(kLBase + index / (kVCount * kTCount));
    out.push_back(kVBase + index % (kVCount * kTCount) / kTCount);
    if (index % kTCount)
      out.push_back(kTBase + index % kTCount);
    return;
  }
  uint32_t seconds[kMaxDecompositions] = {};
  int count = 0;
  for (; count < kMaxDecompositions; ++count) {
    auto it = std::lower_bound(
        decompositions_.begin(), decompositions_.end(), code,
        [](const artifact::Decomposition& entry, uint32_t value) { return entry.code() < value; });
    if (it == decompositions_.end() || it->code() != code)
      break;
    code = it->first();
    seconds[count] = it->second(); // 0: the character stands for one other
  }
  out.push_back(code);
  while (count > 0)
    if (seconds[--count])
      out.push_back(seconds[count]);
}

uint32_t CanonicalComposer::combining_class(uint32_t code) const {
  auto it = std::lower_bound(
      combining_.begin(), combining_.end(), code,
      [](const artifact::CombiningRange& range, uint32_t value) { return range.last() < value; });
  return it != combining_.end() && it->first() <= code ? it->combining_class() : 0;
}

uint32_t CanonicalComposer::pair(uint32_t first, uint32_t second) const {
  if (first - kLBase < kLCount && second - kVBase < kVCount)
    return kSBase + ((first - kLBase) * kVCount + (second - kVBase)) * kTCount;
  if (first - kSBase < kSCount && (first - kSBase) % kTCount == 0 && second - kTBase - 1 < kTCount - 1)
    return first + (second - kTBase);
  auto it = std::lower_bound(pairs_.begin(), pairs_.end(), Pair{first, second, 0},
                             [](const Pair& a, const Pair& b) {
                               return a.first != b.first ? a.first < b.first : a.second < b.second;
                             });
  return it != pairs_.end() && it->first == first && it->second == second ? it->code : 0;
}

std::string CanonicalComposer::compose(std::string_view text) const {
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; }))
    return std::string(text);
  std::vector<uint32_t> codes;
  codes.reserve(text.size());
  for (size_t pos = 0; pos < text.size();) {
    const Decoded decoded = decode_utf8(text, pos);
    decompose(decoded.code, codes);
    pos += decoded.length;
  }
  std::vector<uint32_t> classes(codes.size());
  for (size_t i = 0; i < codes.size(); ++i)
    classes[i] = combining_class(codes[i]);
  // Marks after a starter go in order of their class.
  std::vector<std::array<uint32_t, 3>> run; // class, place (which keeps equal classes in order), code point
  for (size_t i = 0; i < codes.size();) {
    size_t end = i;
    while (end < codes.size() && classes[end] != 0)
      ++end;
    if (end - i > 1) {
      run.clear();
      for (size_t k = i; k < end; ++k)
        run.push_back({classes[k], static_cast<uint32_t>(k), codes[k]});
      std::sort(run.begin(), run.end());
      for (size_t k = i; k < end; ++k) {
        classes[k] = run[k - i][0];
        codes[k] = run[k - i][2];
      }
    }
    i = std::max(end, i + 1);
  }
  std::vector<uint32_t> result;
  constexpr size_t kNone = ~size_t{0};
  size_t starter = kNone;
  uint32_t last_class = 0; // of the mark before, if nothing since the starter blocks; 0: the starter itself
  for (size_t i = 0; i < codes.size(); ++i) {
    const bool blocked = starter != kNone && starter + 1 < result.size() && last_class >= classes[i];
    if (starter != kNone && !blocked)
      if (uint32_t composed = pair(result[starter], codes[i])) {
        result[starter] = composed;
        continue;
      }
    if (classes[i] == 0)
      starter = result.size();
    last_class = classes[i];
    result.push_back(codes[i]);
  }
  std::string out;
  out.reserve(text.size());
  for (uint32_t code : result)
    append_utf8(out, code);
  return out;
}

Result<Normalizer> Normalizer::open(const artifact::Tokenizer* source, const std::vector<Regex>& regexes) {
  Normalizer normalizer;
  for (const artifact::NormalizerStep* step : *source->normalizers()) {
    const std::string_view text = step->text() ? step->text()->string_view() : std::string_view();
    if (!is_utf8(text) || text.size() > 4096)
      return fail(Code::kCorrupt,
                  "a normalizer's text in the artifact is not UTF-8 or too long; compile the model again");
    switch (step->kind()) {
    case artifact::NormalizerKind::Nfc:
      if (!source->canonical())
        return fail(Code::kCorrupt,
                    "the artifact's tokenizer wants NFC but has no tables; compile the model again");
      break;
    case artifact::NormalizerKind::Prepend:
      break;
    case artifact::NormalizerKind::Replace:
      if (step->regex() >= regexes.size())
        return fail(Code::kCorrupt, "a normalizer's pattern is not in the artifact; compile the model again");
      break;
    default:
      return fail(Code::kVersion, "the artifact's tokenizer has a normalizer that this r1run does not know");
    }
    normalizer.steps_.push_back({step->kind(), step->regex(), text});
  }
  if (normalizer.steps_.size() > 64)
    return fail(Code::kCorrupt, "the artifact's tokenizer has %zu normalizers; compile the model again",
                normalizer.steps_.size());
  if (source->canonical()) {
    R1_ASSIGN_OR_RETURN(normalizer.composer_, CanonicalComposer::open(source->canonical()));
  }
  return normalizer;
}

Result<std::string> Normalizer::normalize(std::string_view text, const std::vector<Regex>& regexes,
                                          RegexScratch& scratch) const {
  std::string current(text);
  for (const Step& step : steps_) {
    if (current.empty())
      break;
    switch (step.kind) {
    case artifact::NormalizerKind::Nfc:
      current = composer_.compose(current);
      break;
    case artifact::NormalizerKind::Prepend:
      current.insert(0, step.text);
      break;
    case artifact::NormalizerKind::Replace: {
      std::string replaced;
      size_t done = 0;
      RegexMatches matches(regexes[step.regex], current, scratch);
      while (true) {
        R1_ASSIGN_OR_RETURN(const Regex::Match match, matches.next());
        if (!match.found)
          break;
        replaced.append(current, done, match.begin - done).append(step.text);
        done = match.end;
        if (replaced.size() > kMaxText)
          break;
      }
      current = replaced.append(current, done);
      break;
    }
    }
    if (current.size() > kMaxText)
      return fail(Code::kInvalidArgument, "the normalized text is longer than %zu bytes; split it", kMaxText);
  }
  return current;
}

} // namespace r1::text
