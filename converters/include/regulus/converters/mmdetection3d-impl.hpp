#pragma once
#include <cstring>

#include <regulus/converters/mmdetection3d.hpp>

namespace regulus {

namespace detail::names {

/// Output channels of a head's layer, regrouped: channel `to` of the result is channel from(to) of `tensor`.
template <class From>
Tensor channels_from(const Tensor& tensor, const From& from) {
    Tensor result(tensor.shape(), tensor.dtype());
    const std::int64_t channels = tensor.shape()[0];
    const std::size_t row = tensor.bytes() / std::size_t(channels);
    for (std::int64_t to = 0; to < channels; ++to) {
        std::memcpy(static_cast<std::byte*>(result.raw()) + std::size_t(to) * row, static_cast<const std::byte*>(tensor.raw()) + std::size_t(from(to)) * row, row);
    }
    return result;
}

}  // namespace detail::names

REGULUS_INLINE Weights rewrite_width_first_head(const Weights& ours, int per_cell, int classes, int code) {
    const auto rewritten = [&](const std::string& name, const Tensor& tensor) -> Tensor {
        const bool deltas = name.rfind("head.deltas.", 0) == 0, directions = name.rfind("head.directions.", 0) == 0;
        if (!deltas && !directions && name.rfind("head.logits.", 0) != 0) return tensor;
        const int width = deltas ? code : directions ? 2 : classes;
        if (tensor.dtype() != DType::f32 || tensor.shape().rank() == 0 || tensor.shape()[0] != std::int64_t(per_cell) * width) {
            throw WeightError("load: " + ours.source + ": \"" + name + "\" is " + to_string(tensor.shape()) + ", a head of " + std::to_string(per_cell) + " anchors a cell with " + std::to_string(width) +
                              " float32 channels each was expected");
        }
        Tensor result = detail::names::channels_from(tensor, [&](std::int64_t to) {
            const std::int64_t anchor = (to / width) ^ 1;  // the other rotation of the same size
            std::int64_t k = to % width;
            if (deltas && (k == 3 || k == 4)) k = 7 - k;
            return anchor * width + k;
        });
        if (!deltas) return result;
        constexpr double half_pi_more = 0.000796326794896558;  // pi / 2 - 1.57
        const std::int64_t row = result.numel() / result.shape()[0];
        const bool bias = result.shape().rank() == 1;
        for (std::int64_t channel = 6; channel < result.shape()[0]; channel += width) {
            for (std::int64_t i = channel * row; i < (channel + 1) * row; ++i) {
                float& x = result.data<float>()[i];
                x = float((bias ? half_pi_more : 0.0) - double(x));
            }
        }
        return result;
    };
    for (const char* layer : {"head.logits", "head.deltas", "head.directions"}) {
        for (const char* part : {".weight", ".bias"}) {
            if (ours.find(std::string(layer) + part) == nullptr) throw WeightError("load: " + ours.source + " has no \"" + layer + part + "\" to be rewritten for today's boxes");
        }
    }
    Weights result;
    result.source = ours.source;
    result.metadata = ours.metadata;
    for (const auto& entry : ours.entries()) result.add(entry.name, rewritten(entry.name, entry.tensor));
    return result;
}

}  // namespace regulus
