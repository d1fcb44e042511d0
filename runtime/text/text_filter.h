// Watches a stream of text for strings that may arrive in pieces, and releases what surely belongs to none of them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace r1 {

class TextFilter {
public:
  TextFilter() = default;
  explicit TextFilter(std::vector<std::string> strings);

  struct Found {
    std::string text; // released: everything before the match, or all that cannot begin one
    int match = -1;   // index of the string that was found, earliest in the text, then longest; -1: none
  };
  // What follows a match stays inside and is looked at by the next call.
  Found add(std::string_view piece);
  // The end of the stream: looks at what was held back. After a match there may be more: flush again.
  Found flush();

private:
  Found look(bool more_may_come);

  std::vector<std::string> strings_;
  std::string held_;
};

} // namespace r1
