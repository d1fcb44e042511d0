// Sequences over the paged latent cache: prefill in chunks, decode in batches, each sequence of its own length.
#pragma once
#include <atomic>
#include <functional>
#include <span>
#include <vector>

#include "runtime/program/pages.h"
#include "runtime/program/program.h"
#include "runtime/program/sampling.h"

namespace r1 {

// Which tokens of a prefill want their logits.
enum class Want { kNone, kLast, kAll };

// Receives rows of logits, model().logits_stride() floats apart; `first` is the number of the first row's token within
// the call. The rows are valid during the call only.
using LogitSink = std::function<Status(int64_t first, int64_t rows, const float* logits)>;

// One thread at a time may use a Session; only one Session a Program at a time.
class Session {
public:
  explicit Session(Program& program);

  // A sequence number, an index below model().max_batch(); kContextFull where all are in use.
  Result<int> open_sequence();
  void close_sequence(int sequence);
  bool is_open(int sequence) const { return check(sequence).ok(); }
  int64_t length(int sequence) const { return sequences_[size_t(sequence)].length; }
  // Forgets the tokens after the first `length`.
  Status truncate(int sequence, int64_t length);

  // Appends tokens, at most `chunk` a step (0: as many as the program takes). kContextFull where they do not fit; then
  // nothing has changed. kCancelled between steps if cancel() was called; the steps before it stay.
  Status prefill(int sequence, std::span<const int32_t> tokens, Want want, const LogitSink& sink,
                 int64_t chunk = 0);
  // The same, and gives the id chosen to follow the last token. kDevice where its logits allow no choice; kUnsupported, before
  // anything has run, where the artifact is older than choices on the device.
  Result<int32_t> prefill(int sequence, std::span<const int32_t> tokens, const Choice& choice,
                          int64_t chunk = 0);

  struct Next {
    int sequence;
    int32_t token;
  };
  // Appends one token to each of the sequences, which must differ; row i of the logits belongs to nexts[i].
  // kContextFull as for prefill, for the first sequence that does not fit.
  Status decode(std::span<const Next> nexts, const LogitSink& sink);
  // The same, but brings back ids instead of logits: ids[i], chosen as choices[i] says, is to follow nexts[i]. Errors as above.
  Status decode(std::span<const Next> nexts, std::span<const Choice> choices, std::span<int32_t> ids);

  // Any thread, or a signal handler: makes the running and later calls stop. reset_cancel() undoes it.
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  void reset_cancel() { cancelled_.store(false, std::memory_order_relaxed); }

  Program& program() const { return program_; }

private:
  struct Sequence {
    bool open = false;
    int64_t length = 0;
    std::vector<int32_t> pages;
  };

  Status check(int sequence) const;
  Status check_token(int32_t token) const;
  Status check_choices() const;
  Status reserve(int sequence, int64_t length);
  Status step(uint32_t entry, const StepShape& shape);
  // Called after a step that wanted rows, the first of which is number `first` of the call.
  using RowsDone = std::function<Status(int64_t first, int64_t rows)>;
  Status prefill_steps(int sequence, std::span<const int32_t> tokens, Want want, const Choice* choice,
                       const RowsDone& done, int64_t chunk);
  Status decode_steps(std::span<const Next> nexts, const Choice* choices, const RowsDone& done);
  RowsDone give_logits(const LogitSink& sink);
  RowsDone take_ids(int32_t* ids);

  Program& program_;
  const int64_t page_tokens_, max_context_, pages_per_sequence_;
  PageAllocator pages_;
  std::vector<Sequence> sequences_;
  std::vector<int32_t> positions_, slots_, rows_, ids_; // of the step being formed
  ChoiceWords choices_;
  std::atomic<bool> cancelled_{false};
};

} // namespace r1
