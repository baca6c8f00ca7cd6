#pragma once
#include <regulus/data/pcd.hpp>

#include <set>

#include <regulus/data/file.hpp>
#include <regulus/data/lzf.hpp>
#include <regulus/data/point_fields.hpp>

namespace regulus {
namespace data_detail {

struct PcdHeader {
    PointRow row;
    std::size_t points = 0;
    PcdData data = PcdData::ascii;
    std::size_t bytes = 0;  ///< of the header
    std::size_t lines = 0;
};

/// The lines before the points: a key and its values each.
class PcdHeaderReader {
public:
    PcdHeaderReader(std::span<const std::uint8_t> bytes, const std::string& name)
        : name_(name), lines_({reinterpret_cast<const char*>(bytes.data()), std::min<std::size_t>(bytes.size(), longest)}, 0), whole_(bytes.size() <= longest) {}

    PcdHeader read(std::size_t max_points) {
        std::string_view line;
        while (lines_.next_filled(line)) {
            std::string_view rest = line;
            const std::string_view key = next_word(rest);
            if (key.front() == '#') continue;
            const std::vector<std::string_view> values = words_of(rest);
            if (!seen_.insert(std::string(key.substr(0, 20))).second) refuse(std::string(key.substr(0, 20)) + " stands there twice");
            if (key == "VERSION") version(values);
            else if (key == "FIELDS" || key == "COLUMNS") names_.assign(values.begin(), values.end());
            else if (key == "SIZE") sizes_ = counts(key, values);
            else if (key == "TYPE") types_.assign(values.begin(), values.end());
            else if (key == "COUNT") counts_ = counts(key, values);
            else if (key == "WIDTH") width_ = count(key, values);
            else if (key == "HEIGHT") height_ = count(key, values);
            else if (key == "VIEWPOINT") viewpoint(values);
            else if (key == "POINTS") points_ = count(key, values);
            else if (key == "DATA") return finish(values, max_points);
            else refuse("unknown key " + shown(key));
        }
        if (!whole_) refuse_points(name_, "no line DATA within the first 64 KiB of this .pcd file");
        refuse_points(name_, "the header of this .pcd file ends before a line DATA");
    }

private:
    static constexpr std::size_t longest = std::size_t{1} << 16;

    [[noreturn]] void refuse(const std::string& what) const { refuse_points(name_, "line " + std::to_string(lines_.number()) + " of the .pcd header: " + what); }

    std::vector<std::uint64_t> counts(std::string_view key, const std::vector<std::string_view>& values) const {
        std::vector<std::uint64_t> result(values.size());
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (!parse_count(values[i], result[i])) refuse(std::string(key) + " must be followed by whole numbers, got " + shown(values[i]));
        }
        return result;
    }

    std::uint64_t count(std::string_view key, const std::vector<std::string_view>& values) const {
        if (values.size() != 1) refuse(std::string(key) + " must be followed by one number");
        return counts(key, values)[0];
    }

    void version(const std::vector<std::string_view>& values) const {
        static constexpr std::string_view known[] = {"0.7", ".7", "0.6", ".6", "0.5", ".5"};
        if (values.size() != 1 || std::find(std::begin(known), std::end(known), values[0]) == std::end(known)) refuse("VERSION must be 0.7, 0.6 or 0.5");
    }

    void viewpoint(const std::vector<std::string_view>& values) const {
        double number = 0;
        const bool good = values.size() == 7 && std::all_of(values.begin(), values.end(), [&](std::string_view value) { return parse_real(value, number); });
        if (!good) refuse("VIEWPOINT must be followed by 7 numbers");
    }

    PcdHeader finish(const std::vector<std::string_view>& form, std::size_t max_points) {
        PcdHeader header;
        if (form.size() != 1) refuse("DATA must be followed by one word");
        if (form[0] == "ascii") header.data = PcdData::ascii;
        else if (form[0] == "binary") header.data = PcdData::binary;
        else if (form[0] == "binary_compressed") header.data = PcdData::binary_compressed;
        else refuse("DATA must be ascii, binary or binary_compressed, got " + shown(form[0]));
        if (names_.empty()) refuse("FIELDS is missing before DATA");
        if (counts_.empty()) counts_.assign(names_.size(), 1);
        if (sizes_.size() != names_.size() || types_.size() != names_.size() || counts_.size() != names_.size()) {
            refuse("FIELDS names " + std::to_string(names_.size()) + " fields, SIZE, TYPE and COUNT describe " + std::to_string(sizes_.size()) + ", " + std::to_string(types_.size()) +
                   " and " + std::to_string(counts_.size()));
        }
        for (std::size_t i = 0; i < names_.size(); ++i) header.row.add(field(i));
        if (header.row.bytes > std::size_t{1} << 20) refuse("a point takes " + std::to_string(header.row.bytes) + " bytes, more than the limit of 1 MiB");
        header.points = points(max_points);
        header.bytes = lines_.offset();
        header.lines = lines_.number();
        return header;
    }

    PointField field(std::size_t i) {
        PointField result;
        result.name = names_[i];
        if (result.name != "_" && !fields_.insert(result.name).second) refuse("field " + shown(names_[i]) + " stands there twice");  // "_" is padding
        const std::string_view type = types_[i];
        const std::uint64_t size = sizes_[i];
        const bool known = (type == "F" && (size == 4 || size == 8)) || ((type == "I" || type == "U") && (size == 1 || size == 2 || size == 4 || size == 8));
        if (!known) refuse("field " + shown(names_[i]) + " is of type " + shown(type) + " and " + std::to_string(size) + " bytes; it must be F of 4 or 8, I or U of 1, 2, 4 or 8");
        if (counts_[i] < 1 || counts_[i] > 4096) refuse("field " + shown(names_[i]) + " holds " + std::to_string(counts_[i]) + " numbers, it must be 1 .. 4096");
        result.kind = type == "F" ? ScalarKind::real : type == "I" ? ScalarKind::signed_integer : ScalarKind::unsigned_integer;
        result.size = static_cast<std::size_t>(size);
        result.count = static_cast<std::size_t>(counts_[i]);
        return result;
    }

    std::size_t points(std::size_t max_points) const {
        const bool sized = width_.has_value() && height_.has_value();
        if (!sized && !points_.has_value()) refuse("neither POINTS nor WIDTH and HEIGHT are given before DATA");
        std::uint64_t area = 0;
        if (sized) {
            if (*height_ != 0 && *width_ > max_points / *height_) refuse("WIDTH x HEIGHT is more than the limit of " + std::to_string(max_points) + " points");
            area = *width_ * *height_;
        }
        const std::uint64_t result = points_.value_or(area);
        if (sized && result != area) refuse("POINTS " + std::to_string(result) + " is not WIDTH x HEIGHT, " + std::to_string(*width_) + " x " + std::to_string(*height_));
        if (result > max_points) refuse("POINTS " + std::to_string(result) + " is more than the limit of " + std::to_string(max_points));
        return static_cast<std::size_t>(result);
    }

    const std::string& name_;
    TextLines lines_;
    bool whole_;
    std::set<std::string> seen_, fields_;
    std::vector<std::string_view> names_, types_;
    std::vector<std::uint64_t> sizes_, counts_;
    std::optional<std::uint64_t> width_, height_, points_;
};

/// Points field by field, compressed as one block behind its two sizes.
inline PointCloudFile parse_pcd_compressed(std::span<const std::uint8_t> data, const PcdHeader& header, const PointCloudOptions& options, const std::string& name) {
    if (data.size() < 8) refuse_points(name, "the file ends within the sizes of its compressed points");
    const std::uint64_t stored = load_scalar<std::uint32_t>(data.data(), false), size = load_scalar<std::uint32_t>(data.data() + 4, false);
    const std::uint64_t expected = std::uint64_t{header.points} * header.row.bytes;
    if (size != expected) {
        refuse_points(name, "the compressed points are declared as " + std::to_string(size) + " bytes; " + std::to_string(header.points) + " points of " + std::to_string(header.row.bytes) +
                                " bytes are " + std::to_string(expected));
    }
    if (stored > data.size() - 8) refuse_points(name, std::to_string(stored) + " bytes of compressed points are declared, the file has " + std::to_string(data.size() - 8));
    if (size > stored * lzf_greatest_ratio) refuse_points(name, std::to_string(stored) + " compressed bytes cannot hold the " + std::to_string(size) + " bytes declared");
    std::vector<std::uint8_t> columns(static_cast<std::size_t>(size));
    lzf_decompress(data.subspan(8, static_cast<std::size_t>(stored)), columns, "read_point_cloud: \"" + name + "\"");
    return read_binary_rows(header.points, header.row, false, options, name,
                            [&](const PointField& field, std::size_t point) { return columns.data() + field.offset * header.points + point * field.bytes(); });
}

REGULUS_INLINE PointCloudFile parse_pcd(std::span<const std::uint8_t> bytes, const std::string& name, const PointCloudOptions& options) {
    const PcdHeader header = PcdHeaderReader(bytes, name).read(options.max_points);
    const std::span<const std::uint8_t> data = bytes.subspan(header.bytes);
    if (header.data == PcdData::ascii) {
        TextLines lines({reinterpret_cast<const char*>(data.data()), data.size()}, header.lines);
        return read_text_rows(lines, header.points, data.size(), header.row, options, name);
    }
    if (header.data == PcdData::binary_compressed) return parse_pcd_compressed(data, header, options, name);
    if (header.points > data.size() / header.row.bytes) {
        refuse_points(name, std::to_string(header.points) + " points of " + std::to_string(header.row.bytes) + " bytes are declared, the file has " + std::to_string(data.size()) + " bytes for them");
    }
    return read_binary_rows(header.points, header.row, false, options, name,
                            [&](const PointField& field, std::size_t point) { return data.data() + point * header.row.bytes + field.offset; });
}

}  // namespace data_detail

REGULUS_INLINE std::string encode_pcd(const PointCloud& cloud, const std::vector<std::string>& fields, PcdData data) {
    data_detail::check_columns("write_pcd", cloud, fields);
    if (data == PcdData::binary_compressed && cloud.values.size() > UINT32_MAX / 4) {
        throw ShapeError("write_pcd: " + std::to_string(cloud.values.size()) + " numbers are more than the 4 GiB of one compressed block");
    }
    const std::string points = std::to_string(cloud.size());
    std::string names, sizes, types, counts;
    for (int c = 0; c < cloud.features; ++c) {
        names += c < 3 ? std::string(" ") + "xyz"[c] : " " + fields[std::size_t(c) - 3];
        sizes += " 4";
        types += " F";
        counts += " 1";
    }
    std::string out = "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS" + names + "\nSIZE" + sizes + "\nTYPE" + types + "\nCOUNT" + counts + "\nWIDTH " + points +
                      "\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS " + points + "\nDATA ";
    if (data == PcdData::ascii) {
        out += "ascii\n";
        data_detail::append_text_rows(out, cloud);
    } else if (data == PcdData::binary) {
        out += "binary\n";
        for (const float value : cloud.values) data_detail::append_scalar(out, value);
    } else {
        std::string columns;
        columns.reserve(4 * cloud.values.size());
        for (int c = 0; c < cloud.features; ++c) {
            for (std::size_t i = 0; i < cloud.size(); ++i) data_detail::append_scalar(columns, cloud[i][c]);
        }
        const std::string packed = lzf_compress({reinterpret_cast<const std::uint8_t*>(columns.data()), columns.size()});
        out += "binary_compressed\n";
        data_detail::append_scalar(out, static_cast<std::uint32_t>(packed.size()));
        data_detail::append_scalar(out, static_cast<std::uint32_t>(columns.size()));
        out += packed;
    }
    return out;
}

REGULUS_INLINE void write_pcd(const std::string& path, const PointCloud& cloud, const std::vector<std::string>& fields, PcdData data) {
    write_file(path, encode_pcd(cloud, fields, data));
}

}  // namespace regulus
