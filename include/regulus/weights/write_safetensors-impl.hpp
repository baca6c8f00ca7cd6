#pragma once
#include <regulus/weights/write_safetensors.hpp>

#include <algorithm>
#include <vector>

#include <regulus/core/atomic_file.hpp>
#include <regulus/core/json.hpp>
#include <regulus/core/utf8.hpp>
#include <regulus/weights/bytes.hpp>
#include <regulus/weights/element_types.hpp>

namespace regulus {

namespace detail {

/// The row of the table for a type that Regulus holds.
inline const ElementType& element_of(DType dtype) {
    for (const ElementType& type : element_types) {
        if (type.held == dtype) return type;
    }
    throw WeightError("write: unknown element type");
}

inline void check_name(const std::string& path, const std::string& name) {
    if (invalid_utf8_at(name) != name.size()) refuse(path, "cannot be written: a tensor's name is not UTF-8");
}

inline void append_metadata(std::string& header, const std::string& path, const std::map<std::string, std::string>& metadata) {
    header += "\"__metadata__\":{";
    bool first = true;
    for (const auto& [key, value] : metadata) {
        if (invalid_utf8_at(key) != key.size() || invalid_utf8_at(value) != value.size()) refuse(path, "cannot be written: the metadata of " + json_quote(key) + " are not UTF-8");
        if (!first) header += ',';
        first = false;
        header += json_quote(key) + ":" + json_quote(value);
    }
    header += '}';
}

}  // namespace detail

REGULUS_INLINE void write_safetensors(const std::string& path, const Weights& weights) {
    const std::vector<Weights::Entry>& entries = weights.entries();
    std::vector<std::size_t> order(entries.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return size_of(entries[a].tensor.dtype()) > size_of(entries[b].tensor.dtype()); });
    std::vector<std::uint64_t> begin(entries.size());
    std::uint64_t end = 0;
    for (const std::size_t i : order) {
        begin[i] = end;
        end += entries[i].tensor.bytes();
    }

    std::string header = "{";
    if (!weights.metadata.empty()) detail::append_metadata(header, path, weights.metadata);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const Tensor& tensor = entries[i].tensor;
        detail::check_name(path, entries[i].name);
        if (entries[i].name == "__metadata__") detail::refuse(path, "cannot be written: safetensors reserves the name \"__metadata__\"");
        if (header.size() > 1) header += ',';
        header += json_quote(entries[i].name) + ":{\"dtype\":\"" + std::string(detail::element_of(tensor.dtype()).safe) + "\",\"shape\":[";
        for (int axis = 0; axis < tensor.shape().rank(); ++axis) header += (axis != 0 ? "," : "") + std::to_string(tensor.shape()[axis]);
        header += "],\"data_offsets\":[" + std::to_string(begin[i]) + "," + std::to_string(begin[i] + tensor.bytes()) + "]}";
    }
    header += '}';
    header.append((64 - (8 + header.size()) % 64) % 64, ' ');
    if (header.size() > 100'000'000) detail::refuse(path, "cannot be written: its header would pass safetensors' limit of 100 MB");

    std::string length;
    detail::append_little<std::uint64_t>(length, header.size());
    AtomicFile file(path);
    file.write(length);
    file.write(header);
    for (const std::size_t i : order) file.write(entries[i].tensor.raw(), entries[i].tensor.bytes());
    file.commit();
}

}  // namespace regulus
