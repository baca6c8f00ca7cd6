#pragma once
// Linear layers and softmax that learn.
#include <regulus/reference/learning_kernel.hpp>
#include <regulus/reference/linear_softmax.hpp>

namespace regulus::reference {

class LinearLearning final : public NodeKernel<ops::Linear> {
public:
    using NodeKernel::NodeKernel;

    bool backward_reads_inputs() const override { return rules_.learns; }
    bool backward_reads_outputs() const override { return op_.activation != Activation::none; }
    std::size_t scratch_bytes() const override { return zeros_bytes(op_.in_features); }

    void forward(const Arguments& arguments) override {
        const std::vector<float> weight = transposed(op_, arguments.parameters[0]);
        linear<float>(op_, arguments.inputs[0], weight.data(), op_.bias ? arguments.parameters[1] : nullptr, out(arguments), threads_);
    }

    void backward(const Arguments& arguments) override {
        const View<float> gradient = out_gradient(arguments);
        through_activation(op_.activation, out(arguments), gradient.data, threads_);
        const std::int64_t rows = gradient[0], features = op_.in_features, outs = op_.out_features;
        float* const to_input = in_gradient(arguments).data;
        if (to_input != nullptr) {
            parallel_for(threads_, rows, [&](int thread, std::int64_t row) {
                double* sums = zeros(arguments, thread, features);
                for (std::int64_t o = 0; o < outs; ++o) add_scaled(double(gradient.data[row * outs + o]), arguments.parameters[0] + o * features, sums);
                std::transform(sums, sums + features, to_input + row * features, [](double sum) { return float(sum); });
            });
        }
        if (float* const to_weight = parameter_gradient(arguments, 0); to_weight != nullptr) {
            parallel_for(threads_, outs, [&](int thread, std::int64_t o) {
                double* sums = zeros(arguments, thread, features);
                for (std::int64_t row = 0; row < rows; ++row) add_scaled(double(gradient.data[row * outs + o]), arguments.inputs[0] + row * features, sums);
                float* dst = to_weight + o * features;
                std::transform(sums, sums + features, dst, dst, [](double sum, float before) { return float(double(before) + sum); });
            });
        }
        if (op_.bias && parameter_gradient(arguments, 1) != nullptr) add_channel_sums({gradient.data, Shape{rows, outs, 1, 1}}, parameter_gradient(arguments, 1), threads_);
    }

private:
    void add_scaled(double factor, const float* row, double* sums) const {
        for (std::int64_t i = 0; i < op_.in_features; ++i) sums[i] += factor * double(row[i]);
    }
};

class SoftmaxLearning final : public NodeKernel<ops::Softmax> {
public:
    using NodeKernel::NodeKernel;

    bool backward_reads_outputs() const override { return true; }

    void forward(const Arguments& arguments) override { softmax(in(arguments), out(arguments), threads_); }

    void backward(const Arguments& arguments) override {
        if (in_gradient(arguments).data == nullptr) return;
        const Shape& shape = out_[0];
        const std::int64_t width = shape.rank() == 0 ? 1 : shape[shape.rank() - 1];
        parallel_for(threads_, width == 0 ? 0 : shape.numel() / width, [&](int, std::int64_t row) {
            const float* y = arguments.outputs[0] + row * width;
            const float* gradient = arguments.output_gradients[0] + row * width;
            double mean = 0;  // of the gradient, weighted by the probabilities
            for (std::int64_t i = 0; i < width; ++i) mean += double(y[i]) * double(gradient[i]);
            for (std::int64_t i = 0; i < width; ++i) arguments.input_gradients[0][row * width + i] = float(double(y[i]) * (double(gradient[i]) - mean));
        });
    }
};

}  // namespace regulus::reference
