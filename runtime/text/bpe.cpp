#include "runtime/text/bpe.h"

#include <algorithm>

namespace r1::text {
namespace {

constexpr uint32_t kMaxTokens = 1u << 24;
constexpr uint32_t kNone = ~0u;

template <class T> std::span<const T> span_of(const flatbuffers::Vector<T>* vector) {
  return vector ? std::span<const T>(vector->data(), vector->size()) : std::span<const T>();
}

bool rising(std::span<const uint32_t> offsets, size_t last) {
  return std::is_sorted(offsets.begin(), offsets.end()) && offsets.front() == 0 && offsets.back() == last;
}

} // namespace

Result<Bpe> Bpe::open(const artifact::Tokenizer* source) {
  auto corrupt = [](const char* what) {
    return fail(Code::kCorrupt, "the artifact's tokenizer has %s; compile the model again", what);
  };
  Bpe bpe;
  bpe.flags_ = {reinterpret_cast<const uint8_t*>(source->token_flags()->Data()),
                source->token_flags()->size()};
  bpe.bytes_ = {reinterpret_cast<const char*>(source->token_bytes()->data()), source->token_bytes()->size()};
  bpe.offsets_ = span_of(source->token_offsets());
  bpe.merge_offsets_ = span_of(source->merge_offsets());
  bpe.merges_ = {reinterpret_cast<const artifact::Merge*>(source->merges()->Data()),
                 source->merges()->size()};
  bpe.byte_tokens_ = span_of(source->byte_tokens());
  bpe.whole_pieces_ = span_of(source->whole_pieces());
  bpe.unknown_ = source->unk_token();
  bpe.fuse_unknown_ = source->fuse_unk();
  const uint32_t tokens = bpe.tokens();
  if (tokens == 0 || tokens > kMaxTokens)
    return corrupt("no tokens or too many");
  if (bpe.offsets_.size() != tokens + 1 || !rising(bpe.offsets_, bpe.bytes_.size()))
    return corrupt("token offsets that do not rise to the end of the token bytes");
  if (bpe.merge_offsets_.size() != tokens + 1 || !rising(bpe.merge_offsets_, bpe.merges_.size()))
    return corrupt("merge offsets that do not rise to the number of merges");
  for (uint32_t left = 0; left < tokens; ++left)
    for (uint32_t i = bpe.merge_offsets_[left]; i < bpe.merge_offsets_[left + 1]; ++i) {
      const artifact::Merge& merge = bpe.merges_[i];
      if (merge.right() >= tokens || merge.result() >= tokens)
        return corrupt("a merge of a token that is not there");
      if (i > bpe.merge_offsets_[left] && bpe.merges_[i - 1].right() >= merge.right())
        return corrupt("merges out of order");
    }
  if (bpe.byte_tokens_.size() != 256)
    return corrupt("no token for each of the 256 bytes");
  for (int32_t id : bpe.byte_tokens_)
    if (id < -1 || (id >= 0 && static_cast<uint32_t>(id) >= tokens))
      return corrupt("a byte whose token is not there");
  if (bpe.unknown_ < -1 || (bpe.unknown_ >= 0 && static_cast<uint32_t>(bpe.unknown_) >= tokens))
    return corrupt("an unknown token that is not there");
  for (size_t i = 0; i < bpe.whole_pieces_.size(); ++i) {
    if (bpe.whole_pieces_[i] >= tokens)
      return corrupt("a whole piece that is not a token");
    if (i && bpe.bytes(bpe.whole_pieces_[i - 1]) >= bpe.bytes(bpe.whole_pieces_[i]))
      return corrupt("whole pieces out of order");
  }
  return bpe;
}

std::string_view Bpe::bytes(uint32_t id) const {
  if (id >= flags_.size())
    return {};
  return bytes_.substr(offsets_[id], offsets_[id + 1] - offsets_[id]);
}

const artifact::Merge* Bpe::find_merge(uint32_t left, uint32_t right) const {
  const artifact::Merge* begin = merges_.data() + merge_offsets_[left];
  const artifact::Merge* end = merges_.data() + merge_offsets_[left + 1];
  const artifact::Merge* it = std::lower_bound(
      begin, end, right, [](const artifact::Merge& merge, uint32_t value) { return merge.right() < value; });
  return it != end && it->right() == right ? it : nullptr;
}

// Offers the merge of the symbol at `position` with the one after it.
void Bpe::push_candidate(uint32_t position, BpeScratch& scratch) const {
  const BpeScratch::Symbol& symbol = scratch.symbols[position];
  if (symbol.next == kNone)
    return;
  const artifact::Merge* merge =
      find_merge(static_cast<uint32_t>(symbol.id), static_cast<uint32_t>(scratch.symbols[symbol.next].id));
  if (merge)
    scratch.heap.push_back({uint64_t{merge->rank()} << 32 | position, merge->result()});
}

void Bpe::split_into_symbols(std::string_view piece, BpeScratch& scratch) const {
  scratch.symbols.clear();
  bool unknown = false; // an unknown token waits for its neighbour, which it may swallow
  for (char c : piece) {
    const int32_t id = byte_tokens_[static_cast<uint8_t>(c)];
    if (id < 0 && unknown_ < 0)
      continue;
    if (unknown && (id >= 0 || !fuse_unknown_))
      scratch.symbols.push_back({unknown_, 0, 0});
    unknown = id < 0;
    if (id >= 0)
      scratch.symbols.push_back({id, 0, 0});
  }
  if (unknown)
    scratch.symbols.push_back({unknown_, 0, 0});
  const auto count = static_cast<uint32_t>(scratch.symbols.size());
  for (uint32_t i = 0; i < count; ++i) {
    scratch.symbols[i].previous = i ? i - 1 : kNone;
    scratch.symbols[i].next = i + 1 < count ? i + 1 : kNone;
  }
}

void Bpe::encode(std::string_view piece, std::vector<int32_t>& ids, BpeScratch& scratch) const {
  if (!whole_pieces_.empty()) {
    auto it = std::lower_bound(whole_pieces_.begin(), whole_pieces_.end(), piece,
                               [this](uint32_t id, std::string_view value) { return bytes(id) < value; });
    if (it != whole_pieces_.end() && bytes(*it) == piece) {
      ids.push_back(static_cast<int32_t>(*it));
      return;
    }
  }
  split_into_symbols(piece, scratch);
  std::vector<BpeScratch::Symbol>& symbols = scratch.symbols;
  std::vector<BpeScratch::Candidate>& heap = scratch.heap;
  auto later = [](const BpeScratch::Candidate& a, const BpeScratch::Candidate& b) {
    return a.order > b.order;
  };
  heap.clear();
  for (uint32_t i = 0; i + 1 < symbols.size(); ++i)
    push_candidate(i, scratch);
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const BpeScratch::Candidate best = heap.back();
    heap.pop_back();
    const auto position = static_cast<uint32_t>(best.order);
    BpeScratch::Symbol& symbol = symbols[position];
    if (symbol.id < 0 || symbol.next == kNone)
      continue;
    BpeScratch::Symbol& right = symbols[symbol.next];
    // Offers are not withdrawn when a neighbour changes; an old one counts if what stands there now merges to the same token.
    const artifact::Merge* merge =
        find_merge(static_cast<uint32_t>(symbol.id), static_cast<uint32_t>(right.id));
    if (!merge || merge->result() != best.result)
      continue;
    symbol.id = static_cast<int32_t>(best.result);
    right.id = -1;
    symbol.next = right.next;
    if (symbol.next != kNone)
      symbols[symbol.next].previous = position;
    for (const uint32_t left : {symbol.previous, position}) {
      if (left == kNone)
        continue;
      const size_t before = heap.size();
      push_candidate(left, scratch);
      if (heap.size() != before)
        std::push_heap(heap.begin(), heap.end(), later);
    }
  }
  for (const BpeScratch::Symbol& symbol : symbols)
    if (symbol.id >= 0)
      ids.push_back(symbol.id);
}

} // namespace r1::text
