// Values come out typed and in range; the first problem is kept, and null counts as absent.
#include "compiler/checkpoint/ConfigReader.h"
#include "test/unit/compiler/checkpoint/Support.h"

using namespace r1::checkpoint;
using namespace r1::checkpoint::test;
using nlohmann::json;

namespace {

TEST(ConfigReader, ReadsAndFallsBack) {
  json object = {{"i", -3},     {"r", 2},       {"b", true},          {"t", "word"},
                 {"l", {1, 2}}, {"n", nullptr}, {"o", json::object()}};
  ConfigReader reader(object, "file");
  EXPECT_EQ(reader.integer("i", 0, -5, 5), -3);
  EXPECT_EQ(reader.integer("n", 4, 0, 5), 4);
  EXPECT_EQ(reader.real("r", std::nullopt, 0, 5), 2.0);
  EXPECT_TRUE(reader.boolean("b", false));
  EXPECT_TRUE(reader.boolean("absent", true));
  EXPECT_EQ(reader.text("t", ""), "word");
  EXPECT_EQ(reader.integers("l", {}), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(reader.integers("i", {}), std::vector<int64_t>{-3});
  EXPECT_NE(reader.section("o"), nullptr);
  EXPECT_EQ(reader.section("n"), nullptr);
  EXPECT_FALSE(reader.has("n"));
  EXPECT_EQ(messageOf(reader.takeError()), "");
}

TEST(ConfigReader, KeepsTheFirstProblem) {
  json object = {{"big", 18446744073709551615u}, {"word", "x"}, {"list", {1, "2"}}};
  ConfigReader reader(object, "file", "inner.");
  EXPECT_EQ(reader.integer("big", 0, 0, 9), 0) << "what a refused value leaves is in range";
  reader.boolean("word", false);
  expectLine(messageOf(reader.takeError()),
             {"file: inner.big is 18446744073709551615, expected an integer from 0 to 9; "});
  ConfigReader other(object, "file");
  other.integers("list", {});
  expectLine(messageOf(other.takeError()), {"list is a list", "integers"});
  ConfigReader outer(object, "file");
  outer.absorb(other);
  EXPECT_TRUE(outer.failed());
  ConfigReader required(object, "file");
  required.real("absent", std::nullopt, 0, 1);
  expectLine(messageOf(required.takeError()), {"absent is missing", "from 0.0 to 1.0"});
}

} // namespace
