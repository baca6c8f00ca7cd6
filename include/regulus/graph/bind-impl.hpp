#pragma once
#include <cmath>
#include <map>

#include <regulus/graph/bind.hpp>

namespace regulus {

namespace detail {

inline bool is_float(DType dtype) { return dtype == DType::f32 || dtype == DType::f64 || dtype == DType::f16 || dtype == DType::bf16; }

/// `source` as float32; shares the elements when they are float32 already.
inline Tensor as_float32(const Tensor& source) {
    if (source.dtype() == DType::f32) return source;
    Tensor result(source.shape(), DType::f32);
    float* dst = result.data<float>();
    const std::int64_t count = source.numel();
    const void* raw = source.raw();
    for (std::int64_t i = 0; i < count; ++i) {
        switch (source.dtype()) {
            case DType::f16: dst[i] = half_to_float(static_cast<const std::uint16_t*>(raw)[i]); break;
            case DType::bf16: dst[i] = bfloat16_to_float(static_cast<const std::uint16_t*>(raw)[i]); break;
            default: dst[i] = float(static_cast<const double*>(raw)[i]); break;
        }
    }
    return result;
}

/// Up to `limit` names, one a line, then how many more there are.
inline void append_names(std::string& text, const char* title, const std::vector<std::string>& names, std::size_t limit = 50) {
    if (names.empty()) return;
    text += "\n  " + std::to_string(names.size()) + " " + title + ":";
    for (std::size_t i = 0; i < names.size() && i < limit; ++i) text += "\n    " + names[i];
    if (names.size() > limit) text += "\n    ... and " + std::to_string(names.size() - limit) + " more";
}

}  // namespace detail

REGULUS_INLINE std::vector<std::vector<Tensor>> bind_weights(const Graph& graph, const Weights& weights) {
    std::vector<std::vector<Tensor>> bound(graph.nodes.size());
    std::vector<std::string> missing, unexpected, misshapen;
    std::map<std::string, bool> known;
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
        for (const Parameter& parameter : graph.nodes[id].parameters) {
            const bool first_use = known.emplace(parameter.name, true).second;  // heads shared by levels occur once a level
            const Tensor* tensor = weights.find(parameter.name);
            if (tensor == nullptr) {
                if (first_use) missing.push_back(parameter.name + " " + to_string(parameter.shape));
            } else if (!(tensor->shape() == parameter.shape)) {
                if (first_use) misshapen.push_back(parameter.name + " is " + to_string(tensor->shape()) + ", the model has " + to_string(parameter.shape));
            } else if (!detail::is_float(tensor->dtype())) {
                if (first_use) misshapen.push_back(parameter.name + " holds " + name_of(tensor->dtype()) + ", the model needs floating point");
            } else {
                bound[id].push_back(detail::as_float32(*tensor));
            }
        }
    }
    for (const Weights::Entry& entry : weights.entries()) {
        if (known.find(entry.name) == known.end()) unexpected.push_back(entry.name + " " + to_string(entry.tensor.shape()));
    }
    if (missing.empty() && unexpected.empty() && misshapen.empty()) return bound;
    std::string text = "load: " + weights.source + " does not fit " + graph.name + "; is it the checkpoint of another model?";
    detail::append_names(text, "misshapen", misshapen);
    detail::append_names(text, "missing", missing);
    detail::append_names(text, "unexpected", unexpected);
    throw WeightError(text);
}

namespace detail {

/// `bound` is weight, bias if `has_bias`, the norm's four if `has_norm`; output channels repeat every `out_channels * taps` elements of the weight, `taps` for each.
inline ConvParameters fold(const std::vector<Tensor>& bound, int out_channels, std::int64_t taps, bool has_bias, bool has_norm, double eps) {
    ConvParameters result{bound[0], has_bias ? bound[1] : Tensor::zeros(Shape{out_channels})};
    if (!has_norm) return result;
    const std::size_t first = has_bias ? 2 : 1;
    const float* gamma = bound[first].data<float>();
    const float* beta = bound[first + 1].data<float>();
    const float* mean = bound[first + 2].data<float>();
    const float* variance = bound[first + 3].data<float>();
    const float* old_bias = result.bias.data<float>();
    const float* old_weight = bound[0].data<float>();
    Tensor weight(bound[0].shape(), DType::f32);
    Tensor bias(Shape{out_channels}, DType::f32);
    for (int c = 0; c < out_channels; ++c) {
        const double scale = double(gamma[c]) / std::sqrt(double(variance[c]) + eps);
        for (std::int64_t run = c * taps; run < weight.numel(); run += out_channels * taps) {
            for (std::int64_t i = run; i < run + taps; ++i) weight.data<float>()[i] = float(double(old_weight[i]) * scale);
        }
        bias.data<float>()[c] = float((double(old_bias[c]) - double(mean[c])) * scale + double(beta[c]));
    }
    return {weight, bias};
}

}  // namespace detail

REGULUS_INLINE ConvParameters folded_parameters(const ops::Conv2d& conv, const std::vector<Tensor>& bound) {
    return detail::fold(bound, conv.out_channels, std::int64_t(conv.in_channels / conv.groups) * conv.kernel * conv.kernel, conv.bias, conv.norm, conv.norm_eps);
}

REGULUS_INLINE ConvParameters folded_parameters(const ops::ConvTranspose2d& deconv, const std::vector<Tensor>& bound) {
    return detail::fold(bound, deconv.out_channels, std::int64_t(deconv.kernel) * deconv.kernel, deconv.bias, deconv.norm, deconv.norm_eps);
}

}  // namespace regulus
