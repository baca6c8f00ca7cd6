#pragma once
// safetensors: eight bytes with the header's length, a JSON header, the elements without gaps.
#include <algorithm>
#include <string_view>

#include <regulus/core/json.hpp>
#include <regulus/weights/checkpoint_layouts.hpp>

namespace regulus::detail {

inline constexpr std::uint64_t max_safetensors_header = 100'000'000;

class SafetensorsParser {
public:
    explicit SafetensorsParser(CheckpointFile& out) : out_(out), file_(*out.data->file) {}

    void parse() {
        const std::uint64_t length = file_.size() < 8 ? 0 : load_little<std::uint64_t>(file_.data());
        if (length < 2 || length > max_safetensors_header) refuse_at(file_.path(), 0, "a safetensors header of " + std::to_string(length) + " bytes, the limit is 100 MB");
        if (!lies_within(8, length, file_.size())) refuse_at(file_.path(), 0, "a safetensors header of " + std::to_string(length) + " bytes in a file of " + std::to_string(file_.size()));
        data_ = 8 + length;
        const std::string_view text(reinterpret_cast<const char*>(file_.data() + 8), static_cast<std::size_t>(length));
        if (text[0] != '{') refuse_at(file_.path(), 8, "the safetensors header does not begin with '{'");
        const Json header = parse_json(text, "\"" + file_.path() + "\", safetensors header");
        for (const auto& [name, value] : *header.object()) {
            if (name == "__metadata__") metadata(value);
            else tensor(name, value);
        }
        check_coverage();
        hand_out();
    }

private:
    [[noreturn]] void fail(const std::string& name, const std::string& what) const { refuse(file_.path(), "tensor \"" + name.substr(0, 200) + "\" " + what); }

    void metadata(const Json& value) {
        if (value.object() == nullptr) refuse_at(file_.path(), 8, "__metadata__ is no JSON object");
        for (const auto& [key, text] : *value.object()) {
            if (text.text() == nullptr) refuse_at(file_.path(), 8, "the metadata value \"" + key.substr(0, 200) + "\" is no text");
            out_.metadata.emplace_back(key, *text.text());
        }
    }

    void tensor(const std::string& name, const Json& value) {
        const Json* dtype = value.find("dtype");
        const Json* shape = value.find("shape");
        const Json* offsets = value.find("data_offsets");
        if (dtype == nullptr || shape == nullptr || offsets == nullptr) fail(name, "lacks dtype, shape or data_offsets");
        const ElementType* type = dtype->text() != nullptr ? find_element(&ElementType::safe, *dtype->text()) : nullptr;
        if (type == nullptr) fail(name, "has an unknown dtype" + (dtype->text() != nullptr ? " " + dtype->text()->substr(0, 40) : std::string()));
        if (shape->array() == nullptr || shape->array()->size() > Shape::max_rank) fail(name, "has a shape that is no list of at most 8 sizes");
        TensorRecord record;
        for (const Json& size : *shape->array()) {
            if (size.integer() == nullptr || *size.integer() < 0) fail(name, "has a shape with an entry that is no size");
            record.shape.push_back(*size.integer());
        }
        const Json::Array* range = offsets->array();
        if (range == nullptr || range->size() != 2 || (*range)[0].integer() == nullptr || (*range)[1].integer() == nullptr) fail(name, "has data_offsets that are no two integers");
        const std::int64_t begin = *(*range)[0].integer();
        const std::int64_t end = *(*range)[1].integer();
        const std::uint64_t available = file_.size() - data_;
        if (begin < 0 || end < begin || static_cast<std::uint64_t>(end) > available) {
            fail(name, "lies at [" + std::to_string(begin) + ", " + std::to_string(end) + "), the file has " + std::to_string(available) + " bytes of data");
        }
        std::int64_t elements = 0;
        try {
            elements = record.shape.numel();
        } catch (const ShapeError&) { fail(name, "has an impossible shape " + to_string(record.shape)); }
        if (elements > INT64_MAX / 64 || elements * type->size != end - begin) {
            fail(name, "has " + std::to_string(end - begin) + " bytes, which is not " + to_string(record.shape) + " of " + std::string(type->name));
        }
        record.name = name;
        record.dtype = type->name;
        record.element = type->held;
        record.strides = dense_strides(record.shape, false);
        items_.push_back({static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(end), std::move(record)});
    }

    // Tensors fill the data without gap or overlap. Their order is that of the header, as the writer meant it.
    void check_coverage() {
        std::vector<const Item*> order;
        order.reserve(items_.size());
        for (const Item& item : items_) order.push_back(&item);
        std::sort(order.begin(), order.end(), [](const Item* a, const Item* b) { return a->begin != b->begin ? a->begin < b->begin : a->end < b->end; });
        std::uint64_t at = 0;
        for (const Item* item : order) {
            if (item->begin != at) fail(item->record.name, item->begin < at ? "overlaps another" : "has bytes before it that belong to no tensor");
            at = item->end;
        }
        if (at != file_.size() - data_) refuse_at(file_.path(), data_ + at, "bytes after the last tensor");
    }

    void hand_out() {
        out_.groups.resize(1);
        for (Item& item : items_) {
            CheckpointStorage storage;
            storage.data = file_.data() + data_ + item.begin;
            storage.size = item.end - item.begin;
            storage.owner = out_.data->file_owner();
            storage.label = "\"" + item.record.name.substr(0, 200) + "\"";
            item.record.storage = static_cast<std::uint32_t>(out_.data->storages.size());
            out_.data->storages.push_back(std::move(storage));
            out_.groups.front().tensors.push_back(std::move(item.record));
        }
    }

    struct Item {
        std::uint64_t begin;
        std::uint64_t end;
        TensorRecord record;
    };

    CheckpointFile& out_;
    const MappedFile& file_;
    std::uint64_t data_ = 0;
    std::vector<Item> items_;
};

REGULUS_INLINE void read_safetensors(CheckpointFile& out) {
    out.layout = CheckpointLayout::safetensors;
    SafetensorsParser(out).parse();
}

}  // namespace regulus::detail
