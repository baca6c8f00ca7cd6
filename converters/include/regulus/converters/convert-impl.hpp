#pragma once
#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include <regulus/converters/convert.hpp>

namespace regulus {

namespace detail::names {

inline bool ends_with(std::string_view text, std::string_view end) { return text.size() >= end.size() && text.substr(text.size() - end.size()) == end; }

inline std::set<std::string> parameter_names(const Graph& graph) {
    std::set<std::string> names;
    for (const Node& node : graph.nodes) {
        for (const Parameter& parameter : node.parameters) names.insert(parameter.name);
    }
    return names;
}

inline bool has_node(const Graph& graph, const std::string& name) {
    return name.empty() || std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) { return node.name == name; });
}

/// Rows [first, first + count) of the outermost axis, as a view that keeps the whole alive.
inline Tensor row_range(const Tensor& tensor, std::int64_t first, std::int64_t count) {
    Shape shape = tensor.shape();
    const std::size_t row_bytes = shape[0] == 0 ? 0 : tensor.bytes() / std::size_t(shape[0]);
    shape[0] = count;
    return Tensor(shape, tensor.dtype(), static_cast<const std::byte*>(tensor.raw()) + std::size_t(first) * row_bytes, std::make_shared<Tensor>(tensor));
}

/// The first row moved behind the last.
inline Tensor first_row_last(const Tensor& tensor) {
    Tensor result(tensor.shape(), tensor.dtype());
    if (tensor.empty()) return result;
    const std::size_t row = tensor.bytes() / std::size_t(tensor.shape()[0]);
    std::memcpy(result.raw(), static_cast<const std::byte*>(tensor.raw()) + row, tensor.bytes() - row);
    std::memcpy(static_cast<std::byte*>(result.raw()) + tensor.bytes() - row, tensor.raw(), row);
    return result;
}

/// mmdetection 1.x counted the background as class 0 of class scores, boxes and masks; its heads show it by having as many box rows as
/// class rows. Weights as 2.x and later order them.
inline Tensor background_last(const std::string& name, const Tensor& tensor) {
    if (tensor.shape().rank() == 0 || tensor.shape()[0] == 0) return tensor;
    if (name.find("bbox_head.fc_cls.") != std::string::npos) return first_row_last(tensor);
    if (name.find("bbox_head.fc_reg.") != std::string::npos && tensor.shape()[0] > 4) return row_range(tensor, 4, tensor.shape()[0] - 4);
    if (name.find("mask_head.conv_logits.") != std::string::npos && tensor.shape()[0] > 1) return row_range(tensor, 1, tensor.shape()[0] - 1);
    return tensor;
}

inline bool has_background_first(const Weights& weights) {
    const Tensor* classes = weights.find("bbox_head.fc_cls.bias");
    const Tensor* boxes = weights.find("bbox_head.fc_reg.bias");
    return classes != nullptr && boxes != nullptr && classes->shape().rank() == 1 && boxes->shape().rank() == 1 && classes->shape()[0] > 1 &&
           boxes->shape()[0] == 4 * classes->shape()[0];
}

}  // namespace detail::names

REGULUS_INLINE const NameTable* recognise_names(const Weights& weights, const Graph& graph) {
    const std::set<std::string> wanted = detail::names::parameter_names(graph);
    std::size_t best_hits = 0;
    for (const auto& entry : weights.entries()) best_hits += wanted.count(entry.name);
    const NameTable* best = nullptr;
    for (const NameTable& table : name_tables()) {
        std::size_t hits = 0;
        for (const auto& entry : weights.entries()) {
            if (const auto name = table.to_ours(entry.name)) hits += wanted.count(*name);
        }
        if (hits > best_hits) best = &table, best_hits = hits;
    }
    return best;
}

REGULUS_INLINE const NameTable& names_of(const std::string& code_base, const Graph& graph) {
    const std::set<std::string> wanted = detail::names::parameter_names(graph);
    const NameTable* best = nullptr;
    std::size_t best_hits = 0;
    std::string known;
    for (const NameTable& table : name_tables()) {
        if (known.find(table.code_base) == std::string::npos) known += (known.empty() ? "" : ", ") + table.code_base;
        if (table.code_base != code_base || !detail::names::has_node(graph, table.node)) continue;
        std::size_t hits = 0;
        for (const std::string& name : wanted) {
            const auto foreign = table.to_foreign(name);
            hits += foreign && table.to_ours(*foreign) == name ? 1 : 0;
        }
        if (hits > best_hits) best = &table, best_hits = hits;
    }
    if (best == nullptr) throw ArgumentError("names: there is no table of " + code_base + " for " + graph.name + "; known code bases: " + known);
    return *best;
}

REGULUS_INLINE Weights to_regulus(const Weights& foreign, const Graph& graph) {
    const NameTable* table = recognise_names(foreign, graph);
    const bool reorder = table != nullptr && table->code_base == "mmdetection" && detail::names::has_background_first(foreign);
    Weights ours;
    ours.source = foreign.source;
    ours.metadata = foreign.metadata;
    if (table != nullptr) ours.metadata["regulus.names"] = table->code_base;
    for (const auto& entry : foreign.entries()) {
        if (detail::names::ends_with(entry.name, "num_batches_tracked")) continue;
        const auto name = table == nullptr ? std::nullopt : table->to_ours(entry.name);
        const bool taken = name && ours.find(*name) != nullptr;  // two spellings of one thing in one file: the second is reported as unexpected
        ours.add(name && !taken ? *name : entry.name, reorder ? detail::names::background_last(entry.name, entry.tensor) : entry.tensor);
    }
    return ours;
}

REGULUS_INLINE std::string with_foreign_names(const std::string& text, const Weights& foreign, const Graph& graph) {
    const NameTable* table = recognise_names(foreign, graph);
    if (table == nullptr) return text;
    std::string result;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        const std::string line = text.substr(begin, end - begin);
        result += (begin == 0 ? "" : "\n") + line;
        const std::size_t name = line.find_first_not_of(' ');
        if (name == 4) {  // an entry of one of the lists: "    NAME what about it"
            if (const auto other = table->to_foreign(line.substr(name, line.find(' ', name) - name))) result += "  (" + table->code_base + ": " + *other + ")";
        }
        begin = end + 1;
    }
    return result;
}

REGULUS_INLINE Weights from_regulus(const Weights& ours, const Graph& graph, const std::string& code_base) {
    const NameTable& table = names_of(code_base, graph);
    Weights foreign;
    foreign.source = ours.source;
    foreign.metadata = ours.metadata;
    for (const auto& entry : ours.entries()) {
        const auto name = table.to_foreign(entry.name);
        if (!name) throw WeightError("convert: " + code_base + " has no name for \"" + entry.name + "\" of " + ours.source);
        foreign.add(*name, entry.tensor);
        constexpr std::string_view last = "running_var";
        if (detail::names::ends_with(*name, last)) foreign.add(name->substr(0, name->size() - last.size()) + "num_batches_tracked", Tensor::zeros(Shape{}, DType::i64));
    }
    return foreign;
}

}  // namespace regulus
