#pragma once
// What the kernels of ReferenceLearning share: shapes and addresses of a call, the derivative of an activation, sums of channels.
#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <regulus/reference/pool_resize.hpp>
#include <regulus/train/learning_backend.hpp>

namespace regulus::reference {

/// The kernel of one node whose operation is `Op`.
template <class Op>
class NodeKernel : public train::LearningKernel {
public:
    NodeKernel(const Op& op, std::vector<Shape> inputs, std::vector<Shape> outputs, const train::LearningRules& rules)
        : op_(op), in_(std::move(inputs)), out_(std::move(outputs)), rules_(rules), threads_(threads_of(rules.threads)) {}

protected:
    using Arguments = train::LearningArguments;

    View<const float> in(const Arguments& arguments, std::size_t i = 0) const { return {arguments.inputs[i], in_[i]}; }
    View<float> out(const Arguments& arguments) const { return {arguments.outputs[0], out_[0]}; }
    View<float> out_gradient(const Arguments& arguments) const { return {arguments.output_gradients[0], out_[0]}; }
    /// Its data are null where nobody asks.
    View<float> in_gradient(const Arguments& arguments, std::size_t i = 0) const { return {arguments.input_gradients[i], in_[i]}; }
    float* parameter_gradient(const Arguments& arguments, std::size_t i) const { return rules_.learns ? arguments.parameter_gradients[i] : nullptr; }

    /// `count` zeros in a thread's part of the scratch.
    static double* zeros(const Arguments& arguments, int thread, std::int64_t count) {
        double* sums = reinterpret_cast<double*>(arguments.scratch) + thread * count;
        std::fill(sums, sums + count, 0.0);
        return sums;
    }
    std::size_t zeros_bytes(std::int64_t count) const { return std::size_t(threads_) * std::size_t(count) * sizeof(double); }

    Op op_;
    std::vector<Shape> in_, out_;
    train::LearningRules rules_;
    int threads_;
};

/// From the derivative by y = activation(x) to the one by x, in place.
inline void through_activation(Activation activation, const View<float>& y, float* gradient, int threads) {
    if (activation == Activation::none) return;
    elementwise(y.shape.numel(), threads, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t i = first; i < last; ++i) {
            if (activation == Activation::relu) gradient[i] = y.data[i] > 0 ? gradient[i] : 0.f;
            else gradient[i] *= y.data[i] * (1 - y.data[i]);
        }
    });
}

/// sums[c] += the sum of channel c of a map [n, c, h, w].
inline void add_channel_sums(const View<float>& map, float* sums, int threads) {
    const std::int64_t channels = map[1], area = map[2] * map[3];
    parallel_for(threads, channels, [&](int, std::int64_t channel) {
        double sum = 0;
        for (std::int64_t image = 0; image < map[0]; ++image) {
            const float* plane = map.data + (image * channels + channel) * area;
            for (std::int64_t i = 0; i < area; ++i) sum += double(plane[i]);
        }
        sums[channel] = float(double(sums[channel]) + sum);
    });
}

}  // namespace regulus::reference
