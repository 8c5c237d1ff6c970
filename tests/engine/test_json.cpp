// SPDX-License-Identifier: LGPL-2.1-or-later
#include "src/json.h"

#include <clocale>
#include <limits>

#include "tests/check.h"

using anomaly::Json;
using anomaly::JsonError;

TEST(values_and_whitespace) {
  const Json json = Json::parse(" { \"a\" : [ 1 , -2.5e3 , true , false , null ] ,\t\"b\":\"x\" }\r\n");
  CHECK_EQ(json.members().size(), 2u);
  const auto& items = json.at("a").items();
  CHECK_EQ(items.size(), 5u);
  CHECK_EQ(items[0].as_int(), 1);
  CHECK_EQ(items[1].as_double(), -2500.0);
  CHECK(items[2].as_bool());
  CHECK(!items[3].as_bool());
  CHECK(items[4].is_null());
  CHECK_EQ(json.at("b").as_string(), "x");
  CHECK(json.find("c") == nullptr);
  CHECK(items[0].find("a") == nullptr);
}

TEST(strings) {
  CHECK_EQ(std::string(Json::parse(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude97")").as_string()),
           "\"\\/\b\f\n\r\tA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x97");
  CHECK_EQ(std::string(Json::parse("\"\\u0000\"").as_string()), std::string(1, '\0'));
  for (const char* text : {"\"", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"",
                           "\"\\ud800x\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\n\"", "\"\x01\"", "'a'"})
    CHECK_THROWS(Json::parse(text), JsonError, "JSON, byte ");
}

TEST(utf8_is_checked) {
  for (const char* good :
       {"\"\x7F\"", "\"\xC2\x80\"", "\"\xE0\xA0\x80\"", "\"\xED\x9F\xBF\"", "\"\xF4\x8F\xBF\xBF\""})
    CHECK_EQ(Json::parse(good).as_string().size() + 2, std::string(good).size());
  // A lone continuation, overlong forms, a surrogate, past U+10FFFF, cut sequences.
  for (const char* bad : {"\"\x80\"", "\"\xC0\x80\"", "\"\xC1\xBF\"", "\"\xE0\x9F\xBF\"", "\"\xED\xA0\x80\"",
                          "\"\xF0\x8F\xBF\xBF\"", "\"\xF4\x90\x80\x80\"", "\"\xF5\x80\x80\x80\"",
                          "\"\xE2\x82\"", "\"\xF0\x9F\x9A\"", "\"\xC3"})
    CHECK_THROWS(Json::parse(bad), JsonError, "invalid UTF-8");
}

TEST(numbers) {
  CHECK_EQ(Json::parse("0").as_int(), 0);
  CHECK(std::signbit(Json::parse("-0.0").as_double()));
  CHECK(std::signbit(Json::parse("-0").as_double()));
  CHECK_EQ(Json::parse(Json(-0.0).dump()).dump(), "-0");
  CHECK_EQ(Json::parse("3.0").as_int(), 3);
  CHECK_EQ(Json::parse("1e3").as_int(), 1000);
  CHECK_EQ(Json::parse("9007199254740992").as_int(), int64_t{1} << 53);
  CHECK_EQ(Json::parse("9223372036854775807").raw_integer(), std::numeric_limits<int64_t>::max());
  CHECK_EQ(Json::parse("1.7976931348623157e308").as_double(), std::numeric_limits<double>::max());
  CHECK_THROWS(Json::parse("9007199254740993").as_int(), JsonError, "2^53");
  CHECK_THROWS(Json::parse("1e300").as_int(), JsonError, "2^53");
  CHECK_THROWS(Json::parse("0.5").as_int(), JsonError, "integer");
  CHECK_THROWS(Json::parse("1e309"), JsonError, "outside the range");
  CHECK_THROWS(Json::parse(std::string(400, '9')), JsonError, "outside the range");
  for (const char* bad :
       {"01", "-", "+1", ".5", "1.", "1e", "1e+", "0x10", "NaN", "Infinity", "-Infinity", "1_0", "--1"})
    CHECK_THROWS(Json::parse(bad), JsonError, "JSON, byte ");
}

TEST(malformed_documents) {
  for (const char* bad : {"",
                          " ",
                          "{",
                          "[",
                          "]",
                          "}",
                          "[1",
                          "[1,",
                          "[1,]",
                          "[,1]",
                          "[1 2]",
                          "{\"a\"}",
                          "{\"a\":}",
                          "{\"a\":1,}",
                          "{a:1}",
                          "{1:1}",
                          "{\"a\":1 \"b\":2}",
                          "tru",
                          "nul",
                          "falsey",
                          "1 2",
                          "{}{}",
                          "[]x",
                          "// c\n1",
                          "\xEF\xBB\xBF{}"})
    CHECK_THROWS(Json::parse(bad), JsonError, "JSON, byte ");
  CHECK_THROWS(Json::parse(std::string_view("1\0", 2)), JsonError, "unexpected text");
}

TEST(duplicate_keys) {
  CHECK_THROWS(Json::parse(R"({"a":1,"b":2,"a":3})"), JsonError, "\"a\" occurs twice");
  CHECK_THROWS(Json::parse(R"({"a":1,"\u0061":3})"), JsonError, "\"a\" occurs twice");
  CHECK_EQ(Json::parse(R"([{"a":1},{"a":3}])").items().size(), 2u);
}

TEST(depth_and_size_are_bounded) {
  const auto nest = [](int n) { return std::string(n, '[') + std::string(n, ']'); };
  Json::parse(nest(65));  // the outermost and 64 within
  CHECK_THROWS(Json::parse(nest(66)), JsonError, "nested");
  CHECK_THROWS(Json::parse(std::string(10'000'000, '[')), JsonError, "nested");
  std::string many = "[0";
  for (int i = 0; i < (1 << 21); ++i) many += ",0";
  CHECK_THROWS(Json::parse(many + "]"), JsonError, "values");
}

TEST(getters_name_what_is_wrong) {
  const Json json = Json::parse(R"({"a":"x","b":1.5})");
  CHECK_THROWS(json.at("z"), JsonError, "\"z\" is missing");
  CHECK_THROWS(json.at("a").as_double(), JsonError, "expected a number, found a string");
  CHECK_THROWS(json.items(), JsonError, "expected an array, found an object");
  CHECK_THROWS(Json(1).members(), JsonError, "expected an object, found a number");
  CHECK_THROWS(Json(1).at("a"), JsonError, "expected an object");
  CHECK_THROWS(json.number_or("a", 1), JsonError, "\"a\"");
  CHECK_THROWS(json.int_or("b", 1), JsonError, "\"b\"");
  CHECK_THROWS(json.string_or("b", ""), JsonError, "\"b\"");
  CHECK_EQ(json.number_or("z", 7), 7.0);
  CHECK_EQ(json.int_or("z", 7), 7);
  CHECK_EQ(json.string_or("a", "y"), "x");
}

TEST(building_and_dumping) {
  Json json = Json::object();
  json.set("list", Json::array());
  Json list = Json::array();
  list.push(1);
  list.push(0.1);
  list.push("a\"\n\x01");
  list.push(true);
  list.push(Json());
  json.set("list", list);
  json.set("empty", Json::object());
  CHECK_EQ(json.dump(), R"({"list":[1,0.1,"a\"\n\u0001",true,null],"empty":{}})");
  CHECK_EQ(Json::object({{"a", Json::array({1, 2})}}).dump(2), "{\n  \"a\": [\n    1,\n    2\n  ]\n}");
  CHECK_EQ(Json::parse(json.dump(3)).dump(), json.dump());
  CHECK_EQ(Json("a\xFF\x62").dump(), "\"a\xEF\xBF\xBD\x62\"");
  CHECK_THROWS(Json(1).set("a", 1), JsonError, "expected an object");
  CHECK_THROWS(Json(1).push(1), JsonError, "expected an array");
  CHECK_THROWS(Json(std::nan("")).dump(), JsonError, "NaN");
  CHECK_THROWS(Json(HUGE_VAL).dump(), JsonError, "infinity");
}

TEST(doubles_survive_and_ignore_the_locale) {
  // A locale with a decimal comma, where the machine has one: the numbers must not change.
  for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8"})
    if (std::setlocale(LC_ALL, name)) break;
  for (const double x : {0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -2.5, 123456789.125, 1e21})
    CHECK_EQ(Json::parse(Json(x).dump()).as_double(), x);
  CHECK_EQ(Json(0.5).dump(), "0.5");
  std::setlocale(LC_ALL, "C");
}

TEST_MAIN()
