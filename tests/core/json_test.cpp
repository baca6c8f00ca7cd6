#include <string>

#include <doctest/doctest.h>

#include <regulus/core/json.hpp>
#include <regulus/core/utf8.hpp>

using namespace regulus;

namespace {

std::string refusal(const std::string& text, const JsonLimits& limits = {}) {
    try {
        parse_json(text, "test", limits);
    } catch (const FileError& error) { return error.what(); }
    return "";
}

}  // namespace

TEST_CASE("json: values come back with their kind, objects in the order of the text") {
    const Json json = parse_json(R"( {"b": [1, -2.5e3, true, false, null], "a": {"x": "y"}, "": 0} )", "test");
    const Json::Object& members = *json.object();
    REQUIRE(members.size() == 3);
    CHECK(members[0].first == "b");
    CHECK(members[2].first == "");
    const Json::Array& items = *json.find("b")->array();
    CHECK(*items[0].integer() == 1);
    CHECK(*items[1].real() == -2500.0);
    CHECK(*items[2].boolean());
    CHECK_FALSE(*items[3].boolean());
    CHECK(items[4].is_null());
    CHECK(*json.find("a")->find("x")->text() == "y");
    CHECK(json.find("c") == nullptr);
    CHECK(items[0].text() == nullptr);
}

TEST_CASE("json: integers are exact to 64 bits, larger ones become real") {
    CHECK(*parse_json("9223372036854775807", "test").integer() == INT64_MAX);
    CHECK(*parse_json("-9223372036854775808", "test").integer() == INT64_MIN);
    CHECK(*parse_json("9223372036854775808", "test").real() == 9223372036854775808.0);
    CHECK(*parse_json("1e-400", "test").real() == 0.0);
    CHECK(*parse_json("-0", "test").integer() == 0);
    CHECK(*parse_json("0.1", "test").real() == 0.1);
}

TEST_CASE("json: strings with escapes and UTF-8") {
    CHECK(*parse_json(R"("a\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00")", "test").text() == "a\"\\/\b\f\n\r\tA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    const std::string awkward = "quote \" slash \\ line \n control \x01 umlaut \xC3\xBC";
    CHECK(*parse_json(json_quote(awkward), "test").text() == awkward);
    CHECK(*parse_json(json_quote("\xFF"), "test").text() == "\xEF\xBF\xBD");
}

TEST_CASE("json: everything that RFC 8259 does not allow is refused, with its offset") {
    const char* const broken[] = {"", " ", "{", "[", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{'a':1}", "01", "-", "+1", ".5", "1.", "1e", "1e+", "tru", "nul", "NaN", "Infinity", "\"", "\"\\x\"",
                                  "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\n\"", "1 2", "[1]]", "//x\n1", "1e999", "{\"a\":1,\"a\":2}", "\"\xFF\"", "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\xEF\xBB\xBF{}"};
    for (const char* text : broken) {
        INFO(text);
        CHECK(refusal(text).find("test: offset ") == 0);
    }
    CHECK(refusal(std::string("\"a\0b\"", 5)).find("control character") != std::string::npos);
    CHECK(refusal("{\"a\":1,\"b\":2,\"a\":3}") == "test: offset 0 of the JSON text: the object has \"a\" twice");
}

TEST_CASE("json: depth and number of values are bounded") {
    CHECK(refusal(std::string(64, '[') + std::string(64, ']')) == "");
    CHECK(refusal(std::string(65, '[') + std::string(65, ']')).find("nested deeper than 64") != std::string::npos);
    CHECK(refusal(std::string(1'000'000, '[')).find("nested deeper") != std::string::npos);
    CHECK(refusal("[1,2,3]", {.depth = 4, .values = 4}) == "");
    CHECK(refusal("[1,2,3,4]", {.depth = 4, .values = 4}).find("more than 4 values") != std::string::npos);
}

TEST_CASE("utf8: the first invalid byte is found, every code point survives") {
    CHECK(invalid_utf8_at("abc") == 3);
    CHECK(invalid_utf8_at("ab\x80") == 2);
    CHECK(invalid_utf8_at("\xE2\x82") == 0);
    CHECK(invalid_utf8_at("\xF4\x90\x80\x80") == 0);
    CHECK(invalid_utf8_at("\xF0\x8F\xBF\xBF") == 0);
    for (std::uint32_t code = 0; code < 0x110000; code += 97) {
        if (code >= 0xD800 && code < 0xE000) continue;
        std::string text;
        append_utf8(text, code);
        REQUIRE(invalid_utf8_at(text) == text.size());
    }
}
