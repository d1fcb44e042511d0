// A Status carries a code and a message; a Result is never mistaken for success.
#include "runtime/base/status.h"

#include <gtest/gtest.h>

namespace r1 {
namespace {

Result<std::unique_ptr<int>> make(bool good) {
  if (!good)
    return fail(Code::kNotFound, "no %s in %d places", "thing", 3);
  return std::make_unique<int>(7);
}

Status use(bool good, int* out) {
  R1_ASSIGN_OR_RETURN(auto value, make(good));
  *out = *value;
  R1_RETURN_IF_ERROR(Status());
  return Status();
}

TEST(Status, CarriesCodeAndMessage) {
  int out = 0;
  EXPECT_TRUE(use(true, &out).ok());
  EXPECT_EQ(out, 7);
  Status s = use(false, &out);
  EXPECT_EQ(s.code(), Code::kNotFound);
  EXPECT_EQ(s.message(), "no thing in 3 places");
  EXPECT_EQ(s.at("file").message(), "file: no thing in 3 places");
  Status copy = s;
  EXPECT_EQ(copy.message(), s.message());
  EXPECT_EQ(Status().at("x").code(), Code::kOk);
}

TEST(Status, ResultFromOkIsADefect) {
  Result<int> r{Status()};
  EXPECT_FALSE(r.ok());
  EXPECT_EQ(r.status().code(), Code::kInternal);
}

TEST(Status, EveryCodeHasAName) {
  for (int i = 0; i <= int(Code::kInternal); ++i)
    EXPECT_NE(code_name(Code(i)), "unknown") << i;
}

} // namespace
} // namespace r1
