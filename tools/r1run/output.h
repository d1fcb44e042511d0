// What r1run says to people: lines on standard error, a progress line, colours where there is a terminal.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/status.h"

namespace r1run {

// A line on standard error.
void note(std::string_view line);
r1::Status print(std::string_view text); // to standard output, at once

bool output_is_terminal();
bool notes_are_terminal();

// "12.3 GiB"
std::string size(double bytes);

// Standard input by lines; a last line without a newline counts.
class Lines {
public:
  // False at the end.
  r1::Result<bool> next(std::string& line);

private:
  std::string buffer_;
  size_t from_ = 0;
};

// Draws "label 42 %" over itself on a terminal, nothing elsewhere.
class Progress {
public:
  explicit Progress(std::string label) : label_(std::move(label)) {}
  ~Progress();
  void show(uint64_t done, uint64_t total);

private:
  std::string label_;
  int shown_ = -1;
};

} // namespace r1run
