#pragma once
// Columns of text, for people.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace regulus::evaluate_detail {

/// Rows of cells as text: the first column on the left, those named in `left` too, all others on the right.
class TextTable {
public:
    explicit TextTable(std::vector<std::string> heading, std::size_t left_from = std::size_t(-1)) : left_from_(left_from) { add(std::move(heading)); }

    void add(std::vector<std::string> row) {
        widths_.resize(std::max(widths_.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], width(row[i]));
        rows_.push_back(std::move(row));
    }

    std::string text() const {
        std::string result;
        for (const auto& row : rows_) {
            std::string line;
            for (std::size_t i = 0; i < row.size(); ++i) {
                const std::string space(widths_[i] - width(row[i]), ' ');
                line += (i == 0 ? "" : "  ") + (i == 0 || i >= left_from_ ? row[i] + space : space + row[i]);
            }
            line.erase(line.find_last_not_of(' ') + 1);
            result += line + '\n';
        }
        return result;
    }

private:
    /// Characters, not bytes, of UTF-8.
    static std::size_t width(const std::string& text) {
        return std::size_t(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
    }

    std::size_t left_from_;
    std::vector<std::size_t> widths_;
    std::vector<std::vector<std::string>> rows_;
};

/// Names come from files: control characters would break the table, or the terminal.
inline std::string printable(std::string text) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
    }
    return text;
}

/// "-" for NaN.
inline std::string digits(double value, const char* format) {
    if (std::isnan(value)) return "-";
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

}  // namespace regulus::evaluate_detail
