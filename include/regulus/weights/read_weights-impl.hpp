#pragma once
#include <regulus/weights/read_weights.hpp>

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <regulus/weights/checkpoint_layouts.hpp>

namespace regulus {

namespace detail {

inline bool ends_with(std::string_view text, std::string_view suffix) { return text.size() > suffix.size() && text.substr(text.size() - suffix.size()) == suffix; }

/// Names of a group that are copies of others: mmcv's EMA hook keeps "a.b" as the buffer "ema_a_b", Caffe2 the momentum of "x" as "x_momentum".
inline std::unordered_set<std::string> copies_in(const TensorGroup& group) {
    std::unordered_set<std::string> names, flat, copies;
    for (const TensorRecord& record : group.tensors) {
        names.insert(record.name);
        std::string underscored = record.name;
        std::replace(underscored.begin(), underscored.end(), '.', '_');
        flat.insert(std::move(underscored));
    }
    constexpr std::string_view prefix = "ema_", suffix = "_momentum";
    for (const std::string& name : names) {
        const bool ema = name.compare(0, prefix.size(), prefix) == 0 && name.find('.') == std::string::npos && flat.count(name.substr(prefix.size())) != 0;
        const bool momentum = ends_with(name, suffix) && names.count(name.substr(0, name.size() - suffix.size())) != 0;
        if (ema || momentum) copies.insert(name);
    }
    return copies;
}

inline std::size_t group_index(const CheckpointFile& file, const ReadOptions& options) {
    std::string names;
    for (const TensorGroup& group : file.groups) names += (names.empty() ? "\"" : ", \"") + group.name + "\"";
    if (!options.group.empty()) {
        for (std::size_t i = 0; i < file.groups.size(); ++i) {
            if (file.groups[i].name == options.group) return i;
        }
        refuse(file.path, "has no tensors under \"" + options.group + "\"; it has them under " + names);
    }
    const std::size_t chosen = choose_group(file, options.ema);
    if (chosen != CheckpointFile::no_group) return chosen;
    if (options.ema == EmaChoice::always) refuse(file.path, "holds no moving average of its weights; it has tensors under " + names);
    refuse(file.path, "has tensors under " + names + " and no convention says which are the weights: name one in ReadOptions::group");
}

}  // namespace detail

REGULUS_INLINE Weights read_weights(const std::string& path, const ReadOptions& options) { return read_weights(inspect_checkpoint(path), options); }

REGULUS_INLINE Weights read_weights(const CheckpointFile& file, const ReadOptions& options) {
    const TensorGroup& group = file.groups[detail::group_index(file, options)];
    const std::unordered_set<std::string> copies = options.drop_copies ? detail::copies_in(group) : std::unordered_set<std::string>();
    Weights weights;
    weights.source = file.path;
    for (const auto& [key, value] : file.metadata) weights.metadata[key] = value;

    constexpr std::string_view wrapper = "module.";
    std::string left_out;
    std::uint64_t copy_budget = 4 * file.file_bytes + (64u << 20);
    for (const TensorRecord& record : group.tensors) {
        if (copies.count(record.name) != 0) continue;
        if (record.refusal.empty() && !record.element && !options.refuse_unsupported) {
            left_out += record.name + " (" + record.dtype + ")\n";
            continue;
        }
        if (record.refusal.empty() && record.element && !file.is_view(record)) {
            const std::uint64_t bytes = static_cast<std::uint64_t>(record.shape.numel()) * size_of(*record.element);
            if (bytes > copy_budget) detail::refuse(file.path, "tensor \"" + record.name + "\": the tensors repeat their elements to more bytes than a file of this size may hold");
            copy_budget -= bytes;
        }
        const bool wrapped = options.strip_module && record.name.size() > wrapper.size() && record.name.compare(0, wrapper.size(), wrapper) == 0;
        std::string name = wrapped ? record.name.substr(wrapper.size()) : record.name;
        if (weights.find(name) != nullptr) detail::refuse(file.path, "holds \"" + name + "\" with and without \"module.\" before it: set ReadOptions::strip_module to false");
        weights.add(std::move(name), file.load(record));
    }
    if (weights.empty() && !left_out.empty()) detail::refuse(file.path, "holds only tensors of types that Regulus does not hold: " + left_out.substr(0, left_out.find('\n')) + (left_out.find('\n') + 1 < left_out.size() ? ", ..." : ""));
    if (!left_out.empty()) weights.metadata["regulus.left_out"] = left_out;
    return weights;
}

}  // namespace regulus
