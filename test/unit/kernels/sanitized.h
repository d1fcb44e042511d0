// Whether this is a build with a sanitizer, in which tests on the emulator do less.
#pragma once

namespace r1::test {

// Under a sanitizer a kernel thread costs a hundred times as much, and what it looks for hardly depends on the order.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

} // namespace r1::test
