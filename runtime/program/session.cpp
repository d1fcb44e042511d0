#include "runtime/program/session.h"

#include <algorithm>

namespace r1 {

using artifact::EntryKind;
using artifact::IoSlot;

Session::Session(Program& program)
    : program_(program), page_tokens_(program.model().page_tokens()),
      max_context_(program.model().max_context()),
      pages_per_sequence_((max_context_ + page_tokens_ - 1) / page_tokens_),
      pages_(int32_t(program.device().cache_pages())), sequences_(program.model().max_batch()) {}

Result<int> Session::open_sequence() {
  for (size_t i = 0; i < sequences_.size(); ++i) {
    if (sequences_[i].open)
      continue;
    sequences_[i].open = true;
    return int(i);
  }
  return fail(Code::kContextFull,
              "all %zu sequences are in use; close one, or compile with a larger --max-batch",
              sequences_.size());
}

void Session::close_sequence(int sequence) {
  if (!check(sequence).ok())
    return;
  Sequence& s = sequences_[size_t(sequence)];
  for (int32_t page : s.pages)
    pages_.give_back(page);
  s = Sequence();
}

Status Session::check(int sequence) const {
  if (sequence >= 0 && size_t(sequence) < sequences_.size() && sequences_[size_t(sequence)].open)
    return Status();
  return fail(Code::kInvalidArgument, "sequence %d is not open", sequence);
}

Status Session::check_token(int32_t token) const {
  if (token >= 0 && uint32_t(token) < program_.model().vocab_size())
    return Status();
  return fail(Code::kInvalidArgument, "token id %d is outside the vocabulary of %u", token,
              program_.model().vocab_size());
}

Status Session::check_choices() const {
  for (const artifact::Entry* e : *program_.target().entries())
    if (!e->chooses())
      return fail(
          Code::kUnsupported,
          "the artifact is older than the choice of tokens on the device (it has logits alone); compile "
          "the model again");
  return Status();
}

Status Session::truncate(int sequence, int64_t length) {
  R1_RETURN_IF_ERROR(check(sequence));
  Sequence& s = sequences_[size_t(sequence)];
  if (length < 0 || length > s.length)
    return fail(Code::kInvalidArgument, "sequence %d has %lld tokens, %lld cannot be kept", sequence,
                (long long)s.length, (long long)length);
  s.length = length;
  while (int64_t(s.pages.size()) * page_tokens_ >= length + page_tokens_) {
    pages_.give_back(s.pages.back());
    s.pages.pop_back();
  }
  return Status();
}

// Makes room for `length` tokens, or changes nothing.
Status Session::reserve(int sequence, int64_t length) {
  Sequence& s = sequences_[size_t(sequence)];
  if (length > max_context_)
    return fail(Code::kContextFull,
                "%lld tokens do not fit the context of %lld; use a shorter text, or compile with a larger "
                "--max-context",
                (long long)length, (long long)max_context_);
  int64_t more = (length + page_tokens_ - 1) / page_tokens_ - int64_t(s.pages.size());
  if (more <= 0)
    return Status();
  if (size_t(more) > pages_.free())
    return fail(Code::kContextFull,
                "%lld tokens need %lld more pages of the cache, %zu of %u are free; close a sequence or open "
                "the model with a larger cache",
                (long long)length, (long long)more, pages_.free(), program_.device().cache_pages());
  size_t first = s.pages.size();
  for (int64_t i = 0; i < more; ++i)
    s.pages.push_back(pages_.take());
  return program_.device().write(IoSlot::PageTable,
                                 uint64_t(sequence) * uint64_t(pages_per_sequence_) + first,
                                 std::span(s.pages).subspan(first));
}

// Runs the step that ids_, positions_, slots_, rows_ and choices_ describe.
Status Session::step(uint32_t entry, const StepShape& shape) {
  if (cancelled_.load(std::memory_order_relaxed))
    return fail(Code::kCancelled, "stopped as asked");
  Device& d = program_.device();
  R1_RETURN_IF_ERROR(d.write(IoSlot::TokenIds, 0, ids_));
  R1_RETURN_IF_ERROR(d.write(IoSlot::Positions, 0, positions_));
  R1_RETURN_IF_ERROR(d.write(IoSlot::Slots, 0, slots_));
  R1_RETURN_IF_ERROR(d.write(IoSlot::LogitRows, 0, rows_));
  if (program_.target().entries()->Get(entry)->chooses()) {
    R1_RETURN_IF_ERROR(d.write(IoSlot::ChoiceOptions, 0, choices_.options));
    R1_RETURN_IF_ERROR(d.write(IoSlot::Draws, 0, choices_.draws));
  }
  return d.run(entry, shape);
}

Session::RowsDone Session::give_logits(const LogitSink& sink) {
  return [this, &sink](int64_t first, int64_t rows) -> Status {
    R1_ASSIGN_OR_RETURN(const float* logits, program_.device().logits(rows));
    return sink(first, rows, logits);
  };
}

Session::RowsDone Session::take_ids(int32_t* ids) {
  return [this, ids](int64_t first, int64_t rows) -> Status {
    R1_ASSIGN_OR_RETURN(std::span<const int32_t> chosen, program_.device().chosen(rows));
    for (int64_t r = 0; r < rows; ++r) {
      if (chosen[size_t(r)] < 0)
        return fail(Code::kDevice, "the model computed logits that are not numbers or not finite; check the "
                                   "weights with r1run check");
      ids[first + r] = chosen[size_t(r)];
    }
    return Status();
  };
}

Status Session::prefill(int sequence, std::span<const int32_t> tokens, Want want, const LogitSink& sink,
                        int64_t chunk) {
  return prefill_steps(sequence, tokens, want, nullptr, give_logits(sink), chunk);
}

Result<int32_t> Session::prefill(int sequence, std::span<const int32_t> tokens, const Choice& choice,
                                 int64_t chunk) {
  if (tokens.empty())
    return fail(Code::kInvalidArgument, "nothing can be chosen to follow no tokens; give at least one");
  R1_RETURN_IF_ERROR(check_choices());
  int32_t id = -1;
  RowsDone take = take_ids(&id);
  R1_RETURN_IF_ERROR(prefill_steps(
      sequence, tokens, Want::kLast, &choice, [&](int64_t, int64_t rows) { return take(0, rows); }, chunk));
  return id;
}

Status Session::decode(std::span<const Next> nexts, const LogitSink& sink) {
  return decode_steps(nexts, nullptr, give_logits(sink));
}

Status Session::decode(std::span<const Next> nexts, std::span<const Choice> choices, std::span<int32_t> ids) {
  if (choices.size() != nexts.size() || ids.size() != nexts.size())
    return fail(Code::kInvalidArgument, "%zu tokens with %zu choices and room for %zu ids; give one of each",
                nexts.size(), choices.size(), ids.size());
  R1_RETURN_IF_ERROR(check_choices());
  return decode_steps(nexts, choices.data(), take_ids(ids.data()));
}

Status Session::prefill_steps(int sequence, std::span<const int32_t> tokens, Want want, const Choice* choice,
                              const RowsDone& rows_done, int64_t chunk) {
  R1_RETURN_IF_ERROR(check(sequence));
  for (int32_t token : tokens)
    R1_RETURN_IF_ERROR(check_token(token));
  Sequence& s = sequences_[size_t(sequence)];
  R1_RETURN_IF_ERROR(reserve(sequence, s.length + int64_t(tokens.size())));
  for (int64_t done = 0, all = int64_t(tokens.size()); done < all;) {
    int64_t left = all - done;
    if (chunk > 0)
      left = std::min(left, chunk);
    uint32_t number = program_.entry_for(EntryKind::Prefill, left);
    const artifact::Entry& entry = *program_.target().entries()->Get(number);
    int64_t count = std::min<int64_t>(left, entry.max_tokens());
    if (want == Want::kAll && count > entry.max_logit_rows()) {
      count = entry.max_logit_rows();
      uint32_t smaller = program_.entry_for(EntryKind::Prefill, count); // which may take as many rows
      if (program_.target().entries()->Get(smaller)->max_logit_rows() >= count)
        number = smaller;
    }
    ids_.assign(tokens.begin() + done, tokens.begin() + done + count);
    positions_.resize(size_t(count));
    for (int64_t i = 0; i < count; ++i)
      positions_[size_t(i)] = int32_t(s.length + i);
    slots_.assign(size_t(count), sequence);
    rows_.clear();
    int64_t first_row = done;
    if (want == Want::kAll) {
      for (int64_t i = 0; i < count; ++i)
        rows_.push_back(int32_t(i));
    } else if (want == Want::kLast && done + count == all) {
      rows_.push_back(int32_t(count - 1));
      first_row = all - 1;
    }
    choices_.clear();
    if (choice && !rows_.empty())
      choices_.add(*choice);
    else
      choices_.add_none(int64_t(rows_.size()));
    R1_RETURN_IF_ERROR(step(number, {count, int64_t(rows_.size()), s.length + count}));
    s.length += count;
    done += count;
    if (!rows_.empty())
      R1_RETURN_IF_ERROR(rows_done(first_row, int64_t(rows_.size())));
  }
  return Status();
}

Status Session::decode_steps(std::span<const Next> nexts, const Choice* choices, const RowsDone& rows_done) {
  for (size_t i = 0; i < nexts.size(); ++i) {
    R1_RETURN_IF_ERROR(check(nexts[i].sequence));
    R1_RETURN_IF_ERROR(check_token(nexts[i].token));
    for (size_t j = 0; j < i; ++j)
      if (nexts[j].sequence == nexts[i].sequence)
        return fail(Code::kInvalidArgument, "sequence %d appears twice in one batch", nexts[i].sequence);
  }
  for (const Next& n : nexts)
    R1_RETURN_IF_ERROR(reserve(n.sequence, length(n.sequence) + 1));
  for (size_t done = 0; done < nexts.size();) {
    uint32_t number = program_.entry_for(EntryKind::Decode, int64_t(nexts.size() - done));
    const artifact::Entry& entry = *program_.target().entries()->Get(number);
    size_t count =
        std::min<size_t>(nexts.size() - done, std::min(entry.max_tokens(), entry.max_logit_rows()));
    ids_.clear(), positions_.clear(), slots_.clear(), rows_.clear(), choices_.clear();
    int64_t context = 0;
    for (size_t i = 0; i < count; ++i) {
      const Next& n = nexts[done + i];
      ids_.push_back(n.token);
      positions_.push_back(int32_t(length(n.sequence)));
      slots_.push_back(n.sequence);
      rows_.push_back(int32_t(i));
      context = std::max(context, length(n.sequence) + 1);
      if (choices)
        choices_.add(choices[done + i]);
    }
    if (!choices)
      choices_.add_none(int64_t(count));
    R1_RETURN_IF_ERROR(step(number, {int64_t(count), int64_t(count), context}));
    for (size_t i = 0; i < count; ++i)
      ++sequences_[size_t(nexts[done + i].sequence)].length;
    R1_RETURN_IF_ERROR(rows_done(int64_t(done), int64_t(count)));
    done += count;
  }
  return Status();
}

} // namespace r1
