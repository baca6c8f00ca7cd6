#pragma once
// Numbers as JSON text.
#include <charconv>
#include <cmath>
#include <cstddef>
#include <string>
#include <type_traits>

namespace regulus::evaluate_detail {

/// The shortest text that reads back to the same number; -0.0 as that, as JSON's -0 is an integer, which has no sign.
template <class Number>
void append_number(std::string& text, Number number) {
    char digits[40];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    text.append(digits, end);
    if constexpr (std::is_floating_point_v<Number>) {
        if (number == 0 && std::signbit(number)) text += ".0";
    }
}

/// The object of `count` members whose names come quoted.
template <class Name, class Value>
std::string json_members(std::size_t count, Name&& name, Value&& value) {
    std::string text = "{";
    for (std::size_t i = 0; i < count; ++i) {
        if (i > 0) text += ',';
        text += name(i) + ':' + value(i);
    }
    return text + '}';
}

inline std::string json_double(double value) {
    if (!std::isfinite(value)) return "null";
    std::string text;
    append_number(text, value);
    return text;
}

}  // namespace regulus::evaluate_detail
