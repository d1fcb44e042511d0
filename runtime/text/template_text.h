// What Python does with texts, for the methods and filters of chat templates. Letters change case in ASCII only.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace r1::text {

// str.isspace of one character: White_Space and the four separators 1C to 1F.
bool is_python_space(uint32_t code);

std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_capitalized(std::string_view text);
std::string to_title(std::string_view text);

// Without the `characters` (nullopt: white space) at the wanted ends.
std::string_view strip(std::string_view text, std::optional<std::string_view> characters, bool left,
                       bool right);
// str.split and str.rsplit; nullopt: by runs of white space. `most` < 0: no limit.
std::vector<std::string_view> split_text(std::string_view text, std::optional<std::string_view> separator,
                                         int64_t most, bool from_right);
std::vector<std::string> split_lines(std::string_view text, bool keep_ends);
// str.replace, at most `count` times (< 0: always). nullopt: more than `limit` bytes.
std::optional<std::string> replace(std::string_view text, std::string_view from, std::string_view to,
                                   int64_t count, uint64_t limit);

} // namespace r1::text
