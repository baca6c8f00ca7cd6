#pragma once
#include <regulus/data/ply.hpp>

#include <set>

#include <regulus/data/file.hpp>
#include <regulus/data/point_fields.hpp>

namespace regulus {
namespace data_detail {

struct PlyType {
    ScalarKind kind = ScalarKind::real;
    std::size_t size = 0;
};

/// A property; a list when `length` has a size.
struct PlyProperty {
    std::string name;
    PlyType type;
    PlyType length;
};

struct PlyElement {
    std::string name;
    std::uint64_t count = 0;
    std::vector<PlyProperty> properties;

    bool has_lists() const noexcept {
        return std::any_of(properties.begin(), properties.end(), [](const PlyProperty& property) { return property.length.size != 0; });
    }
    std::size_t row_bytes() const noexcept {  // without lists
        std::size_t sum = 0;
        for (const PlyProperty& property : properties) sum += property.type.size;
        return sum;
    }
};

struct PlyHeader {
    PlyData data = PlyData::ascii;
    std::vector<PlyElement> elements;
    std::size_t bytes = 0;
    std::size_t lines = 0;
};

inline bool ply_type(std::string_view word, PlyType& type) {
    struct Known {
        std::string_view name, other_name;
        PlyType type;
    };
    static constexpr Known known[] = {{"char", "int8", {ScalarKind::signed_integer, 1}},   {"uchar", "uint8", {ScalarKind::unsigned_integer, 1}},
                                      {"short", "int16", {ScalarKind::signed_integer, 2}}, {"ushort", "uint16", {ScalarKind::unsigned_integer, 2}},
                                      {"int", "int32", {ScalarKind::signed_integer, 4}},   {"uint", "uint32", {ScalarKind::unsigned_integer, 4}},
                                      {"float", "float32", {ScalarKind::real, 4}},         {"double", "float64", {ScalarKind::real, 8}}};
    for (const Known& candidate : known) {
        if (word != candidate.name && word != candidate.other_name) continue;
        type = candidate.type;
        return true;
    }
    return false;
}

inline PlyHeader read_ply_header(std::span<const std::uint8_t> bytes, const std::string& name) {
    constexpr std::size_t longest = std::size_t{1} << 16;
    TextLines lines({reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), longest)}, 0);
    const auto refuse = [&](const std::string& what) { refuse_points(name, "line " + std::to_string(lines.number()) + " of the .ply header: " + what); };
    PlyHeader header;
    std::set<std::string> elements, properties;
    bool format = false;
    std::string_view line;
    if (!lines.next(line) || line != "ply") refuse_points(name, "a .ply file begins with a line \"ply\"");
    while (lines.next(line)) {
        const std::vector<std::string_view> words = words_of(line);
        if (words.empty() || words[0] == "comment" || words[0] == "obj_info") continue;
        if (words[0] == "end_header") {
            if (!format) refuse("the line \"format\" is missing");
            header.bytes = lines.offset();
            header.lines = lines.number();
            return header;
        }
        if (words[0] == "format") {
            if (format || words.size() != 3 || words[2] != "1.0") refuse("there must be one line \"format <form> 1.0\"");
            if (words[1] == "ascii") header.data = PlyData::ascii;
            else if (words[1] == "binary_little_endian") header.data = PlyData::binary_little_endian;
            else if (words[1] == "binary_big_endian") header.data = PlyData::binary_big_endian;
            else refuse("the form must be ascii, binary_little_endian or binary_big_endian, got " + shown(words[1]));
            format = true;
        } else if (words[0] == "element") {
            PlyElement element;
            if (words.size() != 3 || !parse_count(words[2], element.count)) refuse("an element needs a name and a number");
            element.name = words[1];
            if (!elements.insert(element.name).second) refuse("element " + shown(words[1]) + " stands there twice");
            properties.clear();
            header.elements.push_back(std::move(element));
        } else if (words[0] == "property") {
            PlyProperty property;
            const bool list = words.size() == 5 && words[1] == "list";
            const bool good = list ? ply_type(words[2], property.length) && property.length.kind != ScalarKind::real && ply_type(words[3], property.type)
                                   : words.size() == 3 && ply_type(words[1], property.type);
            if (header.elements.empty() || !good) refuse("a property stands behind its element and needs a type of this format and a name");
            property.name = words.back();
            if (!properties.insert(property.name).second) refuse("property " + shown(words.back()) + " stands there twice");
            header.elements.back().properties.push_back(std::move(property));
        } else {
            refuse("unknown key " + shown(words[0]));
        }
    }
    refuse_points(name, bytes.size() > longest ? "no line end_header within the first 64 KiB of this .ply file" : "the header of this .ply file ends before a line end_header");
}

/// Steps over the elements before the vertices.
class PlySkipper {
public:
    PlySkipper(std::span<const std::uint8_t> data, const PlyHeader& header, const std::string& name) : data_(data), big_(header.data == PlyData::binary_big_endian), name_(name) {}

    std::size_t offset() const noexcept { return at_; }

    void skip(const PlyElement& element) {
        if (!element.has_lists()) {
            const std::size_t row = element.row_bytes();
            if (row != 0 && element.count > (data_.size() - at_) / row) cut(element);
            at_ += row * static_cast<std::size_t>(row == 0 ? 0 : element.count);
            return;
        }
        for (std::uint64_t i = 0; i < element.count; ++i) {  // each row takes at least the byte of a list's length
            for (const PlyProperty& property : element.properties) skip(element, property);
        }
    }

private:
    void skip(const PlyElement& element, const PlyProperty& property) {
        std::uint64_t numbers = 1;
        if (property.length.size != 0) {
            need(element, property.length.size);
            const std::int64_t length = length_at(data_.data() + at_, property.length);
            if (length < 0) refuse_points(name_, "a list of element " + shown(element.name) + " has the length " + std::to_string(length));
            at_ += property.length.size;
            numbers = static_cast<std::uint64_t>(length);
        }
        need(element, numbers * property.type.size);
        at_ += static_cast<std::size_t>(numbers * property.type.size);
    }

    std::int64_t length_at(const std::uint8_t* bytes, PlyType type) const {
        if (type.kind == ScalarKind::unsigned_integer) {
            return type.size == 1 ? *bytes : type.size == 2 ? std::int64_t{load_scalar<std::uint16_t>(bytes, big_)} : std::int64_t{load_scalar<std::uint32_t>(bytes, big_)};
        }
        return type.size == 1 ? std::int64_t{load_scalar<std::int8_t>(bytes, big_)} : type.size == 2 ? std::int64_t{load_scalar<std::int16_t>(bytes, big_)} : std::int64_t{load_scalar<std::int32_t>(bytes, big_)};
    }

    void need(const PlyElement& element, std::uint64_t bytes) const {
        if (bytes > data_.size() - at_) cut(element);
    }

    [[noreturn]] void cut(const PlyElement& element) const { refuse_points(name_, "the file ends within element " + shown(element.name)); }

    std::span<const std::uint8_t> data_;
    bool big_;
    const std::string& name_;
    std::size_t at_ = 0;
};

REGULUS_INLINE PointCloudFile parse_ply(std::span<const std::uint8_t> bytes, const std::string& name, const PointCloudOptions& options) {
    const PlyHeader header = read_ply_header(bytes, name);
    const auto vertex = std::find_if(header.elements.begin(), header.elements.end(), [](const PlyElement& element) { return element.name == "vertex"; });
    if (vertex == header.elements.end()) refuse_points(name, "this .ply file has no element \"vertex\"");
    if (vertex->has_lists()) refuse_points(name, "the vertices of this .ply file hold lists, numbers are expected");
    if (vertex->count > options.max_points) refuse_points(name, std::to_string(vertex->count) + " points are more than the limit of " + std::to_string(options.max_points));
    const std::size_t points = static_cast<std::size_t>(vertex->count);
    PointRow row;
    for (const PlyProperty& property : vertex->properties) {
        PointField field;
        field.name = property.name;
        field.kind = property.type.kind;
        field.size = property.type.size;
        row.add(std::move(field));
    }
    const std::span<const std::uint8_t> data = bytes.subspan(header.bytes);
    if (header.data == PlyData::ascii) {
        TextLines lines({reinterpret_cast<const char*>(data.data()), data.size()}, header.lines);
        std::string_view line;
        for (auto element = header.elements.begin(); element != vertex; ++element) {  // one line for each
            for (std::uint64_t i = 0; i < element->count && !element->properties.empty(); ++i) {
                if (!lines.next_filled(line)) refuse_points(name, "the file ends within element " + shown(element->name));
            }
        }
        return read_text_rows(lines, points, data.size() - lines.offset(), row, options, name);
    }
    PlySkipper before(data, header, name);
    for (auto element = header.elements.begin(); element != vertex; ++element) before.skip(*element);
    if (row.bytes != 0 && points > (data.size() - before.offset()) / row.bytes) {
        refuse_points(name, std::to_string(points) + " points of " + std::to_string(row.bytes) + " bytes are declared, the file has " + std::to_string(data.size() - before.offset()) + " bytes for them");
    }
    const std::uint8_t* const first = data.data() + before.offset();
    return read_binary_rows(points, row, header.data == PlyData::binary_big_endian, options, name,
                            [&](const PointField& field, std::size_t point) { return first + point * row.bytes + field.offset; });
}

}  // namespace data_detail

REGULUS_INLINE std::string encode_ply(const PointCloud& cloud, const std::vector<std::string>& fields, PlyData data) {
    data_detail::check_columns("write_ply", cloud, fields);
    static constexpr const char* forms[] = {"ascii", "binary_little_endian", "binary_big_endian"};
    std::string out = std::string("ply\nformat ") + forms[static_cast<int>(data)] + " 1.0\nelement vertex " + std::to_string(cloud.size()) + "\n";
    for (int c = 0; c < cloud.features; ++c) out += "property float " + (c < 3 ? std::string(1, "xyz"[c]) : fields[std::size_t(c) - 3]) + "\n";
    out += "end_header\n";
    if (data == PlyData::ascii) {
        data_detail::append_text_rows(out, cloud);
    } else {
        for (const float value : cloud.values) data_detail::append_scalar(out, value, data == PlyData::binary_big_endian);
    }
    return out;
}

REGULUS_INLINE void write_ply(const std::string& path, const PointCloud& cloud, const std::vector<std::string>& fields, PlyData data) {
    write_file(path, encode_ply(cloud, fields, data));
}

}  // namespace regulus
