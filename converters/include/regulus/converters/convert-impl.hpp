#pragma once
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>
#include <variant>

#include <regulus/converters/convert.hpp>
#include <regulus/converters/value_rule.hpp>
#include <regulus/converters/value_rule-impl.hpp>
#include <regulus/weights/to_float32.hpp>

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

/// mmdetection 1.x counted the background as class 0 of class scores, boxes and masks; its heads show it by having as many box rows as
/// class rows. Weights as 2.x and later order them.
inline Tensor background_last(const std::string& name, const Tensor& tensor) {
    if (tensor.shape().rank() == 0 || tensor.shape()[0] == 0) return tensor;
    if (name.find("bbox_head.fc_cls.") != std::string::npos) return rotated_rows(tensor, 1);
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

/// Every norm of the graph by the begin of its parameters' names ("backbone.stem.norm."), with its epsilon.
inline std::map<std::string, double> norms_of(const Graph& graph) {
    constexpr std::string_view last = "running_var";
    std::map<std::string, double> norms;
    for (const Node& node : graph.nodes) {
        const auto* conv = std::get_if<ops::Conv2d>(&node.operation);
        for (const Parameter& parameter : node.parameters) {
            if (ends_with(parameter.name, last)) norms[parameter.name.substr(0, parameter.name.size() - last.size())] = conv != nullptr ? conv->norm_eps : 1e-5;
        }
    }
    return norms;
}

/// Gives norms that a file holds as scale and shift a mean of 0 and a variance of 1.
inline void add_statistics(Weights& ours, const Graph& graph) {
    for (const auto& [norm, eps] : norms_of(graph)) {
        const Tensor* scale = ours.find(norm + "weight");
        if (scale == nullptr || ours.find(norm + "running_mean") != nullptr || ours.find(norm + "running_var") != nullptr) continue;
        const Shape shape = scale->shape();
        Tensor ones(shape, DType::f32);
        std::fill_n(ones.data<float>(), ones.numel(), 1.0f);
        ours.add(norm + "running_mean", Tensor::zeros(shape, DType::f32));
        ours.add(norm + "running_var", std::move(ones));
    }
}

/// The inverse: mean and variance folded into scale and shift, in double, rounded once; no statistics are left. Norms of mean 0 and variance 1 lose them only.
inline Weights without_statistics(const Weights& ours, const Graph& graph) {
    std::map<std::string, Tensor> folded;  // by name; an empty one is left out
    for (const auto& [norm, eps] : norms_of(graph)) {
        const Tensor *weight = ours.find(norm + "weight"), *bias = ours.find(norm + "bias"), *mean = ours.find(norm + "running_mean"), *variance = ours.find(norm + "running_var");
        if (weight == nullptr || bias == nullptr || mean == nullptr || variance == nullptr) continue;
        const std::int64_t count = weight->numel();
        if (bias->numel() != count || mean->numel() != count || variance->numel() != count) throw WeightError("convert: the four tensors of \"" + norm + "*\" differ in length in " + ours.source);
        folded[norm + "running_mean"] = folded[norm + "running_var"] = Tensor();
        const Tensor w = to_float32(*weight), b = to_float32(*bias), m = to_float32(*mean), v = to_float32(*variance);
        const bool plain = std::all_of(m.data<float>(), m.data<float>() + count, [](float x) { return x == 0; }) && std::all_of(v.data<float>(), v.data<float>() + count, [](float x) { return x == 1; });
        if (plain) continue;
        Tensor scale(weight->shape(), DType::f32), shift(weight->shape(), DType::f32);
        for (std::int64_t i = 0; i < count; ++i) {
            const double factor = double(w.data<float>()[i]) / std::sqrt(double(v.data<float>()[i]) + eps);
            scale.data<float>()[i] = float(factor);
            shift.data<float>()[i] = float(double(b.data<float>()[i]) - double(m.data<float>()[i]) * factor);
        }
        folded[norm + "weight"] = std::move(scale);
        folded[norm + "bias"] = std::move(shift);
    }
    Weights result;
    result.source = ours.source;
    result.metadata = ours.metadata;
    for (const auto& entry : ours.entries()) {
        const auto changed = folded.find(entry.name);
        if (changed == folded.end()) result.add(entry.name, entry.tensor);
        else if (!changed->second.empty()) result.add(entry.name, changed->second);
    }
    return result;
}

}  // namespace detail::names

REGULUS_INLINE const NameTable* recognise_names(const Weights& weights, const Graph& graph) {
    const std::set<std::string> wanted = detail::names::parameter_names(graph);
    std::size_t best_hits = 0;
    for (const auto& entry : weights.entries()) best_hits += wanted.count(entry.name);
    const NameTable* best = nullptr;
    for (const NameTable& table : name_tables()) {
        std::size_t hits = 0;
        for (std::size_t i = 0; i < std::min(weights.size(), names_looked_at); ++i) {
            if (const auto name = table.to_ours(weights.entries()[i].name)) hits += wanted.count(*name);
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
        const bool made_for_it = hits == best_hits && best != nullptr && best->node.empty() && !table.node.empty();
        if (hits > best_hits || made_for_it) best = &table, best_hits = hits;
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
        const std::optional<Renamed> renamed = table == nullptr ? std::nullopt : table->renamed_to_ours(entry.name);
        if (renamed && renamed->name.empty()) continue;
        const bool taken = renamed && ours.find(renamed->name) != nullptr;  // two spellings of one thing in one file: the second is reported as unexpected
        if (!renamed || taken) ours.add(entry.name, reorder ? detail::names::background_last(entry.name, entry.tensor) : entry.tensor);
        else ours.add(renamed->name, reorder ? detail::names::background_last(entry.name, entry.tensor) : to_our_values(entry.tensor, renamed->values, graph));
    }
    if (table != nullptr && table->affine_norms) detail::names::add_statistics(ours, graph);
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
    const Weights affine = table.affine_norms ? detail::names::without_statistics(ours, graph) : Weights();
    for (const auto& entry : (table.affine_norms ? affine : ours).entries()) {
        const std::optional<Renamed> renamed = table.renamed_to_foreign(entry.name);
        if (!renamed) throw WeightError("convert: " + code_base + " has no name for \"" + entry.name + "\" of " + ours.source);
        const std::string& name = renamed->name;
        foreign.add(name, to_foreign_values(entry.tensor, renamed->values, graph));
        constexpr std::string_view last = "running_var";
        if (table.counts_batches && detail::names::ends_with(name, last)) foreign.add(name.substr(0, name.size() - last.size()) + "num_batches_tracked", Tensor::zeros(Shape{}, DType::i64));
    }
    return foreign;
}

}  // namespace regulus
