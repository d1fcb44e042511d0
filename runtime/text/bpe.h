// Byte pair encoding over the tables of the artifact, which are used where they lie and must outlive it.
#pragma once
#include "runtime/artifact/text_generated.h"
#include "runtime/base/status.h"

#include <span>
#include <string_view>
#include <vector>

namespace r1::text {

// Buffers that pieces reuse. One per thread.
struct BpeScratch {
  struct Symbol {
    int32_t id; // -1: merged into the symbol before
    uint32_t previous, next;
  };
  struct Candidate {
    uint64_t order; // rank << 32 | position: the lowest goes first
    uint32_t result;
  };
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
};

class Bpe {
public:
  // Checks every offset, order and id.
  static Result<Bpe> open(const artifact::Tokenizer* source);

  uint32_t tokens() const { return static_cast<uint32_t>(flags_.size()); }
  bool present(uint32_t id) const { return id < flags_.size() && !(flags_[id] & 1); }
  bool special(uint32_t id) const { return id < flags_.size() && (flags_[id] & 2); }
  // The bytes that a token stands for; empty for an id that is not there.
  std::string_view bytes(uint32_t id) const;

  // Appends the tokens of one piece. O(n log n) in its length.
  void encode(std::string_view piece, std::vector<int32_t>& ids, BpeScratch& scratch) const;

private:
  const artifact::Merge* find_merge(uint32_t left, uint32_t right) const;
  void push_candidate(uint32_t position, BpeScratch& scratch) const;
  void split_into_symbols(std::string_view piece, BpeScratch& scratch) const;

  std::span<const uint8_t> flags_;
  std::string_view bytes_;
  std::span<const uint32_t> offsets_, merge_offsets_, whole_pieces_;
  std::span<const artifact::Merge> merges_;
  std::span<const int32_t> byte_tokens_;
  int32_t unknown_ = -1;
  bool fuse_unknown_ = false;
};

} // namespace r1::text
