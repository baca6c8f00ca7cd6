#pragma once
#include <cmath>
#include <map>

#include <regulus/graph/bind.hpp>
#include <regulus/weights/misfits.hpp>
#include <regulus/weights/to_float32.hpp>

namespace regulus {

REGULUS_INLINE std::vector<std::vector<Tensor>> bind_weights(const Graph& graph, const Weights& weights) {
    std::vector<std::vector<Tensor>> bound(graph.nodes.size());
    detail::Misfits misfits;
    std::map<std::string, bool> known;
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
        for (const Parameter& parameter : graph.nodes[id].parameters) {
            const bool first_use = known.emplace(parameter.name, true).second;  // heads shared by levels occur once a level
            const Tensor* tensor = weights.find(parameter.name);
            if (tensor == nullptr) {
                if (first_use) misfits.missing.push_back(parameter.name + " " + to_string(parameter.shape));
            } else if (!(tensor->shape() == parameter.shape)) {
                if (first_use) misfits.misshapen.push_back(parameter.name + " is " + to_string(tensor->shape()) + ", the model has " + to_string(parameter.shape));
            } else if (!detail::is_float(tensor->dtype())) {
                if (first_use) misfits.misshapen.push_back(parameter.name + " holds " + name_of(tensor->dtype()) + ", the model needs floating point");
            } else {
                bound[id].push_back(to_float32(*tensor));
            }
        }
    }
    for (const Weights::Entry& entry : weights.entries()) {
        if (known.find(entry.name) == known.end()) misfits.unexpected.push_back(entry.name + " " + to_string(entry.tensor.shape()));
    }
    if (misfits.empty()) return bound;
    throw WeightError("load: " + weights.source + " does not fit " + graph.name + "; is it the checkpoint of another model?" + misfits.text());
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
