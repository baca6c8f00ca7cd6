#pragma once
// Numbers as JSON text.
#include <charconv>
#include <string>

namespace regulus::evaluate_detail {

/// The shortest text that reads back to the same number.
template <class Number>
void append_number(std::string& text, Number number) {
    char digits[40];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    text.append(digits, end);
}

}  // namespace regulus::evaluate_detail
