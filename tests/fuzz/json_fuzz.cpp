// JSON: what parses, written again, parses to the same text.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <regulus/core/json.hpp>
#include <regulus/core/utf8.hpp>

namespace {

std::string write(const regulus::Json& json) {
    if (json.boolean() != nullptr) return *json.boolean() ? "true" : "false";
    if (json.integer() != nullptr) return std::to_string(*json.integer());
    if (json.real() != nullptr) {
        char digits[64];
        std::snprintf(digits, sizeof digits, "%.17g", *json.real());
        const std::string text = digits;
        return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
    }
    if (json.text() != nullptr) return regulus::json_quote(*json.text());
    std::string out;
    if (json.array() != nullptr) {
        for (const regulus::Json& item : *json.array()) out += (out.empty() ? "" : ",") + write(item);
        return "[" + out + "]";
    }
    if (json.object() != nullptr) {
        for (const auto& [name, value] : *json.object()) out += (out.empty() ? "" : ",") + regulus::json_quote(name) + ":" + write(value);
        return "{" + out + "}";
    }
    return "null";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(bytes), size);
    try {
        const std::string once = write(regulus::parse_json(text, "test"));
        if (regulus::invalid_utf8_at(once) != once.size() || write(regulus::parse_json(once, "test")) != once) std::abort();
    } catch (const regulus::FileError&) {}
    return 0;
}
