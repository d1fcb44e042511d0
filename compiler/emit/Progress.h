// One line on stderr that says how far a stream of known length is; silent where stderr is no terminal.
#pragma once
#include "llvm/ADT/StringRef.h"
#include <chrono>
#include <cstdint>
#include <string>

namespace r1 {

class Progress {
public:
  Progress(llvm::StringRef what, uint64_t totalBytes);
  ~Progress(); // wipes the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(uint64_t bytes); // draws at most ten times a second

private:
  std::string what;
  uint64_t total, done = 0;
  bool terminal;
  std::chrono::steady_clock::time_point start, drawn;
};

} // namespace r1
