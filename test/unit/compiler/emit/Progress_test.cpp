// The progress line: drawn on a terminal, and nothing anywhere else.
#include "compiler/emit/Progress.h"
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <thread>
#include <unistd.h>

namespace r1::test {
namespace {

// What a short run draws when stderr is `descriptor`; read from `from`.
std::string drawn(int descriptor, int from, Progress::Unit unit = Progress::Unit::Bytes) {
  int former = dup(STDERR_FILENO);
  dup2(descriptor, STDERR_FILENO);
  {
    Progress progress("packing weights", 1000, unit);
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    progress.advance(250);
    progress.advance(250); // too soon to be drawn
  }
  dup2(former, STDERR_FILENO);
  close(former);
  std::string text;
  char part[1000];
  pollfd ready{from, POLLIN, 0};
  while (poll(&ready, 1, 100) > 0) { // a terminal hands on what it has, in pieces
    ssize_t got = read(from, part, sizeof part);
    if (got <= 0)
      break;
    text.append(part, got);
  }
  return text;
}

TEST(Progress, IsDrawnOnATerminal) {
  int master, slave;
  if (openpty(&master, &slave, nullptr, nullptr, nullptr) != 0)
    GTEST_SKIP() << "no pseudo terminal here";
  std::string text = drawn(slave, master);
  EXPECT_NE(text.find("packing weights: 25%, 0.0 of 0.0 GB"), std::string::npos) << text;
  EXPECT_EQ(text.find("50%"), std::string::npos);
  EXPECT_EQ(text.substr(text.size() - 4), "\r\033[K"); // wiped
  close(slave);
  close(master);
}

TEST(Progress, CountsWhatIsNotBytes) {
  int master, slave;
  if (openpty(&master, &slave, nullptr, nullptr, nullptr) != 0)
    GTEST_SKIP() << "no pseudo terminal here";
  std::string text = drawn(slave, master, Progress::Unit::Items);
  EXPECT_NE(text.find("packing weights: 250 of 1000, "), std::string::npos) << text;
  close(slave);
  close(master);
}

TEST(Progress, IsSilentElsewhere) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(drawn(ends[1], ends[0]), "");
  close(ends[0]);
  close(ends[1]);
}

} // namespace
} // namespace r1::test
