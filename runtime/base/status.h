// How everything under runtime/ reports failure: a Status, or a Result<T> that holds a value or a Status. No exceptions,
// no abort. A Status that says "ok" is one null pointer; the message is allocated only on failure.
//
// A message is one line: what was found, what was expected, where, what to do.
#pragma once
#include <cstdarg>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace r1 {

// Published through the C API as r1_code (runtime/api/r1rt.h): numbers never change meaning.
enum class Code : int {
  kOk = 0,
  kInvalidArgument = 1, // the caller passed something that no artifact would accept
  kNotFound = 2,        // a file, an entry or a name that is not there
  kCorrupt = 3,         // bytes that contradict themselves or their hash
  kVersion = 4,         // written by a newer r1c than this reader knows
  kUnsupported = 5,     // sound, but not on this machine (no image for it, missing instructions)
  kOutOfMemory = 6,     // the numbers are in the message
  kIo = 7,              // the operating system refused to read or write
  kContextFull = 8,     // the sequence reached the artifact's maximum context, or no cache page is free
  kCancelled = 9,       // the caller asked to stop
  kDevice = 10,         // the device failed after it had been opened
  kInternal = 11,       // a defect of ours
};

// "corrupt", "out of memory", ...
std::string_view code_name(Code);

class [[nodiscard]] Status {
public:
  Status() = default;
  Status(Code code, std::string message) : rep_(new Rep{code, std::move(message)}) {}
  Status(Status&&) = default;
  Status& operator=(Status&&) = default;
  Status(const Status& other) : rep_(other.rep_ ? new Rep(*other.rep_) : nullptr) {}
  Status& operator=(const Status& other) {
    rep_.reset(other.rep_ ? new Rep(*other.rep_) : nullptr);
    return *this;
  }

  bool ok() const { return !rep_; }
  Code code() const { return rep_ ? rep_->code : Code::kOk; }
  const std::string& message() const; // empty if ok

  // The same failure, its message prefixed with "where: ".
  Status at(std::string_view where) const;

private:
  struct Rep {
    Code code;
    std::string message;
  };
  std::unique_ptr<Rep> rep_;
};

// A failure with a printf-formatted message.
Status fail(Code code, const char* format, ...) __attribute__((format(printf, 2, 3)));
// printf into a string.
std::string format(const char* format, ...) __attribute__((format(printf, 1, 2)));

template <class T> class [[nodiscard]] Result {
public:
  Result(T value) : held_(std::in_place_index<1>, std::move(value)) {}
  Result(Status status) : held_(std::in_place_index<0>, std::move(status)) {
    if (std::get_if<0>(&held_)->ok()) // a Result without a value must not look like success
      held_.template emplace<0>(Code::kInternal, "a Result was made from an ok Status");
  }

  bool ok() const { return held_.index() == 1; }
  explicit operator bool() const { return ok(); }
  Status status() const& { return ok() ? Status() : *std::get_if<0>(&held_); }
  Status status() && { return ok() ? Status() : std::move(*std::get_if<0>(&held_)); }

  // Only where ok().
  T& operator*() & { return *std::get_if<1>(&held_); }
  const T& operator*() const& { return *std::get_if<1>(&held_); }
  T&& operator*() && { return std::move(*std::get_if<1>(&held_)); }
  T* operator->() { return std::get_if<1>(&held_); }
  const T* operator->() const { return std::get_if<1>(&held_); }

private:
  std::variant<Status, T> held_;
};

} // namespace r1

#define R1_CONCAT_(a, b) a##b
#define R1_CONCAT(a, b) R1_CONCAT_(a, b)

// Leaves the function with the failure, if there is one.
#define R1_RETURN_IF_ERROR(expr)                                                                             \
  do {                                                                                                       \
    if (::r1::Status r1_status_ = (expr); !r1_status_.ok())                                                  \
      return r1_status_;                                                                                     \
  } while (0)

// R1_ASSIGN_OR_RETURN(auto x, f()): x is the value of f(), or the function is left with its failure.
#define R1_ASSIGN_OR_RETURN(declaration, expr)                                                               \
  auto R1_CONCAT(r1_result_, __LINE__) = (expr);                                                             \
  if (!R1_CONCAT(r1_result_, __LINE__).ok())                                                                 \
    return std::move(R1_CONCAT(r1_result_, __LINE__)).status();                                              \
  declaration = *std::move(R1_CONCAT(r1_result_, __LINE__))
