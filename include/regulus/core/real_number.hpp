#pragma once
// Numbers with a fraction, read from text the same in every locale.
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <locale.h>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <version>
#if defined(__APPLE__)
#include <xlocale.h>
#endif

namespace regulus {

namespace detail {

/// Where the number at the beginning of `text` ends, by the grammar of std::from_chars; 0 where none begins.
inline std::size_t end_of_real(std::string_view text) {
    std::size_t at = !text.empty() && text[0] == '-' ? 1 : 0;
    const auto word = [&](std::string_view expected) {
        if (text.size() - at < expected.size()) return false;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            if (std::tolower(static_cast<unsigned char>(text[at + i])) != expected[i]) return false;
        }
        at += expected.size();
        return true;
    };
    if (word("infinity") || word("inf")) return at;
    if (word("nan")) {
        if (at == text.size() || text[at] != '(') return at;
        std::size_t close = at + 1;
        while (close < text.size() && (std::isalnum(static_cast<unsigned char>(text[close])) || text[close] == '_')) ++close;
        return close < text.size() && text[close] == ')' ? close + 1 : at;
    }
    const auto digits = [&](std::size_t from) {
        while (from < text.size() && text[from] >= '0' && text[from] <= '9') ++from;
        return from;
    };
    const std::size_t whole = digits(at), point = whole < text.size() && text[whole] == '.' ? whole + 1 : whole, fraction = digits(point);
    if (whole == at && fraction == point) return 0;
    if (fraction == text.size() || (text[fraction] != 'e' && text[fraction] != 'E')) return fraction;
    const std::size_t sign = fraction + 1, power = sign < text.size() && (text[sign] == '+' || text[sign] == '-') ? sign + 1 : sign, end = digits(power);
    return end == power ? fraction : end;
}

/// std::from_chars by the C library.
template <class T>
std::from_chars_result real_by_strtod(const char* first, const char* last, T& value) {
    static const ::locale_t plain = ::newlocale(LC_ALL_MASK, "C", ::locale_t(0));
    const std::string number(first, end_of_real({first, std::size_t(last - first)}));
    if (number.empty()) return {first, std::errc::invalid_argument};
    T found;
    if constexpr (std::is_same_v<T, float>) found = ::strtof_l(number.c_str(), nullptr, plain);
    else found = ::strtod_l(number.c_str(), nullptr, plain);
    const char* const end = first + number.size();
    const bool is_word = std::isalpha(static_cast<unsigned char>(number[number[0] == '-' ? 1 : 0])) != 0;
    const bool is_zero = number.substr(0, number.find_first_of("eE")).find_first_of("123456789") == std::string::npos;
    if (!is_word && (std::isinf(found) || (found == 0 && !is_zero))) return {end, std::errc::result_out_of_range};
    value = found;
    return {end, std::errc()};
}

}  // namespace detail

/// std::from_chars for float and double, which the standard libraries of LLVM before 20 lack.
template <class T>
std::from_chars_result real_from_chars(const char* first, const char* last, T& value) {
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>);
#if defined(__cpp_lib_to_chars)
    return std::from_chars(first, last, value);
#else
    return detail::real_by_strtod(first, last, value);
#endif
}

}  // namespace regulus
