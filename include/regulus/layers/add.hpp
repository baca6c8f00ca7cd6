#pragma once
// layers/: recipes without state. A layer takes typed handles, checks them at compile time and appends operations to the
// graph under record; it owns no weights and names no backend. It includes graph/ only.
// This file: sums and the rectifier.
#include <regulus/graph/record.hpp>

namespace regulus {

namespace detail {

/// A scope beside the layer that made `value`: "s1.b1.c.norm" and "add" give "s1.b1.add".
inline Scope beside(Graph& graph, ValueId value, const char* part) {
    std::string name = graph.nodes[std::size_t(graph.values[std::size_t(value)].producer)].name;
    if (name.size() > 5 && name.compare(name.size() - 5, 5, ".norm") == 0) name.resize(name.size() - 5);
    const std::size_t dot = name.rfind('.');
    name.resize(dot == std::string::npos ? 0 : dot);
    return name.empty() ? Scope(graph) / part : Scope(graph) / name / part;
}

}  // namespace detail

/// Elementwise sum of two maps of equal channels and stride.
template <int LeftChannels, int LeftStride, int RightChannels, int RightStride>
Feature<LeftChannels, LeftStride> operator+(Feature<LeftChannels, LeftStride> left, Feature<RightChannels, RightStride> right) {
    static_assert(SameChannels<LeftChannels, RightChannels>::agree);
    static_assert(SameStride<LeftStride, RightStride>::agree);
    return {left.graph, record::add(detail::beside(*left.graph, left.id, "add"), left.id, right.id)};
}

/// max(x, 0).
template <int Channels, int Stride>
Feature<Channels, Stride> relu(Feature<Channels, Stride> x) {
    return {x.graph, record::activate(detail::beside(*x.graph, x.id, "relu"), Activation::relu, x.id)};
}

}  // namespace regulus
