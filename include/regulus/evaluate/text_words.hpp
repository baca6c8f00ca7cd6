#pragma once
// Lines and words of plain text files.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/core/real_number.hpp>

namespace regulus::evaluate_detail {

/// Lines one after another, their ends (\n or \r\n) and the text's byte order mark taken off; knows the number of the line for messages. Throws FileError for such a mark further on.
class TextLines {
public:
    TextLines(std::string_view text, const std::string& who) : text_(text), who_(who) {
        if (text_.substr(0, 3) == byte_order_mark) text_.remove_prefix(3);
    }

    bool next(std::string_view& line) {
        if (text_.empty()) return false;
        const std::size_t end = std::min(text_.find('\n'), text_.size());
        line = text_.substr(0, end);
        text_.remove_prefix(std::min(end + 1, text_.size()));
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        ++number_;
        if (line.find(byte_order_mark) != std::string_view::npos) fail("a byte order mark stands at the beginning of a text only");
        return true;
    }

    std::size_t number() const noexcept { return number_; }

    [[noreturn]] void fail(const std::string& what) const { throw FileError(who_ + ": line " + std::to_string(number_) + ": " + what); }

private:
    static constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    std::string_view text_;
    const std::string& who_;
    std::size_t number_ = 0;
};

/// What spaces and tabs part.
inline std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    while (true) {
        const std::size_t begin = text.find_first_not_of(" \t");
        if (begin == std::string_view::npos) return words;
        const std::size_t end = std::min(text.find_first_of(" \t", begin), text.size());
        words.push_back(text.substr(begin, end - begin));
        text.remove_prefix(end);
    }
}

/// Without control characters.
inline bool is_printable(std::string_view word) {
    return std::all_of(word.begin(), word.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F; });
}

/// A finite number not beyond 1e12, with nothing after it.
inline bool parse_number(std::string_view word, double& value) {
    if (word.size() > 1 && word.front() == '+' && word[1] != '-') word.remove_prefix(1);
    const auto [end, error] = real_from_chars(word.data(), word.data() + word.size(), value);
    return error == std::errc() && end == word.data() + word.size() && std::fabs(value) <= 1e12;
}

}  // namespace regulus::evaluate_detail
