#pragma once
#include <regulus/converters/value_rule.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <variant>

namespace regulus {

namespace detail::names {

inline std::size_t row_bytes(const Tensor& tensor) { return tensor.shape()[0] == 0 ? 0 : tensor.bytes() / std::size_t(tensor.shape()[0]); }

/// Rows [first, first + count) of the outermost axis, as a view that keeps the whole alive.
inline Tensor row_range(const Tensor& tensor, std::int64_t first, std::int64_t count) {
    Shape shape = tensor.shape();
    shape[0] = count;
    return Tensor(shape, tensor.dtype(), static_cast<const std::byte*>(tensor.raw()) + std::size_t(first) * row_bytes(tensor), std::make_shared<Tensor>(tensor));
}

/// The rows moved round: row i comes from row (i + first) modulo their number.
inline Tensor rotated_rows(const Tensor& tensor, std::int64_t first) {
    Tensor result(tensor.shape(), tensor.dtype());
    if (tensor.empty()) return result;
    const std::size_t begin = std::size_t(first) * row_bytes(tensor);
    std::memcpy(result.raw(), static_cast<const std::byte*>(tensor.raw()) + begin, tensor.bytes() - begin);
    std::memcpy(static_cast<std::byte*>(result.raw()) + tensor.bytes() - begin, tensor.raw(), begin);
    return result;
}

inline Tensor with_zero_rows_first(const Tensor& tensor, std::int64_t rows) {
    Shape shape = tensor.shape();
    shape[0] += rows;
    Tensor result = Tensor::zeros(shape, tensor.dtype());
    if (!tensor.empty()) std::memcpy(static_cast<std::byte*>(result.raw()) + (result.bytes() - tensor.bytes()), tensor.raw(), tensor.bytes());
    return result;
}

/// Blocks of rows as a table of three by three, transposed; its own inverse.
inline Tensor transposed_anchors(const Tensor& tensor) {
    Tensor result(tensor.shape(), tensor.dtype());
    const std::size_t block = tensor.bytes() / 9;
    for (std::size_t i = 0; i < 9 && block != 0; ++i) {
        std::memcpy(static_cast<std::byte*>(result.raw()) + i * block, static_cast<const std::byte*>(tensor.raw()) + (i % 3 * 3 + i / 3) * block, block);
    }
    return result;
}

inline std::int64_t background_rows(ValueRule rule) { return rule == ValueRule::background_boxes_first ? 4 : rule == ValueRule::background_mask_first ? 1 : 0; }

}  // namespace detail::names

REGULUS_INLINE bool has_anchors_by_scale(const Graph& graph) {
    for (const Node& node : graph.nodes) {
        const auto* decode = std::get_if<ops::DecodeAnchors>(&node.operation);
        if (decode == nullptr || decode->anchors.size() != 9) continue;
        const auto area = [&](std::size_t i) { return double(decode->anchors[i][2] - decode->anchors[i][0]) * double(decode->anchors[i][3] - decode->anchors[i][1]); };
        return std::abs(area(1) - area(0)) < 0.2 * area(0);  // the next scale has 1.59 times the area
    }
    return false;
}

REGULUS_INLINE Tensor to_our_values(const Tensor& foreign, ValueRule rule, const Graph& graph) {
    using namespace detail::names;
    const std::int64_t rows = foreign.shape().rank() == 0 ? 0 : foreign.shape()[0];
    if (rule == ValueRule::background_first && rows > 1) return rotated_rows(foreign, 1);
    if (background_rows(rule) > 0 && rows > background_rows(rule)) return row_range(foreign, background_rows(rule), rows - background_rows(rule));
    if (rule == ValueRule::anchors_by_scale && rows > 0 && rows % 9 == 0 && !has_anchors_by_scale(graph)) return transposed_anchors(foreign);
    return foreign;
}

REGULUS_INLINE Tensor to_foreign_values(const Tensor& ours, ValueRule rule, const Graph& graph) {
    using namespace detail::names;
    const std::int64_t rows = ours.shape().rank() == 0 ? 0 : ours.shape()[0];
    if (rule == ValueRule::background_first && rows > 1) return rotated_rows(ours, rows - 1);
    if (background_rows(rule) > 0 && rows > 0) return with_zero_rows_first(ours, background_rows(rule));
    if (rule == ValueRule::anchors_by_scale && rows > 0 && rows % 9 == 0 && !has_anchors_by_scale(graph)) return transposed_anchors(ours);
    return ours;
}

REGULUS_INLINE Shape to_foreign_shape(const Shape& ours, ValueRule rule) {
    Shape shape = ours;
    if (shape.rank() > 0 && shape[0] > 0) shape[0] += detail::names::background_rows(rule);
    return shape;
}

}  // namespace regulus
