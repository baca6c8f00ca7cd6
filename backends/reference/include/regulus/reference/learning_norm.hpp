#pragma once
// Batch norm and group norm that learn.
#include <algorithm>
#include <cmath>

#include <regulus/reference/conv.hpp>
#include <regulus/reference/group_norm.hpp>
#include <regulus/reference/learning_kernel.hpp>

namespace regulus::reference {

/// Mean and (biased) variance of some values, and the factor 1 / sqrt(variance + eps).
struct Moments {
    double mean = 0, variance = 0, factor = 0;
};

/// Of `rows` rows of `count` values, `step` apart; the squares in a second pass over distances from the mean.
template <class T>
Moments moments_of(const T* values, std::int64_t rows, std::int64_t step, std::int64_t count, double eps) {
    const double total = double(rows * count);
    double sum = 0, squares = 0;
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t i = 0; i < count; ++i) sum += double(values[row * step + i]);
    }
    const double mean = sum / total;
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t i = 0; i < count; ++i) squares += (double(values[row * step + i]) - mean) * (double(values[row * step + i]) - mean);
    }
    return {mean, squares / total, 1 / std::sqrt(squares / total + eps)};
}

/// Parameters: weight, bias, running mean, running variance.
class BatchNormLearning final : public NodeKernel<ops::BatchNorm> {
public:
    using NodeKernel::NodeKernel;

    bool backward_reads_inputs() const override { return rules_.learns || !rules_.stored_statistics; }
    bool backward_reads_outputs() const override { return op_.activation != Activation::none; }

    void forward(const Arguments& arguments) override {
        float* const* parameters = arguments.parameters.data();
        const std::int64_t rows = images(arguments);
        if (rules_.stored_statistics) batch_norm<float>(op_, in(arguments), {parameters[0], parameters[1], parameters[2], parameters[3], op_.eps}, out(arguments), threads_);
        std::fill(arguments.outputs[0] + rows * step(), arguments.outputs[0] + in_[0][0] * step(), 0.f);
        if (rules_.stored_statistics || rows == 0) return;
        const double momentum = arguments.norm_momentum, count = double(rows * area());
        parallel_for(threads_, op_.channels, [&](int, std::int64_t channel) {
            const Moments moments = moments_of(arguments.inputs[0] + channel * area(), rows, step(), area(), op_.eps);
            const ChannelNorm<double> normalise{moments.mean, double(parameters[0][channel]) * moments.factor, double(parameters[1][channel])};
            for_each_row(rows, channel, [&](std::int64_t i) { arguments.outputs[0][i] = float(kernels::activated(op_.activation, normalise(double(arguments.inputs[0][i])))); });
            const auto move = [&](float& running, double towards) { running = float((1 - momentum) * double(running) + momentum * towards); };
            move(parameters[2][channel], moments.mean);
            move(parameters[3][channel], moments.variance * count / std::max(count - 1, 1.0));
        });
    }

    void backward(const Arguments& arguments) override {
        const float* gradient = arguments.output_gradients[0];
        through_activation(op_.activation, out(arguments), arguments.output_gradients[0], threads_);
        float* const to_input = in_gradient(arguments).data;
        float* const to_weight = parameter_gradient(arguments, 0);
        float* const to_bias = parameter_gradient(arguments, 1);
        const std::int64_t rows = images(arguments);
        if (to_input != nullptr) std::fill(to_input + rows * step(), to_input + in_[0][0] * step(), 0.f);
        if (rows == 0) return;
        const double count = double(rows * area());
        parallel_for(threads_, op_.channels, [&](int, std::int64_t channel) {
            const Moments moments = rules_.stored_statistics ? stored(arguments, channel) : moments_of(arguments.inputs[0] + channel * area(), rows, step(), area(), op_.eps);
            const auto normed = [&](std::int64_t i) { return (double(arguments.inputs[0][i]) - moments.mean) * moments.factor; };
            double sum = 0, product = 0;  // of the gradient; of the gradient and the normed values
            if (backward_reads_inputs()) {
                for_each_row(rows, channel, [&](std::int64_t i) {
                    sum += double(gradient[i]);
                    product += double(gradient[i]) * normed(i);
                });
            }
            if (to_weight != nullptr) to_weight[channel] = float(double(to_weight[channel]) + product);
            if (to_bias != nullptr) to_bias[channel] = float(double(to_bias[channel]) + sum);
            if (to_input == nullptr) return;
            const double scale = double(arguments.parameters[0][channel]) * moments.factor;
            for_each_row(rows, channel, [&](std::int64_t i) {
                // The batch's mean and variance move with each value: what of the gradient lies along them is lost.
                const double lost = rules_.stored_statistics ? 0 : (sum + normed(i) * product) / count;
                to_input[i] = float(scale * (double(gradient[i]) - lost));
            });
        });
    }

private:
    /// Without rows that are padding.
    std::int64_t images(const Arguments& arguments) const { return arguments.rows < 0 ? in_[0][0] : arguments.rows; }
    std::int64_t area() const { return in_[0][2] * in_[0][3]; }
    std::int64_t step() const { return op_.channels * area(); }

    template <class Body>
    void for_each_row(std::int64_t images, std::int64_t channel, const Body& body) const {
        for (std::int64_t image = 0; image < images; ++image) {
            for (std::int64_t i = image * step() + channel * area(); i < image * step() + (channel + 1) * area(); ++i) body(i);
        }
    }

    Moments stored(const Arguments& arguments, std::int64_t channel) const {
        const double variance = double(arguments.parameters[3][channel]);
        return {double(arguments.parameters[2][channel]), variance, 1 / std::sqrt(variance + op_.eps)};
    }
};

class GroupNormLearning final : public NodeKernel<ops::GroupNorm> {
public:
    using NodeKernel::NodeKernel;

    bool backward_reads_inputs() const override { return true; }
    bool backward_reads_outputs() const override { return op_.activation != Activation::none; }
    std::size_t scratch_bytes() const override { return std::size_t(in_[0][0] * op_.groups) * sizeof(Moments); }

    void forward(const Arguments& arguments) override { group_norm<float>(op_, in(arguments), arguments.parameters[0], arguments.parameters[1], out(arguments), threads_); }

    void backward(const Arguments& arguments) override {
        through_activation(op_.activation, out(arguments), arguments.output_gradients[0], threads_);
        const float* src = arguments.inputs[0];
        const float* gradient = arguments.output_gradients[0];
        const float* weight = arguments.parameters[0];
        float* const to_input = in_gradient(arguments).data;
        const std::int64_t images = in_[0][0], area = in_[0][2] * in_[0][3], width = op_.channels / op_.groups;
        Moments* const moments = reinterpret_cast<Moments*>(arguments.scratch);
        parallel_for(threads_, images * op_.groups, [&](int, std::int64_t group) {
            const std::int64_t begin = group * width * area, count = width * area;
            const Moments own = moments[group] = moments_of(src + begin, 1, count, count, op_.eps);
            if (to_input == nullptr) return;
            const auto normed = [&](std::int64_t i) { return (double(src[i]) - own.mean) * own.factor; };
            const auto weighted = [&](std::int64_t i) { return double(gradient[i]) * double(weight[i / area % op_.channels]); };
            double sum = 0, product = 0;
            for (std::int64_t i = begin; i < begin + count; ++i) {
                sum += weighted(i);
                product += weighted(i) * normed(i);
            }
            for (std::int64_t i = begin; i < begin + count; ++i) to_input[i] = float(own.factor * (weighted(i) - (sum + normed(i) * product) / double(count)));
        });
        if (parameter_gradient(arguments, 1) != nullptr) add_channel_sums(out_gradient(arguments), parameter_gradient(arguments, 1), threads_);
        float* const to_weight = parameter_gradient(arguments, 0);
        if (to_weight == nullptr) return;
        parallel_for(threads_, op_.channels, [&](int, std::int64_t channel) {
            double product = 0;
            for (std::int64_t image = 0; image < images; ++image) {
                const Moments own = moments[image * op_.groups + channel / width];
                const std::int64_t begin = (image * op_.channels + channel) * area;
                for (std::int64_t i = begin; i < begin + area; ++i) product += double(gradient[i]) * (double(src[i]) - own.mean) * own.factor;
            }
            to_weight[channel] = float(double(to_weight[channel]) + product);
        });
    }
};

}  // namespace regulus::reference
