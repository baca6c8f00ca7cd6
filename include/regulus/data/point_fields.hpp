#pragma once
// What the readers and writers of .pcd and .ply share: scalars as stored, the columns asked for, rows of numbers in text.
#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/core/real_number.hpp>
#include <regulus/data/point_cloud_options.hpp>

namespace regulus::data_detail {

[[noreturn]] inline void refuse_points(const std::string& name, const std::string& what) { throw FileError("read_point_cloud: \"" + name + "\": " + what); }

/// What a file says, fit for a message: not long, no control bytes.
inline std::string shown(std::string_view text) {
    std::string result(text.substr(0, 60));
    std::replace_if(result.begin(), result.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F; }, '?');
    return "\"" + result + (text.size() > 60 ? "...\"" : "\"");
}

enum class ScalarKind : std::uint8_t { signed_integer, unsigned_integer, real };

/// One number of each point, or a short list of them.
struct PointField {
    std::string name;
    ScalarKind kind = ScalarKind::real;
    std::size_t size = 4;    ///< bytes of a number: 1, 2, 4 or 8
    std::size_t count = 1;   ///< numbers in a row
    std::size_t offset = 0;  ///< bytes before it in a row of the file
    std::size_t place = 0;   ///< numbers before it in a row of text

    std::size_t bytes() const noexcept { return size * count; }
};

/// A row of a file: fields with their places filled in.
struct PointRow {
    std::vector<PointField> fields;
    std::size_t bytes = 0;
    std::size_t numbers = 0;

    void add(PointField field) {
        field.offset = bytes;
        field.place = numbers;
        bytes += field.bytes();
        numbers += field.count;
        fields.push_back(std::move(field));
    }
};

/// NaN for what float32 cannot hold: such a point is dropped like any other that is not finite.
inline float to_float(double value) noexcept {
    return std::fabs(value) <= double(std::numeric_limits<float>::max()) ? static_cast<float>(value) : std::numeric_limits<float>::quiet_NaN();
}

template <class T> T load_scalar(const std::uint8_t* bytes, bool big_endian) noexcept {
    using Bits = std::conditional_t<sizeof(T) == 1, std::uint8_t, std::conditional_t<sizeof(T) == 2, std::uint16_t, std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>>;
    Bits bits = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) bits = static_cast<Bits>(bits | static_cast<Bits>(bytes[i]) << 8 * (big_endian ? sizeof(T) - 1 - i : i));
    return std::bit_cast<T>(bits);
}

inline float load_float(const std::uint8_t* bytes, ScalarKind kind, std::size_t size, bool big_endian) noexcept {
    switch (kind) {
        case ScalarKind::real: return size == 4 ? load_scalar<float>(bytes, big_endian) : to_float(load_scalar<double>(bytes, big_endian));
        case ScalarKind::signed_integer:
            switch (size) {
                case 1: return static_cast<float>(load_scalar<std::int8_t>(bytes, big_endian));
                case 2: return static_cast<float>(load_scalar<std::int16_t>(bytes, big_endian));
                case 4: return static_cast<float>(load_scalar<std::int32_t>(bytes, big_endian));
                default: return static_cast<float>(load_scalar<std::int64_t>(bytes, big_endian));
            }
        case ScalarKind::unsigned_integer:
            switch (size) {
                case 1: return static_cast<float>(load_scalar<std::uint8_t>(bytes, big_endian));
                case 2: return static_cast<float>(load_scalar<std::uint16_t>(bytes, big_endian));
                case 4: return static_cast<float>(load_scalar<std::uint32_t>(bytes, big_endian));
                default: return static_cast<float>(load_scalar<std::uint64_t>(bytes, big_endian));
            }
    }
    return 0;
}

template <class T> void append_scalar(std::string& out, T value, bool big_endian = false) {
    static_assert(sizeof(T) == 4, "append_scalar: 32 bits");
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    for (int i = 0; i < 4; ++i) out += static_cast<char>(static_cast<std::uint8_t>(bits >> 8 * (big_endian ? 3 - i : i)));
}

/// Which field of the file makes each column of the cloud; nullptr: it lacks the field, the column gets options.missing. Pointers into `row`.
inline std::vector<const PointField*> choose_columns(const PointRow& row, const PointCloudOptions& options, const std::string& name) {
    const auto find = [&](std::string_view wanted) {
        const auto found = std::find_if(row.fields.begin(), row.fields.end(), [&](const PointField& field) { return field.name == wanted; });
        return found == row.fields.end() ? nullptr : &*found;
    };
    std::string present;
    for (const PointField& field : row.fields) {
        if (present.size() < 300) present += (present.empty() ? "" : " ") + field.name;
    }
    std::vector<const PointField*> columns;
    const auto take = [&](const std::string& wanted, bool needed) {
        const PointField* const field = find(wanted);
        if (field == nullptr && needed) refuse_points(name, "a point has no field " + shown(wanted) + "; it has " + shown(present));
        if (field != nullptr && field->count != 1) refuse_points(name, "field " + shown(wanted) + " holds " + std::to_string(field->count) + " numbers, one is expected");
        columns.push_back(field);
    };
    for (const char* const axis : {"x", "y", "z"}) take(axis, true);
    for (const std::string& wanted : options.fields) take(wanted, !options.missing.has_value());
    return columns;
}

/// Collects rows, leaving out those with a number that is not finite.
class PointCollector {
public:
    PointCollector(std::size_t features, std::size_t points) {
        result_.cloud.features = static_cast<int>(features);
        result_.cloud.values.resize(features * points);
        at_ = result_.cloud.values.data();
    }

    /// Where the next row goes.
    float* row() noexcept { return at_; }

    void finish_row() noexcept {
        const auto* const end = at_ + result_.cloud.features;
        if (std::all_of(static_cast<const float*>(at_), end, [](float value) { return std::isfinite(value); })) at_ += result_.cloud.features;
        else ++result_.dropped;
    }

    PointCloudFile finish() {
        result_.cloud.values.resize(static_cast<std::size_t>(at_ - result_.cloud.values.data()));
        return std::move(result_);
    }

private:
    PointCloudFile result_;
    float* at_ = nullptr;
};

/// Text line by line, without line ends.
class TextLines {
public:
    TextLines(std::string_view text, std::size_t lines_before) : text_(text), number_(lines_before) {}

    bool next(std::string_view& line) {
        if (at_ >= text_.size()) return false;
        const std::size_t end = std::min(text_.find('\n', at_), text_.size());
        line = text_.substr(at_, end - at_);
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        at_ = end + 1;
        ++number_;
        return true;
    }

    /// The next line that is not blank.
    bool next_filled(std::string_view& line) {
        while (next(line)) {
            if (line.find_first_not_of(" \t") != std::string_view::npos) return true;
        }
        return false;
    }

    std::size_t number() const noexcept { return number_; }                       ///< of the line given last, from 1
    std::size_t offset() const noexcept { return std::min(at_, text_.size()); }  ///< where the next line begins

private:
    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t number_;
};

/// Cuts the next word off `line`; empty at its end.
inline std::string_view next_word(std::string_view& line) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return line = {};
    const std::size_t end = std::min(line.find_first_of(" \t", begin), line.size());
    const std::string_view word = line.substr(begin, end - begin);
    line.remove_prefix(end);
    return word;
}

inline std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) words.push_back(word);
    return words;
}

/// A decimal number without sign; false when it is anything else or above 2^62.
inline bool parse_count(std::string_view word, std::uint64_t& value) {
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    return error == std::errc{} && end == word.data() + word.size() && value <= std::uint64_t{1} << 62;
}

/// A number in text, rounded once to what `T` holds; infinity when it is too large. False when the word is no number.
template <class T> bool parse_real(std::string_view word, T& value) {
    if (!word.empty() && word.front() == '+') {
        word.remove_prefix(1);
        if (!word.empty() && word.front() == '-') return false;
    }
    const auto [end, error] = real_from_chars(word.data(), word.data() + word.size(), value);
    if (end != word.data() + word.size()) return false;
    if (error == std::errc::result_out_of_range) {
        const std::size_t exponent = word.find_first_of("eE");
        const bool tiny = exponent != std::string_view::npos ? word.find('-', exponent) != std::string_view::npos : word.find_first_of("123456789") > word.find('.');
        value = tiny ? T(0) : std::numeric_limits<T>::infinity();
        return true;
    }
    return error == std::errc{};
}

/// The float that a number in text means when its field is of the given kind: float32 is rounded once, all else by way of double.
inline bool parse_field(std::string_view word, const PointField& field, float& value) {
    if (field.kind == ScalarKind::real && field.size == 4) return parse_real(word, value);
    double wide = 0;
    if (!parse_real(word, wide)) return false;
    value = to_float(wide);
    return true;
}

/// `points` lines of numbers.
inline PointCloudFile read_text_rows(TextLines& lines, std::size_t points, std::size_t bytes, const PointRow& row, const PointCloudOptions& options, const std::string& name) {
    const std::vector<const PointField*> columns = choose_columns(row, options, name);
    if (points > (bytes + 1) / (2 * row.numbers)) {  // a digit and what ends it
        refuse_points(name, std::to_string(points) + " points of " + std::to_string(row.numbers) + " numbers are declared, " + std::to_string(bytes) + " bytes of text cannot hold them");
    }
    std::vector<std::vector<std::size_t>> users(row.numbers);  // columns that a number of the row goes to
    for (std::size_t c = 0; c < columns.size(); ++c) {
        if (columns[c] != nullptr) users[columns[c]->place].push_back(c);
    }
    PointCollector collector(columns.size(), points);
    std::string_view line;
    for (std::size_t point = 0; point < points; ++point) {
        if (!lines.next_filled(line)) refuse_points(name, std::to_string(points) + " points are declared, the text ends after " + std::to_string(point));
        float* const out = collector.row();
        if (options.missing) std::fill(out, out + columns.size(), *options.missing);
        std::size_t place = 0;
        for (std::string_view rest = line, word = next_word(rest); !word.empty(); word = next_word(rest), ++place) {
            if (place >= row.numbers) continue;
            for (const std::size_t c : users[place]) {
                if (!parse_field(word, *columns[c], out[c])) refuse_points(name, "line " + std::to_string(lines.number()) + ": " + shown(word) + " is not a number");
            }
        }
        if (place != row.numbers) {
            refuse_points(name, "line " + std::to_string(lines.number()) + " has " + std::to_string(place) + " numbers, a point has " + std::to_string(row.numbers));
        }
        collector.finish_row();
    }
    return collector.finish();
}

/// Points as scalars of the machine; place(field, point) is where the first byte lies.
template <class Place>
PointCloudFile read_binary_rows(std::size_t points, const PointRow& row, bool big_endian, const PointCloudOptions& options, const std::string& name, Place&& place) {
    const std::vector<const PointField*> columns = choose_columns(row, options, name);
    PointCollector collector(columns.size(), points);
    for (std::size_t point = 0; point < points; ++point) {
        float* const out = collector.row();
        for (std::size_t c = 0; c < columns.size(); ++c) {
            const PointField* const field = columns[c];
            out[c] = field == nullptr ? *options.missing : load_float(place(*field, point), field->kind, field->size, big_endian);
        }
        collector.finish_row();
    }
    return collector.finish();
}

/// Throws ShapeError unless the numbers are whole points.
inline void check_points(const char* who, const PointCloud& cloud) {
    if (cloud.features < 3 || cloud.values.size() % static_cast<std::size_t>(cloud.features) != 0) {
        throw ShapeError(std::string(who) + ": " + std::to_string(cloud.values.size()) + " numbers are not points of " + std::to_string(cloud.features) + ", at least 3");
    }
}

/// Throws unless the cloud can be written with these names for its columns behind x, y and z.
inline void check_columns(const char* who, const PointCloud& cloud, const std::vector<std::string>& fields) {
    check_points(who, cloud);
    if (fields.size() + 3 != static_cast<std::size_t>(cloud.features)) {
        throw ArgumentError(std::string(who) + ": a point has " + std::to_string(cloud.features) + " numbers; behind x, y and z " + std::to_string(cloud.features - 3) +
                            " names are needed, got " + std::to_string(fields.size()));
    }
    std::vector<std::string> names = {"x", "y", "z"};
    for (const std::string& field : fields) {
        const bool word = !field.empty() && field.size() <= 60 && std::all_of(field.begin(), field.end(), [](char c) { return c > 0x20 && c < 0x7F; });
        if (!word || std::find(names.begin(), names.end(), field) != names.end()) {
            throw ArgumentError(std::string(who) + ": " + shown(field) + " cannot name a field: it must be a word of its own of at most 60 ASCII characters");
        }
        names.push_back(field);
    }
}

/// The points as lines of text; a number reads back as the same float32.
inline void append_text_rows(std::string& out, const PointCloud& cloud) {
    char digits[40];
    for (std::size_t i = 0; i < cloud.size(); ++i) {
        for (int c = 0; c < cloud.features; ++c) {
            out.append(digits, std::to_chars(digits, digits + sizeof digits, cloud[i][c]).ptr);
            out += c + 1 < cloud.features ? ' ' : '\n';
        }
    }
}

}  // namespace regulus::data_detail
