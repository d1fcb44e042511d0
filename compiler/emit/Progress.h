// One line on stderr that says how far work of known size is; silent where stderr is no terminal.
#pragma once
#include "llvm/ADT/StringRef.h"
#include <chrono>
#include <cstdint>
#include <string>

namespace r1 {

class Progress {
public:
  enum class Unit { Bytes, Items };
  Progress(llvm::StringRef what, uint64_t total, Unit unit = Unit::Bytes);
  ~Progress(); // wipes the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(uint64_t amount); // draws at most ten times a second

private:
  std::string what;
  Unit unit;
  uint64_t total, done = 0;
  bool terminal;
  std::chrono::steady_clock::time_point start, drawn;
};

} // namespace r1
