#pragma once
// From pickled values to groups of tensors and flat metadata.
#include <charconv>
#include <string_view>
#include <unordered_map>

#include <regulus/core/json.hpp>
#include <regulus/core/utf8.hpp>
#include <regulus/weights/checkpoint_layouts.hpp>

namespace regulus::detail {

/// The text of a key or value; Python 2's byte strings are taken as UTF-8, else as Latin-1. False when it is no text of sensible length.
inline bool text_of(const PickleNode& value, std::string& out) {
    if ((value.kind != PickleKind::text && value.kind != PickleKind::bytes) || value.text.size() > max_pickle_text) return false;
    out.clear();
    if (invalid_utf8_at(value.text) == value.text.size()) {
        out = value.text;
    } else {
        for (const char c : value.text) append_utf8(out, static_cast<std::uint8_t>(c));
    }
    return true;
}

class PickleGroups {
public:
    PickleGroups(CheckpointFile& out, const Pickle& pickle, std::uint32_t first_storage) : out_(out), pickle_(pickle), first_storage_(first_storage) {}

    void take() {
        const PickleNode& root = pickle_[pickle_.root];
        if (root.kind == PickleKind::object) {
            refuse(out_.path, "holds a pickled module or object (" + class_of(root) + "), not a state dict: save model.state_dict() with the program that wrote it");
        }
        if (root.kind != PickleKind::dict) refuse(out_.path, "holds no dict of tensors, but a single value or a list");
        add_arrays();
        add_group("", root);
        std::unordered_map<std::string_view, std::size_t> last;  // as in Python, the last value of a key counts
        for (std::size_t i = 0; i + 1 < root.items.size(); i += 2) {
            if (is_key(root.items[i])) last[pickle_[root.items[i]].text] = i;
        }
        for (std::size_t i = 0; i + 1 < root.items.size(); i += 2) {
            const PickleNode& value = pickle_[root.items[i + 1]];
            std::string name;
            if (value.kind != PickleKind::dict || !is_key(root.items[i]) || last[pickle_[root.items[i]].text] != i) continue;
            if (text_of(pickle_[root.items[i]], name)) add_group(name, value);
        }
        add_metadata("", root, 0);
        out_.unknown_globals.assign(pickle_.unknown_globals.begin(), pickle_.unknown_globals.end());
        if (out_.groups.empty()) refuse_without_tensors(root);
    }

private:
    // Keys of groups and metadata are short; a long text, named again and again through the memo, would cost time without end.
    bool is_key(std::uint32_t handle) const {
        const PickleNode& key = pickle_[handle];
        return (key.kind == PickleKind::text || key.kind == PickleKind::bytes) && key.text.size() <= 1024;
    }

    std::string class_of(const PickleNode& object) const {
        const PickleNode& callable = pickle_[object.items[0]];
        return callable.kind == PickleKind::global ? std::string(callable.text) + "." + std::string(pickle_[callable.items[0]].text) : "an unnamed object";
    }

    [[noreturn]] void refuse_without_tensors(const PickleNode& root) const {
        for (std::size_t i = 0; i + 1 < root.items.size(); i += 2) {
            std::string name;
            const PickleNode& value = pickle_[root.items[i + 1]];
            if (value.kind != PickleKind::object || !is_key(root.items[i]) || !text_of(pickle_[root.items[i]], name)) continue;
            if (name == "model" || name == "ema" || name == "state_dict" || name == "net") {
                refuse(out_.path, "\"" + name + "\" is a pickled module (" + class_of(value) + "), not a state dict: save model.state_dict() with the program that wrote it");
            }
        }
        refuse(out_.path, "holds no tensors");
    }

    void add_arrays() {
        first_array_ = static_cast<std::uint32_t>(out_.data->storages.size());
        for (const PickleArray& array : pickle_.arrays) {
            CheckpointStorage storage;
            storage.data = reinterpret_cast<const std::uint8_t*>(array.data.data());
            storage.size = array.data.size();
            storage.owner = array.owner != nullptr ? std::shared_ptr<void>(array.owner) : out_.data->file_owner();
            storage.big_endian = array.big_endian;
            storage.label = "an array";
            out_.data->storages.push_back(std::move(storage));
        }
    }

    TensorRecord record_of(std::string name, const PickleNode& value) const {
        TensorRecord record;
        record.name = std::move(name);
        const ElementType* type = nullptr;
        if (value.kind == PickleKind::tensor) {
            const PickleTensor& tensor = pickle_.tensors[static_cast<std::size_t>(value.integer)];
            type = tensor.type;
            record.shape = tensor.shape;
            record.refusal = tensor.refusal;
            record.storage = first_storage_ + tensor.storage;
            record.offset = tensor.offset;
            record.strides = tensor.strides;
        } else {
            const PickleArray& array = pickle_.arrays[static_cast<std::size_t>(value.integer)];
            type = array.type;
            record.shape = array.shape;
            record.refusal = array.complete || !array.refusal.empty() ? array.refusal : "the file holds no data for it";
            record.storage = first_array_ + static_cast<std::uint32_t>(value.integer);
            record.strides = dense_strides(array.shape, array.fortran);
        }
        record.dtype = type != nullptr ? std::string(type->name) : "unknown";
        if (type != nullptr) record.element = type->held;
        return record;
    }

    void add_group(const std::string& name, const PickleNode& dict) {
        TensorGroup group;
        group.name = name;
        std::unordered_map<std::string, std::size_t> index;
        visited_ += dict.items.size();
        if (visited_ > 4 * max_records) refuse(out_.path, "holds more than " + std::to_string(max_records) + " tensors");
        for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
            const PickleNode& value = pickle_[dict.items[i + 1]];
            std::string key;
            if ((value.kind != PickleKind::tensor && value.kind != PickleKind::array) || !text_of(pickle_[dict.items[i]], key)) continue;
            names_ += key.size();
            if (++records_ > max_records || names_ > 4 * max_pickle_text) refuse(out_.path, "holds more than " + std::to_string(max_records) + " tensors, or names too long");
            const auto [found, added] = index.emplace(key, group.tensors.size());
            TensorRecord record = record_of(std::move(key), value);
            if (added) group.tensors.push_back(std::move(record));
            else group.tensors[found->second] = std::move(record);  // as in Python, the last value of a name counts
        }
        if (!group.tensors.empty()) out_.groups.push_back(std::move(group));
    }

    // A scalar as bare text (top) or JSON (inside a list). False for everything else.
    bool scalar_text(const PickleNode& value, bool json, std::string& out) {
        switch (value.kind) {
            case PickleKind::none: out = "null"; return true;
            case PickleKind::boolean: out = value.integer != 0 ? "true" : "false"; return true;
            case PickleKind::integer: out = std::to_string(value.integer); return true;
            case PickleKind::real: {
                char digits[40];
                out.assign(digits, std::to_chars(digits, digits + sizeof digits, value.real).ptr);
                return true;
            }
            case PickleKind::text: case PickleKind::bytes:
                metadata_bytes_ += value.text.size();  // counted also when it is dropped later
                if (metadata_bytes_ > max_metadata_bytes || !text_of(value, out)) return false;
                if (json) out = json_quote(out);
                return true;
            default: return false;
        }
    }

    // A list of scalars, or of such lists (a palette), as JSON.
    bool list_text(const PickleNode& list, int depth, std::string& out) {
        out = "[";
        for (const std::uint32_t item : list.items) {
            if (++looked_at_ > 10 * max_metadata_values || metadata_bytes_ > max_metadata_bytes) return false;
            std::string text;
            const PickleNode& value = pickle_[item];
            const bool nested = value.kind == PickleKind::list || value.kind == PickleKind::tuple;
            if (!(nested && depth < 2 ? list_text(value, depth + 1, text) : scalar_text(value, true, text))) return false;
            if (out.size() > 1) out += ',';
            out += text;
        }
        out += ']';
        return true;
    }

    void add_metadata(const std::string& prefix, const PickleNode& dict, int depth) {
        for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
            if (++looked_at_ > 10 * max_metadata_values || out_.metadata.size() >= max_metadata_values || metadata_bytes_ > max_metadata_bytes) return;
            const PickleNode& value = pickle_[dict.items[i + 1]];
            std::string key, text;
            if (!is_key(dict.items[i]) || !text_of(pickle_[dict.items[i]], key)) continue;
            key = prefix + key;
            if (value.kind == PickleKind::dict) {
                if (depth < 2) add_metadata(key + ".", value, depth + 1);
                continue;
            }
            const bool list = value.kind == PickleKind::list || value.kind == PickleKind::tuple;
            if (!(list ? list_text(value, 0, text) : scalar_text(value, false, text))) continue;
            metadata_bytes_ += key.size();
            out_.metadata.emplace_back(std::move(key), std::move(text));
        }
    }

    CheckpointFile& out_;
    const Pickle& pickle_;
    std::uint32_t first_storage_;
    std::uint32_t first_array_ = 0;
    std::size_t visited_ = 0;
    std::size_t records_ = 0;
    std::size_t names_ = 0;
    std::size_t looked_at_ = 0;
    std::size_t metadata_bytes_ = 0;
};

REGULUS_INLINE void take_pickle(CheckpointFile& out, const Pickle& pickle, std::uint32_t first_storage) { PickleGroups(out, pickle, first_storage).take(); }

}  // namespace regulus::detail
