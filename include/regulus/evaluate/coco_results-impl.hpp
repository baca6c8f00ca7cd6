#pragma once
#include <regulus/evaluate/coco_results.hpp>

#include <charconv>
#include <cmath>

#include <regulus/data/file.hpp>

namespace regulus {
namespace detail {

/// The shortest text that reads back to the same number.
template <class Number>
void append_number(std::string& text, Number number) {
    char digits[40];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    text.append(digits, end);
}

inline void append_finite(std::string& text, double number, const char* what) {
    if (!std::isfinite(number)) throw ArgumentError(std::string("coco_results_json: a ") + what + " is not finite, and JSON has no such number");
    append_number(text, number);
}

/// Bytes of the UTF-8 character at the start of `text`, 0 when it is none (cut off, overlong, a surrogate or beyond U+10FFFF).
inline std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return 0;
    }
    const unsigned second = byte(1);
    const bool strange = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F);
    return strange ? 0 : length;
}

}  // namespace detail

REGULUS_INLINE std::string json_string(std::string_view text) {
    static constexpr char hex[] = "0123456789abcdef";
    std::string result = "\"";
    while (!text.empty()) {
        const unsigned char c = static_cast<unsigned char>(text[0]);
        const std::size_t length = detail::utf8_length(text);
        if (c == '"' || c == '\\') {
            result += '\\';
            result += char(c);
        } else if (c < 0x20 || c == 0x7F) {
            result += "\\u00";
            result += hex[c >> 4];
            result += hex[c & 15];
        } else if (length == 0) {
            result += "\xEF\xBF\xBD";
        } else {
            result += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return result + '"';
}

REGULUS_INLINE std::string coco_results_json(std::span<const CocoResult> results) {
    std::string text = "[";
    const char* separator = "\n";
    for (const CocoResult& result : results) {
        text += separator;
        separator = ",\n";
        text += "{\"image_id\":";
        detail::append_number(text, result.image_id);
        text += ",\"category_id\":";
        detail::append_number(text, result.category_id);
        text += ",\"bbox\":";
        char before = '[';
        for (const double number : result.bbox) {
            text += before;
            detail::append_finite(text, number, "box");
            before = ',';
        }
        text += "],\"score\":";
        if (!std::isfinite(result.score)) detail::append_finite(text, double(result.score), "score");
        detail::append_number(text, result.score);
        if (result.segmentation) {
            text += ",\"segmentation\":{\"size\":[";
            detail::append_number(text, result.segmentation->height);
            text += ',';
            detail::append_number(text, result.segmentation->width);
            text += "],\"counts\":" + json_string(rle_to_string(*result.segmentation)) + '}';
        }
        text += '}';
    }
    text += results.empty() ? "]\n" : "\n]\n";
    return text;
}

REGULUS_INLINE void write_coco_results(const std::string& path, std::span<const CocoResult> results) { write_file(path, coco_results_json(results)); }

}  // namespace regulus
