#pragma once
// JSON (RFC 8259) from sources that nobody vouches for: strict, bounded, cheap to compile.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>

namespace regulus {

/// A JSON value. Objects keep the order of the text; names in one object are distinct.
class Json {
public:
    using Array = std::vector<Json>;
    using Object = std::vector<std::pair<std::string, Json>>;

    Json() = default;
    Json(bool value) : value_(value) {}
    Json(std::int64_t value) : value_(value) {}
    Json(double value) : value_(value) {}
    Json(std::string value) : value_(std::move(value)) {}
    Json(Array value) : value_(std::move(value)) {}
    Json(Object value) : value_(std::move(value)) {}

    bool is_null() const noexcept { return value_.index() == 0; }

    // The value when it is of that kind, else nullptr. A number without fraction and exponent that fits 64 bits is an integer.
    const bool* boolean() const noexcept { return std::get_if<bool>(&value_); }
    const std::int64_t* integer() const noexcept { return std::get_if<std::int64_t>(&value_); }
    const double* real() const noexcept { return std::get_if<double>(&value_); }
    const std::string* text() const noexcept { return std::get_if<std::string>(&value_); }
    const Array* array() const noexcept { return std::get_if<Array>(&value_); }
    const Object* object() const noexcept { return std::get_if<Object>(&value_); }

    /// The member of an object, or nullptr; looks through the names one by one.
    const Json* find(std::string_view name) const noexcept {
        if (const Object* members = object()) {
            for (const auto& member : *members) {
                if (member.first == name) return &member.second;
            }
        }
        return nullptr;
    }

private:
    std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

struct JsonLimits {
    std::size_t depth = 64;          ///< arrays and objects inside each other
    std::size_t values = 2'000'000;  ///< of all kinds together
};

/// Parses one value with nothing but white space around it. Refuses all that RFC 8259 does not allow, and beyond it duplicate names,
/// invalid UTF-8, lone surrogates and numbers too large for a double. Throws FileError: `<who>: offset 17: ...`.
REGULUS_INLINE Json parse_json(std::string_view text, const std::string& who, const JsonLimits& limits = {});

/// The text in double quotes with JSON's escapes; bytes that are not UTF-8 become U+FFFD.
REGULUS_INLINE std::string json_quote(std::string_view text);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/core/json-impl.hpp>
#endif
