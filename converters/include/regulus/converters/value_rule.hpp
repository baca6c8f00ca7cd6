#pragma once
// What a ValueRule does to a tensor. A tensor whose shape does not allow it stays as it is: binding reports its shape.
#include <regulus/converters/name_table.hpp>
#include <regulus/core/tensor.hpp>
#include <regulus/graph/graph.hpp>

namespace regulus {

/// Whether the graph's nine anchors a cell come scale by scale (detectron2's RetinaNet), not ratio by ratio.
bool has_anchors_by_scale(const Graph& graph);

/// Values as we keep them for the graph; shares elements where none moves.
Tensor to_our_values(const Tensor& foreign, ValueRule rule, const Graph& graph);

/// The inverse; rows that we do not keep are zero.
Tensor to_foreign_values(const Tensor& ours, ValueRule rule, const Graph& graph);

/// The shape of to_foreign_values.
Shape to_foreign_shape(const Shape& ours, ValueRule rule);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/converters/value_rule-impl.hpp>
#endif
