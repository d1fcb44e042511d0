#include "runtime/text/text_filter.h"

#include <algorithm>
#include <utility>

namespace r1 {

TextFilter::TextFilter(std::vector<std::string> strings) : strings_(std::move(strings)) {
  std::erase_if(strings_, [](const std::string& s) { return s.empty(); });
}

TextFilter::Found TextFilter::add(std::string_view piece) {
  held_ += piece;
  return look(true);
}

TextFilter::Found TextFilter::flush() { return look(false); }

TextFilter::Found TextFilter::look(bool more_may_come) {
  // The earliest position at which a string is complete, or may still become so.
  for (size_t at = 0; at < held_.size(); ++at) {
    std::string_view rest = std::string_view(held_).substr(at);
    int complete = -1;
    bool open = false;
    for (size_t i = 0; i < strings_.size(); ++i) {
      const std::string& s = strings_[i];
      if (rest.starts_with(s)) {
        if (complete < 0 || s.size() > strings_[size_t(complete)].size())
          complete = int(i);
      } else if (more_may_come && rest.size() < s.size() && std::string_view(s).starts_with(rest)) {
        open = true;
      }
    }
    if (complete < 0 && !open)
      continue;
    Found found{held_.substr(0, at), complete};
    held_.erase(0, complete < 0 ? at : at + strings_[size_t(complete)].size());
    return found;
  }
  return {std::exchange(held_, {}), -1};
}

} // namespace r1
