#include "runtime/base/status.h"

#include <cstdio>

namespace r1 {

std::string_view code_name(Code code) {
  switch (code) {
  case Code::kOk:
    return "ok";
  case Code::kInvalidArgument:
    return "invalid argument";
  case Code::kNotFound:
    return "not found";
  case Code::kCorrupt:
    return "corrupt";
  case Code::kVersion:
    return "version";
  case Code::kUnsupported:
    return "unsupported";
  case Code::kOutOfMemory:
    return "out of memory";
  case Code::kIo:
    return "i/o";
  case Code::kContextFull:
    return "context full";
  case Code::kCancelled:
    return "cancelled";
  case Code::kDevice:
    return "device";
  case Code::kInternal:
    return "internal";
  }
  return "unknown";
}

const std::string& Status::message() const {
  static const std::string empty;
  return rep_ ? rep_->message : empty;
}

Status Status::at(std::string_view where) const {
  if (ok())
    return Status();
  std::string message(where);
  message += ": ";
  message += rep_->message;
  return Status(rep_->code, std::move(message));
}

static std::string format_list(const char* format, va_list list) {
  va_list again;
  va_copy(again, list);
  int length = vsnprintf(nullptr, 0, format, again);
  va_end(again);
  std::string text(length > 0 ? size_t(length) : 0, '\0');
  if (length > 0)
    vsnprintf(text.data(), text.size() + 1, format, list);
  return text;
}

Status fail(Code code, const char* format, ...) {
  va_list list;
  va_start(list, format);
  std::string text = format_list(format, list);
  va_end(list);
  return Status(code, std::move(text));
}

std::string format(const char* format, ...) {
  va_list list;
  va_start(list, format);
  std::string text = format_list(format, list);
  va_end(list);
  return text;
}

} // namespace r1
